import Database from 'better-sqlite3';
import { closeSync, existsSync, openSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadAddon } from '../../io/assets.ts';
import { type Encryption, ValueCipher } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import type { Batch, RoomState } from '../journal.ts';
import { type Census, censusAfter, sealedRows } from '../seal.ts';
import { syncFile, syncFolder } from './folder.ts';
import { type DiskTrouble, Reserve, troubleOf } from './reserve.ts';
import { configure } from './schema.ts';
import { trimAllocator } from './trim-allocator.ts';

export interface LogFileOptions {
  path: string;
  /** As recovery counted. */
  census: Census;
  encryption?: Encryption;
  /** Keep room for what a full disk must still take. */
  reserve?: boolean;
}

/** A store has one owner; a stopped one may take a moment to let go. */
const lockWaitMs = 300;

/** How often a commit is tried whose sync fails. */
const commitAttempts = 3;

/**
 * While the disk is full the log is emptied when it has so many pages: SQLite's thousand would take
 * half of the reserve.
 */
const checkpointPages = 128;

/**
 * Free space is given back by writing what is in use again, twice (the log, then the file): a slow
 * card takes a second or two for so much. Less free space than this is room for what comes.
 */
const rewriteMostBytes = 8 * 1024 * 1024;
const freeLeastBytes = 16 * 1024 * 1024;

/** https://www.sqlite.org/fileformat2.html#walformat */
const walHeaderBytes = 32;
const walFrameBytes = 24;

/**
 * Nobody knows whether a commit is on the disk. The file is closed: only a start, which reads it
 * again, can tell.
 */
export class Undecided extends Error {}

function syncFailed(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code === 'SQLITE_IOERR_FSYNC' || code === 'SQLITE_IOERR_DIR_FSYNC';
}

let addon: object | undefined;

/** Opens a database with the addon that travels with the program. */
export async function openDatabase(
  path: string,
  options: { readonly?: boolean } = {},
): Promise<Database.Database> {
  await openAddon();
  return openNow(path, options);
}

/** Before LogFile.openNow. */
export async function openAddon(): Promise<void> {
  addon ??= await loadAddon('better_sqlite3.node');
}

const openNow = (path: string, options: { readonly?: boolean } = {}): Database.Database =>
  new Database(path, {
    ...options,
    timeout: lockWaitMs,
    nativeBinding: addon as unknown as string,
  });

function prepare(db: Database.Database): Statements {
  configure(db);
  return {
    insert: db.prepare('INSERT INTO log(seq, row) VALUES (?, ?)'),
    delete: db.prepare('DELETE FROM log WHERE seq = ?'),
    begin: db.prepare('BEGIN IMMEDIATE'),
    end: db.prepare('COMMIT'),
  };
}

const roomOf = (trouble: DiskTrouble | undefined): RoomState =>
  trouble === undefined ? 'ample' : trouble === 'full' ? 'scarce' : 'read-only';

/** Copies a database to one file, which is there whole and durable, or not at all. */
export function copyDatabase(db: Database.Database, target: string): void {
  if (existsSync(target))
    throw new StoreError('INVALID_ARGUMENT', `${target} exists already`, { op: 'snapshot' });
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

interface Statements {
  insert: Database.Statement<[number, Buffer]>;
  delete: Database.Statement<[number]>;
  begin: Database.Statement;
  end: Database.Statement;
}

/** The SQLite file as the writer thread uses it. Synchronous by nature. */
export class LogFile {
  #db: Database.Database;
  #run: Statements;
  #census: Census;
  #cipher: ValueCipher | undefined;
  readonly #reserve: Reserve | undefined;
  readonly #tell: (room: RoomState) => void;
  #room: RoomState = 'ample';
  #extension: number | undefined;

  /** `tell` hears of each change of the room on the disk that a commit finds. */
  static openNow(options: LogFileOptions, tell?: (room: RoomState) => void): LogFile {
    return new LogFile(openNow(options.path), options, tell);
  }

  constructor(
    db: Database.Database,
    options: Pick<LogFileOptions, 'census' | 'encryption' | 'reserve'>,
    tell: (room: RoomState) => void = () => undefined,
  ) {
    this.#db = db;
    this.#run = prepare(db);
    this.#census = options.census;
    this.encrypt(options.encryption);
    this.#tell = tell;
    if (options.reserve !== true) return;
    this.#reserve = new Reserve(db.name);
    this.#enter(roomOf(this.#reserve.fill()));
  }

  /** Encrypts what is written from now on with these keys. */
  encrypt(encryption: Encryption | undefined): void {
    this.#cipher = encryption ? new ValueCipher(encryption) : undefined;
  }

  /**
   * One transaction; when it throws, nothing of the batch is in the log. A sync that failed leaves
   * open what is on the disk, and Linux takes the pages for written from then on, so that another
   * sync alone would prove nothing. Trying again on the same connection writes the same frames to
   * the same place, and syncs those. Throws Undecided when that fails too.
   */
  commit(batch: Batch): void {
    for (;;) {
      try {
        return this.#commit(batch);
      } catch (error) {
        if (error instanceof Undecided || !this.#makeRoom(error)) throw error;
      }
    }
  }

  #commit(batch: Batch): void {
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
    const run = this.#run;
    run.begin.run();
    try {
      const deleted: number[] = [];
      for (const seq of batch.deletes) if (run.delete.run(seq).changes > 0) deleted.push(seq);
      const census = censusAfter(this.#census, batch, deleted);
      for (const [seq, row] of sealedRows(batch, census, this.#cipher)) run.insert.run(seq, row);
      run.end.run();
      this.#census = census;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** True when the reserve gave something and the commit may be tried again. */
  #makeRoom(error: unknown): boolean {
    const trouble = this.#troubleOf(error);
    if (trouble === undefined) return false;
    this.#enter(roomOf(trouble));
    if (trouble === 'read-only')
      throw Object.assign(new Error(`the file system is read-only`), { code: 'READ_ONLY' });
    try {
      // A log that is long goes to its place first: then it starts over, and commits need no new
      // room for a while.
      return this.#walExtent().pages < checkpointPages ? this.#growLog() : this.#growDatabase();
    } catch {
      return false;
    }
  }

  /**
   * The write-ahead log gets a piece of the reserve. SQLite takes zeros behind its frames for
   * nothing.
   */
  #growLog(): boolean {
    const log = openSync(`${this.#db.name}-wal`, 'r+');
    try {
      return this.#reserve?.moveTo(log) ?? false;
    } finally {
      closeSync(log);
    }
  }

  /**
   * The database gets pieces until it holds what stands in the log; the checkpoint cuts off what it
   * did not need.
   */
  #growDatabase(): boolean {
    // Never closed before the database is: to close a file is to let go of every lock that the
    // process has on it.
    this.#extension ??= openSync(this.#db.name, 'r+');
    do {
      try {
        this.#db.pragma('wal_checkpoint(PASSIVE)');
        return true;
      } catch (error) {
        if (troubleOf(error) !== 'full') throw error;
      }
    } while (this.#reserve?.moveTo(this.#extension));
    return false;
  }

  /** SQLite does not say why a call failed; a file beside it does. */
  #troubleOf(error: unknown): DiskTrouble | undefined {
    if (this.#reserve === undefined) return undefined;
    const { code = '' } = error as { code?: string };
    return (
      troubleOf(error) ??
      (/^SQLITE_(IOERR|READONLY|CANTOPEN)/.test(code) && this.#reserve.fill() === 'read-only'
        ? 'read-only'
        : undefined)
    );
  }

  #enter(room: RoomState): void {
    if (room === this.#room) return;
    this.#room = room;
    this.#tell(room);
  }

  /**
   * Looks at the disk: makes the reserve whole if there is room, and opens the database again where
   * it had been read-only.
   */
  lookForRoom(): RoomState {
    if (this.#reserve === undefined) return 'ample';
    const room = roomOf(this.#reserve.fill());
    if (this.#room === 'read-only' && room !== 'read-only') this.#reopen();
    this.#room = room;
    return room;
  }

  /**
   * SQLite goes on with a database that it could only open for reading as it opened it. Nobody
   * wrote meanwhile.
   */
  #reopen(): void {
    const { name } = this.#db;
    this.#closeAll();
    this.#db = openNow(name);
    this.#run = prepare(this.#db);
  }

  /**
   * Closes the file without what is in doubt. Left in the write-ahead log, the next process would
   * take it for committed, because Linux shows it what never came to the disk, and would build on
   * it.
   */
  #giveUp(cause: Error): never {
    let closing: unknown;
    try {
      const { pages, pageBytes } = this.#walExtent();
      this.#closeAll();
      truncateSync(
        `${this.#db.name}-wal`,
        pages > 0 ? walHeaderBytes + pages * (walFrameBytes + pageBytes) : 0,
      );
    } catch (error) {
      closing = error;
    }
    throw new Undecided(
      `the disk failed ${commitAttempts} times to sync a commit (${cause.message}): what is ` +
        'on it will be known after a start; look at the kernel log for its errors',
      { cause: closing ?? cause },
    );
  }

  /**
   * How many pages of the write-ahead log SQLite takes for committed: without the batch that it
   * rolled back.
   */
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

  /**
   * What a flood of writes has left: pages of the file, when most of it is free and little has to
   * be rewritten (commits wait meanwhile), and memory of the process.
   */
  giveBack(): void {
    const { bytes, inUseBytes } = this.size();
    const free = bytes - inUseBytes;
    const cheap = inUseBytes <= rewriteMostBytes && free >= freeLeastBytes && free > 2 * inUseBytes;
    if (cheap && this.#room === 'ample') this.defragment();
    trimAllocator(openNow(':memory:'));
  }

  snapshot(path: string): void {
    copyDatabase(this.#db, path);
  }

  close(): void {
    try {
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      this.#closeAll();
    }
  }

  #closeAll(): void {
    this.#db.close();
    if (this.#extension !== undefined) closeSync(this.#extension);
    this.#extension = undefined;
  }
}
