import type { Clock } from '../../io/clock.ts';

/**
 * Starts of sandboxes and containers take turns: each costs a shim, runc and CNI plug-ins some 30
 * MB for a moment, and more at once than there are processors are no faster. First come, first
 * served.
 */
export class StartGate {
  readonly #most: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;
  #leftMs = -Infinity;

  constructor(most: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#most = Math.max(1, most);
    this.#clock = clock;
  }

  /** For how long nothing has been started; 0 while something is. */
  get idleMs(): number {
    return this.#inside > 0 ? 0 : this.#clock.monotonicMs() - this.#leftMs;
  }

  /**
   * Runs `work` when it is its turn; throws the signal's reason, without running it, when the wait
   * is aborted.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#inside >= this.#most) await this.#turn(signal);
    else this.#inside += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside -= 1;
      this.#leftMs = this.#clock.monotonicMs();
    }
  }

  /** Resolves with the place of one that left. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason as Error);
      };
      this.#waiting.push(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

const mib = 1024 * 1024;

/** How many starts a machine with this much memory and so many processors carries at once. */
export function startsAtOnce(memoryBytes: number, cpus: number): number {
  if (memoryBytes < 512 * mib) return 1;
  return memoryBytes < 1024 * mib ? 2 : Math.max(4, cpus);
}
