import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { Connection, type Target } from './connection.ts';
import { pruneLock, statements } from './schema.ts';

const answerMs = 30_000;
/** Rows deleted with one statement. */
const batchRows = 1000;
/** Superfluous rows are gathered for so long, and deleted no sooner: a server that was away for less need not load everything anew. */
const graceMs = 60_000;
/** After a failure, or when another server is at it. */
const pauseMs = 30_000;

/** Deletes rows that nobody needs any more, over a connection of its own that lives as long as that takes. */
export class Pruner {
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #graceMs: number;
  #waiting: number[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(parts: { target: Target; log: Log; graceMs: number | undefined }) {
    this.#target = parts.target;
    this.#clock = parts.target.clock;
    this.#log = parts.log;
    this.#graceMs = parts.graceMs ?? graceMs;
  }

  /** Takes over the numbers of superfluous rows. */
  add(drops: number[]): void {
    if (this.#timer !== undefined || this.#stopped || drops.length === 0) return;
    this.#waiting = this.#waiting.concat(drops.splice(0));
    this.#timer = this.#clock.after('postgres.prune', this.#graceMs, () => void this.#prune());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #prune(): Promise<void> {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(this.#target);
      const [lock] = await connection.query<[string]>({ text: `SELECT pg_try_advisory_lock(${pruneLock})::text` }, [], answerMs);
      if (lock?.[0] === 'true') await this.#delete(connection);
    } catch (error) {
      this.#log.info('superfluous rows stay in the datastore for now', { error, rows: this.#waiting.length });
    } finally {
      connection?.close();
    }
    this.#timer = undefined;
    if (this.#waiting.length > 0 && !this.#stopped) this.#timer = this.#clock.after('postgres.prune', pauseMs, () => void this.#prune());
  }

  async #delete(connection: Connection): Promise<void> {
    // First everybody is told, then the rows go: whoever has not read them loads everything anew.
    await connection.query(statements.raisePruned, [this.#waiting.reduce((most, seq) => Math.max(most, seq), 0)], answerMs);
    while (this.#waiting.length > 0 && !this.#stopped) {
      await connection.query(statements.prune, [this.#waiting.slice(0, batchRows)], answerMs);
      this.#waiting = this.#waiting.slice(batchRows);
    }
  }
}
