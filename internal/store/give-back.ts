import type { Clock, Timer } from '../io/clock.ts';

/** So much has to be gone for a collection to be worth its pause. */
const worthBytes = 8 * 1024 * 1024;
/** Nobody has written for this long. */
const quietMs = 1000;

/** After much was forgotten and nobody writes: gives the memory back that it took. */
export class GiveBack {
  readonly #clock: Clock;
  readonly #collect: () => void;
  readonly #revision: () => number;
  #gone = 0;
  #timer: Timer | undefined;

  constructor(options: { clock: Clock; collect: () => void; revision: () => number }) {
    this.#clock = options.clock;
    this.#collect = options.collect;
    this.#revision = options.revision;
  }

  /** History of so many bytes was dropped. */
  dropped(bytes: number): void {
    this.#gone += bytes;
    if (this.#gone >= worthBytes) this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer?.cancel();
    const before = this.#revision();
    this.#timer = this.#clock.after('store.give-back', quietMs, () => {
      // Under load V8 collects by itself.
      if (this.#revision() !== before) return this.#wait();
      this.#gone = 0;
      this.#collect();
    });
  }
}
