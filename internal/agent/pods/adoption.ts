import type { Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { backOffKey, firstBackOffMs, longestBackOffMs, type BackOff } from './back-off.ts';
import type { PodCell } from './cell.ts';
import type { PodRuntime, RuntimeContainer } from './model.ts';

const firstRetryMs = 1000;
const longestRetryMs = 60_000;
/** A start at once still takes the runtime some seconds on a slow machine. */
const atOnceMs = 5000;

export interface AdoptionPorts {
  clock: Clock;
  log: Log;
  /** Looks whether there is a way to each pod (see PodWays in options.ts). */
  lookAtWays(): void;
}

/**
 * What a pod that runs needs besides its containers, for one that an earlier life of the agent
 * started (the list is in README.md): its control group in the books, its volumes followed, its
 * tokens renewed. It holds up no pass: the containers run, and a source that is missing now must
 * not end them.
 */
export class Adoption {
  readonly #cell: PodCell;
  readonly #prepare: () => Promise<void>;
  readonly #ports: AdoptionPorts;
  #busy: Promise<void> | undefined;
  #done = false;
  #failures = 0;
  #notBeforeMs = 0;

  /** `prepare` makes control group and volumes stand, for a pod whose containers run. */
  constructor(cell: PodCell, prepare: () => Promise<void>, ports: AdoptionPorts) {
    this.#cell = cell;
    this.#prepare = prepare;
    this.#ports = ports;
  }

  /** Begins, unless it is done, under way, or has failed a moment ago. */
  look(): void {
    if (this.#done || this.#busy || this.#ports.clock.monotonicMs() < this.#notBeforeMs) return;
    this.#busy = this.#take().finally(() => (this.#busy = undefined));
  }

  /** Resolves when nothing of it is under way. */
  settled(): Promise<void> {
    return this.#busy ?? Promise.resolve();
  }

  async #take(): Promise<void> {
    const { clock, log } = this.#ports;
    try {
      await this.#prepare();
      this.#done = true;
      // Its link may have been deleted while it was not watched.
      this.#ports.lookAtWays();
    } catch (error) {
      const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures++);
      this.#notBeforeMs = clock.monotonicMs() + delayMs;
      const { metadata } = this.#cell.pod;
      log.warn('a pod that runs is not wholly adopted yet', {
        pod: `${metadata.namespace}/${metadata.name}`,
        error: messageOf(error),
        retryMs: delayMs,
      });
      if (this.#cell.state.phase === 'running') this.#cell.later(delayMs);
    }
  }
}

/**
 * The back-off of containers that restarted before we came, read from how long the newest instance
 * had been kept waiting. What ended with its sandbox (the machine was off) did not crash, and waits
 * for nothing.
 */
export function restoreBackOff(backOff: BackOff, pod: Pod, runtime: PodRuntime): void {
  if (!runtime.sandboxes[0]?.ready) return;
  for (const name of new Set(runtime.containers.map((c) => c.name))) {
    const [newest, before] = runtime.containers.filter((c) => c.name === name);
    const seen = newest && before && backOffSeen(before, newest);
    if (seen) backOff.restore(backOffKey(pod, name), seen);
  }
}

/** What is counted when `newest` has been started after the end of `before`. */
export function backOffSeen(
  before: RuntimeContainer,
  newest: RuntimeContainer,
): { backOffMs: number; lastMs: number } | undefined {
  const endedMs = Number(before.finishedAt / 1_000_000n);
  const madeMs = Number(newest.createdAt / 1_000_000n);
  if (before.state !== 'exited' || endedMs === 0 || madeMs < endedMs) return undefined;
  const waitedMs = madeMs - endedMs;
  // It may have waited for other things than the back-off: the machine was off, say. So many
  // restarts make no longer one.
  const mostMs = Math.min(
    longestBackOffMs,
    firstBackOffMs * 2 ** Math.max(0, newest.restartCount - 1),
  );
  let backOffMs = firstBackOffMs;
  // A start comes a moment after its wait is over, never before: the longest wait that fits is the
  // one that was waited.
  if (waitedMs > atOnceMs)
    for (let stepMs = firstBackOffMs; stepMs <= waitedMs && backOffMs < mostMs; stepMs *= 2)
      backOffMs = Math.min(mostMs, stepMs * 2);
  return { backOffMs, lastMs: endedMs };
}
