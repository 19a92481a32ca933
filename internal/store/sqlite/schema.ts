import type Database from 'better-sqlite3';
import { crc32 } from 'node:zlib';
import type { Seal } from '../journal.ts';

export const fileName = 'store.db';
/** Raised when older versions could not read the file any more. */
export const formatVersion = 1;
/** "skif": tells our files from other SQLite databases. */
export const applicationId = 0x736b6966;

/** Prepares a connection. FULL: a commit is on the disk when it returns; WAL alone would lose the newest in a power cut. */
export function configure(db: Database.Database): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('locking_mode = EXCLUSIVE');
  db.pragma('journal_size_limit = 16777216');
  db.pragma('cache_size = -2048');
}

export function createTables(db: Database.Database): void {
  db.pragma(`application_id = ${applicationId}`);
  db.pragma(`user_version = ${formatVersion}`);
  db.exec('CREATE TABLE IF NOT EXISTS log(seq INTEGER PRIMARY KEY, row BLOB NOT NULL)');
  db.exec('CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID');
}

/** Three revisions (8 bytes each), clean (1), rows (6), hash of row numbers (4). */
export const sealBytes = 35;

export interface SealedLog extends Seal {
  rows: number;
  hash: number;
}

export function writeSeal(into: Buffer, at: number, seal: SealedLog): void {
  into.writeDoubleLE(seal.revision, at);
  into.writeDoubleLE(seal.ceiling, at + 8);
  into.writeDoubleLE(seal.horizon, at + 16);
  into[at + 24] = seal.clean ? 1 : 0;
  into.writeUIntLE(seal.rows, at + 25, 6);
  into.writeUInt32LE(seal.hash, at + 31);
}

export function readSeal(row: Buffer): SealedLog {
  const at = row.length - sealBytes;
  return {
    revision: row.readDoubleLE(at),
    ceiling: row.readDoubleLE(at + 8),
    horizon: row.readDoubleLE(at + 16),
    clean: row[at + 24] === 1,
    rows: row.readUIntLE(at + 25, 6),
    hash: row.readUInt32LE(at + 31),
  };
}

/** What a row number adds to the hash of all row numbers (by exclusive or): the same for adding and for removing. */
export function hashOfSeq(seq: number): number {
  let x = (seq % 4294967296 ^ Math.floor(seq / 4294967296)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The checksum of a row covers its number too, so that a row in another's place is found. */
export function checksum(row: Uint8Array, seq: number): number {
  return crc32(row.subarray(4), hashOfSeq(seq));
}
