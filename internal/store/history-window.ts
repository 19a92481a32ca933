import type { Clock, Timer } from '../io/clock.ts';

/** Marks per window: the window is kept to within a tenth. */
const marksPerWindow = 10;

/**
 * Keeps `windowMs` of history by the monotonic clock: notes which revision was published when, and
 * calls `compact` once what a mark names is old enough. Holds one timer while there is history to
 * forget, and none otherwise.
 */
export class HistoryWindow {
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #compact: (revision: number) => void;
  #marks: { atMs: number; revision: number }[] = [];
  #timer: Timer | undefined;

  constructor(windowMs: number, clock: Clock, compact: (revision: number) => void) {
    this.#windowMs = windowMs;
    this.#clock = clock;
    this.#compact = compact;
  }

  published(revision: number): void {
    if (this.#windowMs <= 0) return;
    const nowMs = this.#clock.monotonicMs();
    const last = this.#marks[this.#marks.length - 1];
    if (last !== undefined && nowMs - last.atMs < this.#windowMs / marksPerWindow) {
      last.revision = revision;
      return;
    }
    this.#marks.push({ atMs: nowMs, revision });
    this.#arm();
  }

  /** The newest revision that is surely older than `ageMs`; 0 when none is. */
  olderThan(ageMs: number): number {
    const limit = this.#clock.monotonicMs() - ageMs - this.#windowMs / marksPerWindow;
    return this.#marks.findLast((mark) => mark.atMs <= limit)?.revision ?? 0;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#marks = [];
  }

  #arm(): void {
    const first = this.#marks[0];
    if (this.#timer !== undefined || first === undefined) return;
    // A mark covers the tenth of a window after it.
    const dueMs = first.atMs + this.#windowMs * (1 + 1 / marksPerWindow);
    this.#timer = this.#clock.after('store.compact', dueMs - this.#clock.monotonicMs(), () =>
      this.#fire(),
    );
  }

  #fire(): void {
    this.#timer = undefined;
    const limit = this.#clock.monotonicMs() - this.#windowMs * (1 + 1 / marksPerWindow);
    let revision = 0;
    while (this.#marks[0] !== undefined && this.#marks[0].atMs <= limit)
      revision = this.#marks.shift()?.revision ?? revision;
    if (revision > 0) this.#compact(revision);
    this.#arm();
  }
}
