import type { Clock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import type { Encryption } from '../cipher.ts';
import type { Batch, Journal } from '../journal.ts';
import { LogStore } from '../log-store.ts';
import { LogFile, openDatabase } from '../sqlite/log-file.ts';
import { loadFile } from '../sqlite/open.ts';
import { errorOf } from '../sqlite/sqlite-journal.ts';

/**
 * The real file without the writer thread: what happens depends on the seed alone, and a start
 * takes two milliseconds.
 */
class InlineJournal implements Journal {
  readonly #file: LogFile;

  constructor(file: LogFile) {
    this.#file = file;
  }

  async commit(batch: Batch): Promise<void> {
    this.#try('commit', () => this.#file.commit(batch));
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    return this.#file.size();
  }

  async defragment(): Promise<void> {
    this.#try('defragment', () => this.#file.defragment());
  }

  async snapshot(path: string): Promise<void> {
    this.#try('snapshot', () => this.#file.snapshot(path));
  }

  async encrypt(encryption: Encryption | undefined): Promise<void> {
    this.#file.encrypt(encryption);
  }

  hold(): void {}

  async close(): Promise<void> {
    this.#try('close', () => this.#file.close());
  }

  #try(op: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      const { code = 'UNKNOWN', message } = error as { code?: string; message: string };
      throw errorOf(op, code, message);
    }
  }
}

/**
 * As openSqliteStore, without a thread and with a write-ahead log that is emptied every
 * `checkpointPages`.
 */
export async function openInlineStore(options: {
  path: string;
  clock: Clock;
  seed: number;
  historyMs: number;
  checkpointPages: number;
  encryption?: Encryption;
}): Promise<{ store: LogStore; drop: () => void }> {
  const { path, clock, encryption } = options;
  const { recovered, census } = await loadFile(path, clock, encryption);
  const db = await openDatabase(path);
  const file = new LogFile(db, { census, encryption });
  db.pragma(`wal_autocheckpoint = ${options.checkpointPages}`);
  const store = new LogStore({
    journal: new InlineJournal(file),
    recovered,
    clock,
    log: silentLog,
    random: seededRandom(options.seed),
    historyMs: options.historyMs,
  });
  return { store, drop: () => db.close() };
}
