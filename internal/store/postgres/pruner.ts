import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Session } from './session.ts';

/** Rows deleted with one statement: reads wait for it. */
const batchRows = 500;
/**
 * Superfluous rows are deleted no sooner: a server that was away for less need not load everything
 * again.
 */
const graceMs = 60_000;
/** After a failure, or when another server is at it. */
const pauseMs = 30_000;

export interface PrunerParts {
  /** The numbers of superfluous rows; they are taken from there. */
  drops(): number[];
  /**
   * A log is only deleted from over a session that was seen to continue the log the numbers are
   * from: after a failover that lost commits they may be those of other rows.
   */
  session(): Session | undefined;
  clock: Clock;
  log: Log;
  graceMs: number | undefined;
}

/** Deletes rows that nobody needs any more. */
export class Pruner {
  readonly #parts: PrunerParts;
  #waiting: number[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(parts: PrunerParts) {
    this.#parts = parts;
  }

  /** Looks whether there are superfluous rows. */
  look(): void {
    const drops = this.#parts.drops();
    if (this.#timer !== undefined || drops.length === 0) return;
    this.#waiting = this.#waiting.concat(drops.splice(0));
    this.#arm(this.#parts.graceMs ?? graceMs);
  }

  /** The log is another one now. */
  forget(): void {
    this.#waiting = [];
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    if (!this.#stopped)
      this.#timer = this.#parts.clock.after('postgres.prune', delayMs, () => void this.#prune());
  }

  async #prune(): Promise<void> {
    const session = this.#parts.session();
    try {
      await session?.whilePruning(() => this.#delete(session));
    } catch (error) {
      this.#parts.log.info('superfluous rows stay in the datastore for now', {
        error,
        rows: this.#waiting.length,
      });
    }
    this.#timer = undefined;
    if (this.#waiting.length > 0) this.#arm(pauseMs);
    else this.look();
  }

  async #delete(session: Session): Promise<void> {
    // First everybody is told, then the rows go: whoever has not read them by then loads everything
    // again.
    await session.raisePruned(this.#waiting.reduce((most, seq) => Math.max(most, seq), 0));
    while (this.#waiting.length > 0 && !this.#stopped) {
      await session.prune(this.#waiting.slice(0, batchRows));
      this.#waiting = this.#waiting.slice(batchRows);
    }
  }
}
