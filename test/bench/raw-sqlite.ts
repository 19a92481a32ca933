import Database from 'better-sqlite3';
import { join } from 'node:path';
import { configure, createTables } from '../../internal/store/sqlite/schema.ts';

/**
 * The floor of durable writes: rows of a 450-byte object into the store's own schema with its own
 * settings, and nothing else.
 */
export function rawSqlite(dir: string): {
  rows(count: number, perCommit: number): void;
  close(): void;
} {
  const db = new Database(join(dir, 'raw.db'));
  configure(db);
  createTables(db);
  const insert = db.prepare('INSERT INTO log(seq, row) VALUES (?, ?)');
  const row = Buffer.alloc(520, 'r');
  let seq = 0;
  const many = db.transaction((count: number) => {
    for (let i = 0; i < count; i++) insert.run(++seq, row);
  });
  return {
    rows(count, perCommit) {
      for (let done = 0; done < count; done += perCommit) many(perCommit);
    },
    close: () => void db.close(),
  };
}
