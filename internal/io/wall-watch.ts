/** Smaller steps are what time servers do all day. */
const leastJumpMs = 5_000;

/**
 * Notices that the wall clock was set: the monotonic clock knows how much time really went by. It
 * looks only when asked, which is when something happens anyway; nothing ticks for it. A machine
 * that slept has jumped forward too.
 */
export class WallWatch {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  readonly #listeners = new Set<(byMs: number) => void>();
  #offsetMs: number;

  constructor(clocks: { wallMs(): number; monotonicMs(): number }) {
    this.#wallMs = clocks.wallMs;
    this.#monotonicMs = clocks.monotonicMs;
    this.#offsetMs = this.#wallMs() - this.#monotonicMs();
  }

  onJump(fn: (byMs: number) => void): () => void {
    const own = (byMs: number): void => fn(byMs);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  look(): void {
    const offsetMs = this.#wallMs() - this.#monotonicMs();
    const byMs = offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    if (Math.abs(byMs) < leastJumpMs) return;
    for (const listener of [...this.#listeners]) listener(byMs);
  }
}
