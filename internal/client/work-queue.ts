import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';

export interface WorkQueueOptions {
  name: string;
  clock: Clock;
  log: Log;
  /** Brings the world nearer to what `key` asks for. What it throws is retried with back-off. */
  reconcile: (key: string) => Promise<void>;
  /** How many keys are worked on at once; one key never twice at once. */
  concurrency?: number;
  /**
   * The first and the longest wait after a failure; each failure doubles it (client-go: 5 ms to
   * 1000 s).
   */
  firstRetryMs?: number;
  longestRetryMs?: number;
  /** After so many failures in a row the key waits for its next change. */
  mostRetries?: number;
  observer?: QueueObserver | undefined;
}

/** Told what a queue does, to be counted. */
export interface QueueObserver {
  made(queue: { readonly depth: number }): void;
  added(): void;
  retried(): void;
  /** A key's work began, so long after it was asked for. */
  began(waitedMs: number): void;
  ended(tookMs: number): void;
}

const defaultConcurrency = 5;
const defaultFirstRetryMs = 5;
const defaultLongestRetryMs = 1_000_000;

/**
 * Keys that need work. A key asked for many times is worked on once; one asked for while it is
 * being worked on comes again after. Holds no timer while nothing is due.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { at: number; timer: Timer }>();
  /** Since when keys wait; kept only for an observer. */
  readonly #since = new Map<string, number>();
  readonly #unfollow: () => void;
  #idlers: (() => void)[] = [];
  #started = false;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#unfollow = options.clock.onJump(() => this.#hurry());
    options.observer?.made(this);
  }

  /**
   * Begins to work; keys added before are kept until then (a controller waits for its mirrors
   * first).
   */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  add(key: string): void {
    if (this.#stopped) return;
    const into = this.#running.has(key) ? this.#again : this.#waiting;
    if (this.#options.observer && !into.has(key)) {
      this.#options.observer.added();
      this.#since.set(key, this.#options.clock.monotonicMs());
    }
    into.add(key);
    this.#pump();
  }

  /** Adds the key when `delayMs` have gone by. Of several such wishes the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return;
    if (delayMs <= 0) return this.add(key);
    const { clock } = this.#options;
    const at = clock.monotonicMs() + delayMs;
    const pending = this.#later.get(key);
    if (pending && pending.at <= at) return;
    pending?.timer.cancel();
    const timer = clock.after(`queue.${this.#options.name}`, delayMs, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { at, timer });
  }

  /**
   * The clock was set: what waits for a time of day may wait for the wrong one, so all that waits
   * looks again.
   */
  #hurry(): void {
    for (const [key, { timer }] of [...this.#later]) {
      timer.cancel();
      this.#later.delete(key);
      this.add(key);
    }
  }

  /** Takes back what `addAfter` promised. */
  unschedule(key: string): void {
    this.#later.get(key)?.timer.cancel();
    this.#later.delete(key);
  }

  /** Adds the key after its back-off, as a failure would. */
  addRateLimited(key: string): void {
    const { firstRetryMs = defaultFirstRetryMs, longestRetryMs = defaultLongestRetryMs } =
      this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#options.observer?.retried();
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(firstRetryMs * 2 ** Math.min(failures, 40), longestRetryMs));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** How many keys wait for a worker, run, or wait for their time. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#later.size;
  }

  /** How many keys wait for a worker. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Resolves when nothing waits for a worker and none works (delayed keys may remain). */
  idle(): Promise<void> {
    if (this.#waiting.size + this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#unfollow();
    this.#waiting.clear();
    this.#since.clear();
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
  }

  #pump(): void {
    if (!this.#started) return;
    const concurrency = this.#options.concurrency ?? defaultConcurrency;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#work(key);
    }
    if (this.#waiting.size + this.#running.size > 0) return;
    const idlers = this.#idlers;
    this.#idlers = [];
    for (const resolve of idlers) resolve();
  }

  async #work(key: string): Promise<void> {
    const { clock, log, name, observer } = this.#options;
    const failuresBefore = this.#failures.get(key) ?? 0;
    const began = clock.monotonicMs();
    if (observer) {
      observer.began(began - (this.#since.get(key) ?? began));
      this.#since.delete(key);
    }
    try {
      await Promise.resolve(); // the work never begins inside the call that adds the key
      if (!this.#stopped) await this.#options.reconcile(key);
      if ((this.#failures.get(key) ?? 0) === failuresBefore) this.#failures.delete(key);
      log.debug('reconciled', { queue: name, key, ms: Math.round(clock.monotonicMs() - began) });
    } catch (error) {
      this.#failed(key, error);
    }
    this.#running.delete(key);
    observer?.ended(clock.monotonicMs() - began);
    if (this.#again.delete(key) && !this.#stopped) this.#waiting.add(key);
    this.#pump();
  }

  #failed(key: string, error: unknown): void {
    const { log, name, mostRetries } = this.#options;
    const failures = this.failures(key);
    const fields = { queue: name, key, failures, error: messageOf(error) };
    if (mostRetries !== undefined && failures >= mostRetries) {
      this.#failures.delete(key);
      return log.warn('given up until the next change', fields);
    }
    if (failures < 3) log.debug('will be tried again', fields);
    else
      log.warn('keeps failing', {
        ...fields,
        stack: error instanceof TypeError ? error.stack : undefined,
      });
    this.addRateLimited(key);
  }
}
