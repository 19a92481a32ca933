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
  /** A mark covers the tenth of a window after it. */
  readonly #agedMs: number;
  readonly #clock: Clock;
  readonly #compact: (revision: number) => void;
  #marks: { atMs: number; revision: number }[] = [];
  #timer: Timer | undefined;

  constructor(windowMs: number, clock: Clock, compact: (revision: number) => void) {
    this.#windowMs = windowMs;
    this.#agedMs = windowMs + windowMs / marksPerWindow;
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
    const waitMs = first.atMs + this.#agedMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.after('store.compact', waitMs, () => this.#fire(first.atMs));
  }

  /** The mark that was waited for is due, whatever was rounded on the way. */
  #fire(dueAtMs: number): void {
    this.#timer = undefined;
    const limit = Math.max(dueAtMs, this.#clock.monotonicMs() - this.#agedMs);
    let revision = 0;
    while (this.#marks[0] !== undefined && this.#marks[0].atMs <= limit)
      revision = this.#marks.shift()?.revision ?? revision;
    if (revision > 0) this.#compact(revision);
    this.#arm();
  }
}
