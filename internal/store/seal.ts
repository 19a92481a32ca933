import { crc32 } from 'node:zlib';
import { StoreError } from './errors.ts';
import type { Batch, Seal } from './journal.ts';
import {
  crcBytes,
  lengthBytes,
  readRow,
  rowFlag,
  rowKind,
  type Row,
  type RowCipher,
} from './row.ts';

/** Three revisions (8 bytes each), clean (1), rows (6), hash of row numbers (4). */
const sealBytes = 35;

/**
 * How many rows a log has, and the exclusive or of hashOfSeq of all their numbers: enough to notice
 * any that is missing.
 */
export interface Census {
  rows: number;
  hash: number;
}

export interface LogSeal extends Seal, Census {}

/**
 * The rows of a batch as they are kept: checksummed, the last one with the seal. `census` is of the
 * log after the batch.
 */
export function* sealedRows(
  batch: Batch,
  census: Census,
  cipher?: RowCipher,
): Generator<[seq: number, row: Buffer]> {
  const bytes = Buffer.from(batch.rows.buffer, batch.rows.byteOffset, batch.rows.byteLength);
  const last = batch.firstSeq + Math.max(1, batch.rowCount) - 1;
  for (let at = 0, seq = batch.firstSeq; seq <= last; seq++) {
    let row: Buffer;
    if (batch.rowCount > 0) {
      const length = bytes.readUInt32LE(at);
      row = bytes.subarray(at + lengthBytes, at + lengthBytes + length);
      at += lengthBytes + length;
    } else {
      row = Buffer.alloc(crcBytes + 1);
      row[crcBytes] = rowKind.sealOnly;
    }
    if (cipher) row = cipher.encrypt(row);
    if (seq === last) row = withSeal(row, { ...batch.seal, ...census });
    row.writeUInt32LE(checksum(row, seq), 0);
    yield [seq, row];
  }
}

/** The census after a batch: `deleted` are the rows it really removed. */
export function censusAfter(before: Census, batch: Batch, deleted: Iterable<number>): Census {
  const count = Math.max(1, batch.rowCount);
  const after = { rows: before.rows + count, hash: before.hash };
  for (let i = 0; i < count; i++) after.hash = (after.hash ^ hashOfSeq(batch.firstSeq + i)) >>> 0;
  for (const seq of deleted) {
    after.rows--;
    after.hash = (after.hash ^ hashOfSeq(seq)) >>> 0;
  }
  return after;
}

/** Reads a kept row; throws StoreError CORRUPT when it is damaged. */
export function openRow(
  seq: number,
  row: Buffer,
  cipher?: RowCipher,
): { row: Row; seal: LogSeal | undefined } {
  if (row.length <= crcBytes || row.readUInt32LE(0) !== checksum(row, seq))
    throw new StoreError('CORRUPT', `row ${seq} of the log is damaged`, { op: 'open' });
  const flags = row[crcBytes] as number;
  const sealed = (flags & rowFlag.seal) !== 0;
  const seal = sealed ? readSeal(row) : undefined;
  let body = sealed ? row.subarray(0, row.length - sealBytes) : row;
  if (flags & rowFlag.encrypted) {
    if (!cipher)
      throw new StoreError('CORRUPT', `row ${seq} is encrypted and there is no key`, {
        op: 'open',
        hint: 'put the encryption keys of this data directory back',
      });
    body = cipher.decrypt(body);
  }
  return { row: readRow(body), seal };
}

/** What a row number adds to a census: the same for adding and for removing. */
export function hashOfSeq(seq: number): number {
  let x = ((seq % 4294967296) ^ Math.floor(seq / 4294967296)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The checksum of a row covers its number too, so that a row in another's place is found. */
export function checksum(row: Uint8Array, seq: number): number {
  return crc32(row.subarray(crcBytes), hashOfSeq(seq));
}

function withSeal(row: Buffer, seal: LogSeal): Buffer {
  const at = row.length;
  const into = Buffer.alloc(at + sealBytes);
  row.copy(into);
  into[crcBytes] = (into[crcBytes] as number) | rowFlag.seal;
  into.writeDoubleLE(seal.revision, at);
  into.writeDoubleLE(seal.ceiling, at + 8);
  into.writeDoubleLE(seal.horizon, at + 16);
  into[at + 24] = seal.clean ? 1 : 0;
  into.writeUIntLE(seal.rows, at + 25, 6);
  into.writeUInt32LE(seal.hash, at + 31);
  return into;
}

function readSeal(row: Buffer): LogSeal {
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
