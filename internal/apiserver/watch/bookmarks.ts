import type { Clock, Timer } from '../../io/clock.ts';
import { limits } from '../limits.ts';

/** One timer for all watches that want bookmarks; none while nobody does. */
export class Bookmarks {
  readonly #clock: Clock;
  readonly #members = new Set<() => void>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(tell: () => void): () => void {
    this.#members.add(tell);
    this.#timer ??= this.#clock.every('watch.bookmarks', limits.bookmarkPeriodMs, () => {
      for (const member of this.#members) member();
    });
    return () => {
      this.#members.delete(tell);
      if (this.#members.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }
}
