import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';

/** So much has to have been written or forgotten for a collection to be worth its pause. */
const worthBytes = 8 * 1024 * 1024;
/** Nobody has written much for this long. */
const quietMs = 5000;
/** Heartbeats and what answers to them go on in a cluster that does nothing. */
const quietWrites = 20;
/**
 * Much history is not kept for longer than this once nobody writes any more: kube-apiserver's watch
 * cache promises no more (its eventFreshDuration), for a bookmark comes every minute.
 */
const leastHistoryMs = 75_000;
/** Kubernetes' own: watches may resume and pages continue for this long. */
export const usualHistoryMs = 300_000;

/** A larger window that was asked for is kept in quiet times, too. */
export const quietHistoryMs = (historyMs: number): number =>
  historyMs > usualHistoryMs ? historyMs : leastHistoryMs;

export interface GiveBackOptions {
  clock: Clock;
  revision(): number;
  /** Unsaid where others keep the history: an etcd. */
  history?: {
    /** What it takes now. */
    bytes(): number;
    /** Forgets what is old enough; what it was worth comes in by `moved`. */
    shorten(): void;
  };
  /** Collects garbage, and gives memory and disk back. */
  collect(): void;
}

/**
 * After much was written or forgotten, and while nobody writes: gives back what that took. V8
 * collects garbage only while somebody allocates, and the allocator of C keeps what was freed
 * between pieces that live on: without this an idle server would stay as large as its busiest
 * minute. Holds a timer only while there is something to give back.
 */
export class GiveBack {
  readonly #options: GiveBackOptions;
  #moved = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: GiveBackOptions) {
    this.#options = options;
  }

  /** So many bytes came into the store, by it to others, or were dropped from its history. */
  moved(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved >= worthBytes) this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #wait(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    const { clock, revision, history, collect } = this.#options;
    const before = revision();
    this.#timer = clock.after('store.give-back', quietMs, () => {
      this.#timer = undefined;
      // Under load V8 collects by itself.
      if (revision() - before > quietWrites) return this.#wait();
      if (this.#moved >= worthBytes) {
        this.#moved = 0;
        collect();
      }
      if (history === undefined || history.bytes() < worthBytes) return;
      history.shorten();
      this.#wait();
    });
  }
}

/** What `collect` does for a store that has no thread of SQLite. */
export function trimProcessQuietly(log: Log): () => void {
  const trim = async (): Promise<void> => {
    // Loaded only when there is something to give back: nothing else here needs SQLite.
    const { trimProcess } = await import('./sqlite/trim-process.ts');
    await trimProcess();
  };
  return () =>
    void trim().catch((error: unknown) => log.debug('memory was not given back', { error }));
}
