import { openDatabase } from './log-file.ts';

export interface KineValue {
  name: string;
  value: Uint8Array;
  lease?: number;
  deleted?: boolean;
}

/**
 * An SQLite file as kine makes it: each write is a row, and each row knows the one before it.
 * Leaves a write-ahead log behind, as a kill does.
 */
export async function writeKineFile(path: string, writes: KineValue[]): Promise<{ close(): void }> {
  const db = await openDatabase(path);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);
    CREATE INDEX kine_name_index ON kine (name); CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);
    INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES ('compact_rev_key', 1, 0, 0, 0, 0, '', '');`);
  const insert = db.prepare(
    'INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, ' +
      'old_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const before = new Map<
    string,
    { id: number; created: number; value: Uint8Array; deleted: boolean }
  >();
  for (const { name, value, lease = 0, deleted = false } of writes) {
    const prev = before.get(name);
    const creates = !prev || prev.deleted;
    const done = insert.run(
      name,
      creates ? 1 : 0,
      deleted ? 1 : 0,
      creates ? 0 : prev.created,
      prev?.id ?? 0,
      lease,
      value,
      prev?.value ?? null,
    );
    const id = Number(done.lastInsertRowid);
    before.set(name, { id, created: creates ? id : prev.created, value, deleted });
  }
  return { close: () => db.close() };
}
