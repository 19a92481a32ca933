import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import { GrpcError, grpcCode } from '../../io/grpc.ts';
import type { Log } from '../../io/log.ts';

export interface HealthOptions {
  clock: Clock;
  log: Log;
  /** A question that costs nothing and must be answered within `askMs`. */
  ask(timeoutMs: number): Promise<unknown>;
  /** `down` has changed. */
  changed(): void;
  /** Its process is there and was stopped: waiting is no use. */
  isStopped(): Promise<boolean>;
  /** It is there and has given no answer for a long time. */
  hung(): void;
}

/**
 * A runtime that is stopped or starved tells nobody; this is the one thing that has to be asked
 * for.
 */
const healthEveryMs = 10_000;
export const askMs = 10_000;
/** A restart of containerd takes a moment and is no news. */
const tellAfterMs = 5000;
const askAgainMs = 1000;
/** No answer for so long makes one look at the process itself. */
const doubtMs = 2000;
/**
 * Silence for so long ends in a restart. A slow disk keeps it from many things, but not from
 * telling its version.
 */
export const hungAfterMs = 60_000;

/**
 * Whether the runtime answers.
 *
 *     well ──no answer──> silent ──for 5 s──> down (told) ──hung for 60 s──> killed and started
 *     again, and so on
 *      ^──────────── an answer ─────┴────────────┴─────────────────────────────┘
 *
 * One whose process was stopped (SIGSTOP) is killed when it has been silent for 2 s. A call that
 * was refused (nobody listens) is silence too, but no reason to kill: the keeper starts what is
 * gone.
 */
export class RuntimeHealth {
  readonly #o: HealthOptions;
  readonly #every: Timer;
  #asking = false;
  #silentMs: number | undefined;
  #hungMs: number | undefined;
  #down: string | undefined;
  #again: Timer | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#o = options;
    this.#every = options.clock.every('containerd.health', healthEveryMs, () => this.check());
  }

  /** Why the node cannot run pods; undefined while the runtime answers. */
  get down(): string | undefined {
    return this.#down;
  }

  /** Something makes one doubt: ask now. */
  check(): void {
    if (this.#asking || this.#stopped) return;
    this.#asking = true;
    this.#again?.cancel();
    const askedMs = this.#o.clock.monotonicMs();
    const doubt = this.#o.clock.after('containerd.health', doubtMs, () => void this.#look());
    void this.#o
      .ask(askMs)
      .finally(() => doubt.cancel())
      .then(
        () => this.#answered(),
        (error: unknown) => this.#silent(error, askedMs),
      );
  }

  stop(): void {
    this.#stopped = true;
    this.#every.cancel();
    this.#again?.cancel();
  }

  #answered(): void {
    this.#asking = false;
    this.#silentMs = undefined;
    this.#hungMs = undefined;
    if (this.#down === undefined) return;
    this.#down = undefined;
    this.#o.log.info('the container runtime answers again', {});
    this.#o.changed();
  }

  async #look(): Promise<void> {
    if (!(await this.#o.isStopped().catch(() => false)) || this.#stopped) return;
    this.#o.log.error(
      'the container runtime was stopped by somebody: it is killed, and started again',
      {},
    );
    this.#o.hung();
  }

  #silent(error: unknown, askedMs: number): void {
    this.#asking = false;
    if (this.#stopped) return;
    const now = this.#o.clock.monotonicMs();
    const hangs = error instanceof GrpcError && error.grpcCode === grpcCode.deadlineExceeded;
    this.#silentMs ??= askedMs;
    this.#hungMs = hangs ? (this.#hungMs ?? askedMs) : undefined;
    if (now - this.#silentMs >= tellAfterMs) {
      const silentS = Math.round((now - this.#silentMs) / 1000);
      const fault = hangs ? `it has given no answer for ${silentS}s` : messageOf(error);
      const why = `container runtime is down: ${fault}`;
      const news = this.#down === undefined;
      this.#down = why;
      if (news)
        this.#o.log.error('the container runtime does not answer', { error: messageOf(error) });
      if (news) this.#o.changed();
    }
    if (this.#hungMs !== undefined && now - this.#hungMs >= hungAfterMs) {
      this.#hungMs = undefined;
      this.#o.hung();
    }
    this.#again = this.#o.clock.after('containerd.health', askAgainMs, () => this.check());
  }
}
