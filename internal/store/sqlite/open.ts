import Database from 'better-sqlite3';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../../io/assets.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { realRandom, type Random } from '../../io/random.ts';
import { LogStore } from '../log-store.ts';
import { loadLog } from './load.ts';
import { configure, createTables, fileName } from './schema.ts';
import { SqliteJournal } from './sqlite-journal.ts';

/** Kubernetes' own: watches may resume and pages continue for this long. */
const defaultHistoryMs = 300_000;

export interface SqliteStoreOptions {
  /** A folder of the store's own; made when missing. */
  dir: string;
  clock: Clock;
  log: Log;
  random?: Random;
  /** How much history is kept; 0 = all, until somebody compacts. */
  historyMs?: number;
}

/** Opens (or makes) the store below `dir`: checks it, repairs what a power cut may leave, loads it, starts the writer. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<LogStore> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const path = join(options.dir, fileName);
  const log = options.log.named('store');
  const db = new Database(path, { nativeBinding: (await loadAddon('better_sqlite3.node')) as unknown as string });
  let loaded;
  try {
    configure(db);
    createTables(db);
    loaded = loadLog(db, options.clock);
  } finally {
    db.close();
  }
  const { recovered, rows, hash } = loaded;
  if (recovered.unclean) log.info('the store was not closed in order', { revision: recovered.state.published });
  const journal = new SqliteJournal({ path, rows, hash });
  return new LogStore({ journal, recovered, clock: options.clock, log, random: options.random ?? realRandom, historyMs: options.historyMs ?? defaultHistoryMs });
}
