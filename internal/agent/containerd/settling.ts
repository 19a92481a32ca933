import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/**
 * Work that is to be done once after each loss of the runtime, however often it is asked for, and
 * until it succeeds.
 */
export class Settling {
  readonly #o: { clock: Clock; log: Log; work(): Promise<void> };
  #done = true;
  #losses = 0;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wait: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: { clock: Clock; log: Log; work(): Promise<void> }) {
    this.#o = options;
  }

  get done(): boolean {
    return this.#done;
  }

  undo(): void {
    this.#done = false;
    this.#losses += 1;
  }

  /** Resolves when it is done (or stopped). */
  settle(): Promise<void> {
    if (this.#done) return Promise.resolve();
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#wait?.();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#done && !this.#stopped;) {
      const losses = this.#losses;
      try {
        await this.#o.work();
        // Lost again meanwhile: what was seen may not hold any more.
        this.#done = losses === this.#losses;
      } catch (error) {
        const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** failures++);
        this.#o.log.error('the container runtime is not as it should be yet', {
          error: messageOf(error),
          retryMs: delayMs,
        });
        await new Promise<void>((resolve) => {
          this.#wait = resolve;
          this.#timer = this.#o.clock.after('runtime.settle', delayMs, resolve);
        });
      }
    }
  }
}
