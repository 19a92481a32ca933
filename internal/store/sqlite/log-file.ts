import Database from 'better-sqlite3';
import { closeSync, existsSync, openSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadAddon } from '../../io/assets.ts';
import { type Encryption, ValueCipher } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import type { Batch } from '../journal.ts';
import { type Census, censusAfter, sealedRows } from '../seal.ts';
import { syncFile, syncFolder } from './folder.ts';
import { configure } from './schema.ts';

export interface LogFileOptions {
  path: string;
  /** As recovery counted. */
  census: Census;
  encryption?: Encryption;
}

/** A store has one owner; a stopped one may take a moment to let go. */
const lockWaitMs = 300;

/** How often a commit is tried whose sync fails. */
const commitAttempts = 3;

/** https://www.sqlite.org/fileformat2.html#walformat */
const walHeaderBytes = 32;
const walFrameBytes = 24;

/** Nobody knows whether a commit is on the disk. The file is closed: only a start, which reads it anew, can tell. */
export class Undecided extends Error {}

function syncFailed(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code === 'SQLITE_IOERR_FSYNC' || code === 'SQLITE_IOERR_DIR_FSYNC';
}

/** Opens a database with the addon that travels with the program. */
export async function openDatabase(path: string, options: { readonly?: boolean } = {}): Promise<Database.Database> {
  return new Database(path, { ...options, timeout: lockWaitMs, nativeBinding: (await loadAddon('better_sqlite3.node')) as unknown as string });
}

/** Copies a database to one file, which is there whole and durable, or not at all. */
export function copyDatabase(db: Database.Database, target: string): void {
  if (existsSync(target)) throw new StoreError('INVALID_ARGUMENT', `${target} exists already`, { op: 'snapshot' });
  const part = `${target}.part`;
  // A journal that a power cut left must not be taken for the new file's.
  for (const left of [part, `${part}-journal`]) rmSync(left, { force: true });
  try {
    // SQLite takes an empty file and leaves it its mode: Secrets are in it.
    closeSync(openSync(part, 'wx', 0o600));
    db.prepare('VACUUM INTO ?').run(part);
    syncFile(part);
    renameSync(part, target);
    syncFolder(dirname(target));
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** The SQLite file as the writer thread uses it. Synchronous by nature. */
export class LogFile {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[number, Buffer]>;
  readonly #delete: Database.Statement<[number]>;
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  #census: Census;
  #cipher: ValueCipher | undefined;

  static async open(options: LogFileOptions): Promise<LogFile> {
    return new LogFile(await openDatabase(options.path), options);
  }

  constructor(db: Database.Database, options: Pick<LogFileOptions, 'census' | 'encryption'>) {
    this.#db = db;
    configure(db);
    this.#census = options.census;
    this.encrypt(options.encryption);
    this.#insert = db.prepare('INSERT INTO log(seq, row) VALUES (?, ?)');
    this.#delete = db.prepare('DELETE FROM log WHERE seq = ?');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#end = db.prepare('COMMIT');
  }

  /** Encrypts what is written from now on with these keys. */
  encrypt(encryption: Encryption | undefined): void {
    this.#cipher = encryption ? new ValueCipher(encryption) : undefined;
  }

  /**
   * One transaction; when it throws, nothing of the batch is in the log. A sync that failed leaves open what is on the
   * disk, and Linux takes the pages for written from then on, so that another sync alone would prove nothing. Trying
   * again on the same connection writes the same frames to the same place, and syncs those. Throws Undecided when that
   * fails too.
   */
  commit(batch: Batch): void {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#transact(batch);
      } catch (error) {
        const open = syncFailed(error);
        if (!open && attempt === 1) throw error;
        if (!open || attempt === commitAttempts) this.#giveUp(error as Error);
      }
    }
  }

  #transact(batch: Batch): void {
    this.#begin.run();
    try {
      const deleted: number[] = [];
      for (const seq of batch.deletes) if (this.#delete.run(seq).changes > 0) deleted.push(seq);
      const census = censusAfter(this.#census, batch, deleted);
      for (const [seq, row] of sealedRows(batch, census, this.#cipher)) this.#insert.run(seq, row);
      this.#end.run();
      this.#census = census;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Closes the file without what is in doubt. Left in the write-ahead log, the next process would take it for committed,
   * because Linux shows it what never came to the disk, and would build on it.
   */
  #giveUp(cause: Error): never {
    let closing: unknown;
    try {
      const { pages, pageBytes } = this.#walExtent();
      this.#db.close();
      truncateSync(`${this.#db.name}-wal`, pages > 0 ? walHeaderBytes + pages * (walFrameBytes + pageBytes) : 0);
    } catch (error) {
      closing = error;
    }
    throw new Undecided(`the disk failed ${commitAttempts} times to sync a commit (${cause.message}): what is on it will be known after a start; look at the kernel log for its errors`, { cause: closing ?? cause });
  }

  /** How many pages of the write-ahead log SQLite takes for committed: without the batch that it rolled back. */
  #walExtent(): { pages: number; pageBytes: number } {
    const [{ log }] = this.#db.pragma('wal_checkpoint(NOOP)') as [{ log: number }];
    return { pages: log, pageBytes: this.#db.pragma('page_size', { simple: true }) as number };
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
    copyDatabase(this.#db, path);
  }

  close(): void {
    try {
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      this.#db.close();
    }
  }
}
