import { messageOf } from '../../base/errors.ts';
import { firstBackOffMs, longestBackOffMs, type BackOff } from './back-off.ts';
import type { PodRuntime, RuntimeContainer } from './model.ts';
import type { PodWorker } from './worker.ts';

const firstRetryMs = 1000;
const longestRetryMs = 60_000;
/** A start at once still takes the runtime some seconds on a slow machine. */
const atOnceMs = 5000;

/**
 * What a pod that runs needs besides its containers, for one that an earlier life of the agent
 * started (the list is in README.md): its control group in the books, its volumes followed, its
 * tokens renewed. It holds up no pass: the containers run, and a source that is missing now must
 * not end them.
 */
export class Adoption {
  readonly #worker: PodWorker;
  #busy: Promise<void> | undefined;
  #done = false;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(worker: PodWorker) {
    this.#worker = worker;
  }

  /** Called at each pass of a pod that is not over. */
  look(): void {
    const w = this.#worker;
    if (!w.restored || this.#done || this.#busy || w.deps.clock.monotonicMs() < this.#notBeforeMs)
      return;
    if (!w.runtime.containers.some((c) => c.state === 'running')) return;
    this.#busy = this.#take().finally(() => (this.#busy = undefined));
  }

  /** Resolves when nothing of it is under way. */
  settled(): Promise<void> {
    return this.#busy ?? Promise.resolve();
  }

  async #take(): Promise<void> {
    const w = this.#worker;
    try {
      await Promise.all([w.makeCgroup(), w.mountVolumes({ adopted: true })]);
      this.#done = true;
      // Its link may have gone while nobody followed it.
      w.deps.lookAtWays();
    } catch (error) {
      const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures++);
      this.#notBeforeMs = w.deps.clock.monotonicMs() + delayMs;
      w.deps.log.warn('a pod that runs is not wholly adopted yet', {
        pod: `${w.pod.metadata.namespace}/${w.pod.metadata.name}`,
        error: messageOf(error),
        retryMs: delayMs,
      });
      if (w.phase === 'running') w.later(delayMs);
    }
  }
}

/**
 * The back-off of containers that restarted before we came, read from how long the newest instance
 * had been kept waiting. What ended with its sandbox (the machine was off) did not crash, and waits
 * for nothing.
 */
export function restoreBackOff(backOff: BackOff, uid: string, runtime: PodRuntime): void {
  if (!runtime.sandboxes[0]?.ready) return;
  for (const name of new Set(runtime.containers.map((c) => c.name))) {
    const [newest, before] = runtime.containers.filter((c) => c.name === name);
    const seen = newest && before && backOffSeen(before, newest);
    if (seen) backOff.restore(`${uid}/${name}`, seen);
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
