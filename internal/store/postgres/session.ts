import type { Clock } from '../../io/clock.ts';
import { Connection, type Cell, type Target } from './connection.ts';
import type { ConnectionLost } from './errors.ts';
import { channel, checkFormat, pruneLock, settings, statements } from './schema.ts';

/** A statement that has no answer by then has none; the connection is given up. */
const answerMs = 10_000;
/** Reading a page of a large log may take longer. */
const loadMs = 60_000;
const loadRows = 2000;
const pullRows = 1000;
const pageBytes = 8 * 1024 * 1024;

export interface Head {
  seq: number;
  revision: number;
  compact: number;
  pruned: number;
  fence: number;
}

export interface LogRow {
  seq: number;
  writer: number;
  bytes: Buffer;
}

export interface Page {
  head: Head;
  rows: LogRow[];
}

export interface Batch {
  /** Where the head must be. */
  after: { seq: number; fence: number };
  seq: number;
  revision: number;
  writer: number;
  bytes: Buffer;
  /** Of each row in `bytes`; offsets count from 1, as SQL does. */
  offsets: number[];
  lengths: number[];
}

/**
 * PostgreSQL's clock, which all servers share, told forward from its last answer by our own
 * monotonic one.
 */
export class DatabaseTime {
  readonly #clock: Clock;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.monotonicMs() + this.#aheadMs;
  }

  heard(databaseMs: number): void {
    this.#aheadMs = databaseMs - this.#clock.monotonicMs();
  }
}

/** Two connections that live and die together: one writes, one listens and reads. */
export class Session {
  readonly #writing: Connection;
  readonly #reading: Connection;
  readonly #time: DatabaseTime;
  #locked = false;
  #over = false;
  /** A commit of somebody, perhaps our own: its payload. */
  onNotification: (payload: string) => void = () => undefined;
  onLost: (error: ConnectionLost) => void = () => undefined;

  private constructor(writing: Connection, reading: Connection, time: DatabaseTime) {
    this.#writing = writing;
    this.#reading = reading;
    this.#time = time;
    reading.onNotification = (payload) => this.onNotification(payload);
    for (const connection of [writing, reading]) connection.onLost = (error) => this.#lost(error);
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** It broke or was closed. */
  get over(): boolean {
    return this.#over;
  }

  /** From its return on no commit goes unnoticed. */
  static async open(target: Target, time: DatabaseTime): Promise<Session> {
    const writing = await Connection.open(target);
    let reading: Connection | undefined;
    try {
      reading = await Connection.open(target);
      for (const connection of [writing, reading])
        for (const text of settings) await connection.query({ text }, [], answerMs);
      await reading.query({ text: `LISTEN ${channel}` }, [], answerMs);
      return new Session(writing, reading, time);
    } catch (error) {
      writing.close();
      reading?.close();
      throw error;
    }
  }

  /** The head, and the rows after `seq`: at most a page of them, or of `pages` pages. */
  async pull(seq: number, pages = 1): Promise<Page> {
    const rows = await this.#reading.query(
      statements.pull,
      [seq, seq + pullRows * pages, pageBytes * pages],
      answerMs,
    );
    const head = this.#head(rows[0]);
    return { head, rows: rows.filter((row) => row[7] !== null).map((row) => logRow(row.slice(7))) };
  }

  /** Commits a batch; false = the head is elsewhere, or the fence was moved. Ends a lock. */
  async commit(batch: Batch): Promise<boolean> {
    const { after } = batch;
    const values = [
      after.seq,
      after.fence,
      batch.seq,
      batch.revision,
      batch.writer,
      batch.bytes,
      batch.offsets,
      batch.lengths,
      `${batch.seq}:${batch.writer}`,
    ];
    const [row] = await this.#writing.query<[number, string]>(statements.commit, values, answerMs);
    if (this.#locked) await this.#end('COMMIT');
    if (row === undefined) return false;
    this.#time.heard(row[0]);
    return true;
  }

  /** Holds the head still until the next commit or unlock(). */
  async lock(): Promise<void> {
    await this.#writing.query({ text: 'BEGIN' }, [], answerMs);
    this.#locked = true;
    await this.#writing.query(statements.lock, [], answerMs);
  }

  async unlock(): Promise<void> {
    if (this.#locked) await this.#end('ROLLBACK');
  }

  /** When it returns, no commit that was sent before can happen any more. */
  async fence(): Promise<void> {
    await this.#writing.query(statements.fence, [], answerMs);
  }

  /** Moves the compacted revision; false = somebody did, or the revision is not there yet. */
  async compact(revision: number): Promise<boolean> {
    return (await this.#reading.query(statements.compact, [revision], answerMs)).length > 0;
  }

  /** Does something if no other server does the like at the time. */
  async whilePruning(work: () => Promise<void>): Promise<void> {
    const [lock] = await this.#reading.query<[string]>(
      { text: `SELECT pg_try_advisory_lock(${pruneLock})::text` },
      [],
      answerMs,
    );
    if (lock?.[0] !== 'true') return;
    try {
      await work();
    } finally {
      await this.#reading.query({ text: `SELECT pg_advisory_unlock(${pruneLock})` }, [], answerMs);
    }
  }

  /** Tells all servers that rows up to this one may be missing. */
  async raisePruned(seq: number): Promise<void> {
    await this.#reading.query(statements.raisePruned, [seq], answerMs);
  }

  async prune(seqs: number[]): Promise<void> {
    await this.#reading.query(statements.prune, [seqs], answerMs);
  }

  async row(seq: number): Promise<LogRow | undefined> {
    const [row] = await this.#reading.query(statements.one, [seq], answerMs);
    return row && logRow(row);
  }

  async newWriter(): Promise<number> {
    const [row] = await this.#writing.query<[number]>(statements.newWriter, [], answerMs);
    return row?.[0] ?? 0;
  }

  /** All rows and the head they belong to, at one moment. */
  async load(each: (row: LogRow) => void): Promise<Head> {
    const query = <T extends Cell[]>(text: string): Promise<T[]> =>
      this.#reading.query<T>({ text }, [], loadMs);
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const head = this.#head((await query(statements.head.text))[0]);
    for (let seq = -1; ;) {
      const rows = (
        await this.#reading.query(statements.load, [seq, loadRows, pageBytes], loadMs)
      ).map(logRow);
      rows.forEach(each);
      const last = rows[rows.length - 1];
      if (last === undefined) break;
      seq = last.seq;
    }
    await query('COMMIT');
    return head;
  }

  close(): void {
    this.#over = true;
    this.#writing.close();
    this.#reading.close();
  }

  #head(row: Cell[] | undefined): Head {
    const [seq = 0, revision = 0, compact = 0, pruned = 0, fence = 0, format, now = 0] = (row ??
      []) as number[];
    checkFormat(format);
    this.#time.heard(now);
    return { seq, revision, compact, pruned, fence };
  }

  async #end(text: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    this.#locked = false;
    await this.#writing.query({ text }, [], answerMs);
  }

  #lost(error: ConnectionLost): void {
    if (this.#over) return;
    this.close();
    this.onLost(error);
  }
}

function logRow(row: Cell[]): LogRow {
  return { seq: row[0] as number, writer: row[1] as number, bytes: row[2] as Buffer };
}

/** What a row was sealed with: it covers its number and all it holds. */
export const checksumOf = (bytes: Buffer): number => bytes.readUInt32LE(0);
