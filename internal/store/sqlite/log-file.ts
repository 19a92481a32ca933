import Database from 'better-sqlite3';
import { loadAddon } from '../../io/assets.ts';
import type { Batch } from '../journal.ts';
import { crcBytes, rowFlag, rowKind } from '../row.ts';
import { checksum, configure, createTables, hashOfSeq, sealBytes, writeSeal } from './schema.ts';

export interface LogFileOptions {
  path: string;
  /** Rows in the log and the hash of their numbers, as recovery counted them. */
  rows: number;
  hash: number;
}

const lengthBytes = 4;

/** The SQLite file as the writer thread uses it. Synchronous by nature. */
export class LogFile {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[number, Buffer]>;
  readonly #delete: Database.Statement<[number]>;
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  #rows: number;
  #hash: number;

  static async open(options: LogFileOptions): Promise<LogFile> {
    const db = new Database(options.path, { nativeBinding: (await loadAddon('better_sqlite3.node')) as unknown as string });
    return new LogFile(db, options);
  }

  constructor(db: Database.Database, options: { rows: number; hash: number }) {
    this.#db = db;
    configure(db);
    createTables(db);
    this.#rows = options.rows;
    this.#hash = options.hash;
    this.#insert = db.prepare('INSERT INTO log(seq, row) VALUES (?, ?)');
    this.#delete = db.prepare('DELETE FROM log WHERE seq = ?');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#end = db.prepare('COMMIT');
  }

  /** One transaction; when it throws, nothing of the batch is in the log. */
  commit(batch: Batch): void {
    let rows = this.#rows;
    let hash = this.#hash;
    this.#begin.run();
    try {
      const bytes = Buffer.from(batch.rows.buffer, batch.rows.byteOffset, batch.rows.byteLength);
      const count = Math.max(1, batch.rowCount);
      // Rows first, with the seal's numbers known from the outset: deletes are counted by asking for what is there.
      for (const seq of batch.deletes) {
        if (this.#delete.run(seq).changes === 0) continue;
        rows--;
        hash = (hash ^ hashOfSeq(seq)) >>> 0;
      }
      const last = batch.firstSeq + count - 1;
      rows += count;
      for (let seq = batch.firstSeq; seq <= last; seq++) hash = (hash ^ hashOfSeq(seq)) >>> 0;
      for (let at = 0, seq = batch.firstSeq; seq <= last; seq++) {
        const length = batch.rowCount > 0 ? bytes.readUInt32LE(at) : crcBytes + 1;
        let row: Buffer;
        if (batch.rowCount > 0) row = bytes.subarray(at + lengthBytes, at + lengthBytes + length);
        else (row = Buffer.alloc(crcBytes + 1))[crcBytes] = rowKind.sealOnly;
        if (seq === last) {
          row = Buffer.concat([row], length + sealBytes);
          row[crcBytes] = (row[crcBytes] as number) | rowFlag.seal;
          writeSeal(row, length, { ...batch.seal, rows, hash });
        }
        row.writeUInt32LE(checksum(row, seq), 0);
        this.#insert.run(seq, row);
        at += lengthBytes + length;
      }
      this.#end.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    this.#rows = rows;
    this.#hash = hash;
  }

  size(): { bytes: number; inUseBytes: number } {
    const page = this.#db.pragma('page_size', { simple: true }) as number;
    const pages = this.#db.pragma('page_count', { simple: true }) as number;
    const free = this.#db.pragma('freelist_count', { simple: true }) as number;
    return { bytes: page * pages, inUseBytes: page * (pages - free) };
  }

  defragment(): void {
    this.#db.exec('VACUUM');
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
  }

  snapshot(path: string): void {
    this.#db.prepare('VACUUM INTO ?').run(path);
  }

  close(): void {
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }
}
