import type Database from 'better-sqlite3';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { realRandom, type Random } from '../../io/random.ts';
import { type Encryption, ValueCipher } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import type { RoomState } from '../journal.ts';
import { LogStore } from '../log-store.ts';
import { recover, type Recovered } from '../recovery.ts';
import { usualHistoryMs } from '../give-back.ts';
import type { Census } from '../seal.ts';
import { makeStoreDir } from './folder.ts';
import { openDatabase } from './log-file.ts';
import { Reserve } from './reserve.ts';
import { applicationId, configure, createTables, lock, fileName, formatVersion } from './schema.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import { checkWal } from './wal-check.ts';

export interface SqliteStoreOptions {
  /** A folder of the store's own; made when missing. */
  dir: string;
  clock: Clock;
  log: Log;
  random?: Random;
  /** How much history is kept; 0 = all, until somebody compacts. */
  historyMs?: number | undefined;
  /** Encryption at rest. All keys that rows may be encrypted with. */
  encryption?: Encryption;
  /** Keep room on the disk for the writes that a full one must still take. */
  reserve?: boolean;
  /** Where a copy is read from when `dir` is read-only: in memory, best. */
  scratchDir?: string;
}

/**
 * Opens (or makes) the store below `dir`: checks it, loads it, starts the writer. Throws StoreError
 * CORRUPT with a hint.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<LogStore> {
  makeStoreDir(options.dir);
  const path = join(options.dir, fileName);
  const log = options.log.named('store');
  const { recovered, census, room } = await loadAnyFile(path, options);
  if (recovered.unclean)
    log.info('the store was not closed in order', { revision: recovered.state.published });
  const journal = new SqliteJournal({
    path,
    census,
    encryption: options.encryption,
    reserve: options.reserve,
  });
  return new LogStore({
    journal,
    recovered,
    clock: options.clock,
    log,
    random: options.random ?? realRandom,
    historyMs: options.historyMs ?? usualHistoryMs,
    initialRoom: room,
  });
}

/**
 * On a file system that is read-only SQLite cannot own the file, nor read what its log holds: a
 * copy elsewhere is read.
 */
async function loadAnyFile(
  path: string,
  { clock, encryption, reserve, scratchDir }: SqliteStoreOptions,
): Promise<{ recovered: Recovered; census: Census; room?: RoomState }> {
  if (reserve !== true || !existsSync(path) || new Reserve(path).fill() !== 'read-only')
    return await loadFile(path, clock, encryption);
  const scratch = mkdtempSync(join(scratchDir ?? '/tmp', 'store-'));
  try {
    for (const file of [path, `${path}-wal`])
      if (existsSync(file)) copyFileSync(file, join(scratch, basename(file)));
    return {
      ...(await loadFile(join(scratch, basename(path)), clock, encryption)),
      room: 'read-only',
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Reads the file. SQLite itself has by then thrown away what was not committed: a torn end of the
 * write-ahead log.
 */
export async function loadFile(
  path: string,
  clock: Clock,
  encryption: Encryption | undefined,
): Promise<{ recovered: Recovered; census: Census }> {
  let db: Database.Database | undefined;
  try {
    // Before SQLite opens it: that would throw away what stands behind the damage.
    checkWal(path);
    db = await openDatabase(path);
    lock(db);
    checkOwner(db, path);
    configure(db);
    createTables(db);
    return readLog(db, clock, encryption);
  } catch (error) {
    throw explained(error, path);
  } finally {
    db?.close();
  }
}

export function readLog(
  db: Database.Database,
  clock: Clock,
  encryption: Encryption | undefined,
): { recovered: Recovered; census: Census } {
  const rows = db
    .prepare('SELECT seq, row FROM log ORDER BY seq')
    .raw()
    .iterate() as IterableIterator<[number, Buffer]>;
  return recover(rows, clock, encryption ? new ValueCipher(encryption) : undefined);
}

function checkOwner(db: Database.Database, path: string): void {
  const id = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true }) as number;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  if (tables > 0 && id !== applicationId)
    throw new StoreError('INVALID_ARGUMENT', `${path} belongs to another program`, {
      op: 'open',
      hint: 'choose another data directory',
    });
  if (version > formatVersion)
    throw new StoreError(
      'INVALID_ARGUMENT',
      `${path} was written by a newer version (format ${version})`,
      { op: 'open', hint: 'start the newer version, or restore an older snapshot' },
    );
}

/** An error of the disk or of SQLite in words that say what to do. */
export function explained(error: unknown, path: string): StoreError {
  const { code = '', message } = error as { code?: string; message: string };
  if (error instanceof StoreError && error.hint !== undefined) return error;
  if (
    error instanceof StoreError ||
    code.startsWith('SQLITE_CORRUPT') ||
    code === 'SQLITE_NOTADB'
  ) {
    return new StoreError('CORRUPT', `${path}: ${message}`, {
      op: 'open',
      cause: error,
      hint:
        'nothing was changed; restore a snapshot ("skiff datastore restore"), or keep a copy ' +
        'of the folder and ask for help',
    });
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new StoreError('UNAVAILABLE', `${path} is in use by another process`, {
      op: 'open',
      cause: error,
      hint: 'stop it first',
    });
  return new StoreError('UNAVAILABLE', `${path}: ${code} ${message}`, {
    op: 'open',
    cause: error,
    hint: 'look at the file system and the kernel log',
  });
}
