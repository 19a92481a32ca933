import type Database from 'better-sqlite3';

export const fileName = 'store.db';
/** Raised when older versions could not read the file any more. */
export const formatVersion = 1;
/** "skif": tells our files from other SQLite databases. */
export const applicationId = 0x736b6966;

/**
 * Before the first look at the file: the owner needs no shared memory beside it, for which a full
 * disk has no room.
 */
export function lock(db: Database.Database): void {
  db.pragma('locking_mode = EXCLUSIVE');
}

/**
 * Prepares a connection. FULL: a commit is on the disk when it returns; WAL alone would lose the
 * newest in a power cut.
 */
export function configure(db: Database.Database): void {
  lock(db);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('journal_size_limit = 16777216');
  db.pragma('cache_size = -2048');
}

/**
 * Writes nothing where all is there already: a store whose disk is full must still be readable
 * after a start.
 */
export function createTables(db: Database.Database): void {
  const known =
    db.pragma('application_id', { simple: true }) === applicationId &&
    db.pragma('user_version', { simple: true }) === formatVersion;
  if (
    known &&
    db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'log'").pluck().get() === 1
  )
    return;
  db.pragma(`application_id = ${applicationId}`);
  db.pragma(`user_version = ${formatVersion}`);
  db.exec('CREATE TABLE IF NOT EXISTS log(seq INTEGER PRIMARY KEY, row BLOB NOT NULL)');
}
