import type { Clock } from '../io/clock.ts';

/** A watch that never told us of our own write must not stop a controller for ever. */
const expectationTimeoutMs = 5 * 60_000;

interface Expectation {
  creations: number;
  deletions: Set<string>;
  sinceMs: number;
}

/**
 * What a controller has written for a key and not yet seen in its mirror. Until all is seen it must
 * not count what the mirror holds, or it would make too many (client-go's ControllerExpectations).
 */
export class Expectations {
  readonly #byKey = new Map<string, Expectation>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the mirror can be trusted for `key`. */
  satisfied(key: string): boolean {
    const e = this.#byKey.get(key);
    if (!e) return true;
    return (
      (e.creations <= 0 && e.deletions.size === 0) ||
      this.#clock.monotonicMs() - e.sinceMs > expectationTimeoutMs
    );
  }

  expectCreations(key: string, count: number): void {
    this.#byKey.set(key, {
      creations: count,
      deletions: new Set(),
      sinceMs: this.#clock.monotonicMs(),
    });
  }

  expectDeletions(key: string, uids: string[]): void {
    this.#byKey.set(key, {
      creations: 0,
      deletions: new Set(uids),
      sinceMs: this.#clock.monotonicMs(),
    });
  }

  expect(key: string, what: { creations: number; deletions: string[] }): void {
    this.#byKey.set(key, {
      creations: what.creations,
      deletions: new Set(what.deletions),
      sinceMs: this.#clock.monotonicMs(),
    });
  }

  creationSeen(key: string, count = 1): void {
    const e = this.#byKey.get(key);
    if (e) e.creations -= count;
  }

  deletionSeen(key: string, uid: string): void {
    this.#byKey.get(key)?.deletions.delete(uid);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
