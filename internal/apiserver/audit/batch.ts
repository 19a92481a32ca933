import type { Clock, Timer } from '../../io/clock.ts';

export interface BatchOptions<T> {
  clock: Clock;
  /** Items that wait at most; more are lost. */
  bufferSize: number;
  maxBatchSize: number;
  /** How long the oldest item of a batch that is not full waits. */
  maxBatchWaitMs: number;
  /** Pauses between tries; when they are used up, the batch is lost. */
  retryMs: readonly number[];
  send(items: T[]): Promise<void>;
  lost(items: number, why: string): void;
}

/** A bounded queue that is sent in batches, one at a time, in order. */
export class Batch<T> {
  readonly #options: BatchOptions<T>;
  #waiting: T[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  readonly #closed = new AbortController();

  constructor(options: BatchOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    const { bufferSize, maxBatchSize, maxBatchWaitMs, clock } = this.#options;
    if (this.#waiting.length >= bufferSize) return this.#options.lost(1, 'the buffer is full');
    this.#waiting.push(item);
    if (this.#waiting.length >= maxBatchSize) this.#flush();
    else this.#timer ??= clock.after('audit.batch', maxBatchWaitMs, () => this.#flush());
  }

  /** Sends what waits, without pauses between tries. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#flush();
    await this.#sending;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sending ??= this.#run().finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#closed.signal.aborted)
        this.#timer ??= this.#options.clock.after('audit.batch', this.#options.maxBatchWaitMs, () =>
          this.#flush(),
        );
    });
  }

  /** One batch now, then those that are full already; on closing, all. */
  async #run(): Promise<void> {
    const { maxBatchSize } = this.#options;
    do await this.#deliver(this.#waiting.splice(0, maxBatchSize));
    while (
      this.#waiting.length >= maxBatchSize ||
      (this.#closed.signal.aborted && this.#waiting.length > 0)
    );
  }

  async #deliver(items: T[]): Promise<void> {
    if (items.length === 0) return;
    const { retryMs, clock, send, lost } = this.#options;
    for (let tries = 0; ; tries++) {
      try {
        return await send(items);
      } catch (error) {
        const pause = retryMs[tries];
        if (pause === undefined || this.#closed.signal.aborted)
          return lost(items.length, error instanceof Error ? error.message : String(error));
        await clock.sleep('audit.retry', pause, this.#closed.signal);
      }
    }
  }
}
