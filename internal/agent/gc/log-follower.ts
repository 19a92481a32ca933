import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';

export interface LogFollowerOptions {
  path: string;
  maxBytes: number;
  clock: Clock;
  disk: Disk;
  log: Log;
  rotate(): Promise<void>;
}

const op = 'log.follow';
/** After the first write to a log that was quiet: how fast it grows is not known yet. */
const firstLookMs = 250;
/** A flood is looked at this often, at most. */
const leastLookMs = 100;
/** While a log grows, however slowly, it may become a flood at any moment. */
const longestLookMs = 3000;
/** The kernel will not watch (its watches are used up), or the rotation fails. */
const fallbackMs = 10_000;

/**
 * Follows the size of one log.
 *
 *     quiet: the kernel tells ──written to──> growing: looked at when half of what is left can have
 *     been filled
 *       ^──────── no larger than at the look before ────────┘   full: rotated
 */
export class LogFollower {
  readonly #o: LogFollowerOptions;
  readonly #dir: string;
  #size = -1;
  #atMs = 0;
  #timer: Timer | undefined;
  #unwatch: (() => void) | undefined;
  #stopped = false;

  constructor(options: LogFollowerOptions) {
    this.#o = options;
    this.#dir = options.path.slice(0, options.path.lastIndexOf('/'));
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#quit();
  }

  #quit(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #later(delayMs: number): void {
    this.#quit();
    if (!this.#stopped) this.#timer = this.#o.clock.after(op, delayMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { disk, path, clock, maxBytes, rotate, log } = this.#o;
    try {
      const size = (await disk.stat(op, path))?.size ?? 0;
      const [before, sinceMs] = [this.#size, clock.monotonicMs() - this.#atMs];
      [this.#size, this.#atMs] = [size, clock.monotonicMs()];
      if (this.#stopped) return;
      if (size >= maxBytes) {
        await rotate();
        this.#size = 0;
        return this.#later(leastLookMs);
      }
      if (size === before) return await this.#rest();
      if (before < 0) return this.#later(firstLookMs);
      const perMs = Math.max(0, size - before) / Math.max(1, sinceMs);
      const halfMs = perMs > 0 ? (maxBytes - size) / perMs / 2 : longestLookMs;
      this.#later(Math.min(longestLookMs, Math.max(leastLookMs, halfMs)));
    } catch (error) {
      log.warn('log was not rotated', { path, error });
      this.#later(fallbackMs);
    }
  }

  /**
   * Waits for the kernel to tell of a write; one between the last look and the watch is seen by a
   * look after it.
   */
  async #rest(): Promise<void> {
    const { disk, path } = this.#o;
    let told = false;
    const wake = (): void => {
      if (told || this.#stopped) return;
      told = true;
      this.#later(firstLookMs);
    };
    this.#unwatch = disk.watch(op, this.#dir, wake);
    if (this.#stopped) return this.#quit();
    if (((await disk.stat(op, path))?.size ?? 0) !== this.#size) wake();
  }
}
