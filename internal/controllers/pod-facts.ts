import type { Pod, PodCondition } from '../api/generated/types/core-v1.ts';
import { msOf } from '../api/times.ts';

/** Questions that many controllers ask a pod (k/k pkg/api/v1/pod, controller_utils). */

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((c) => c.type === type);
}

export function isReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !pod.metadata.deletionTimestamp;
}

export function isTerminating(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined;
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return availableInMs(pod, minReadySeconds, nowMs) === 0;
}

/**
 * How long until the pod counts as available if it stays as it is; Infinity when it is not ready, 0
 * when it is available.
 */
function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return Infinity;
  if (minReadySeconds <= 0) return 0;
  if (!ready.lastTransitionTime) return Infinity;
  return Math.max(0, msOf(ready.lastTransitionTime) + minReadySeconds * 1000 - nowMs);
}

/**
 * When one of `pods` will become available by the passing of time alone; undefined when none will.
 */
export function nextAvailabilityMs(
  pods: Iterable<Pod>,
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  let next = Infinity;
  if (minReadySeconds <= 0) return undefined;
  for (const pod of pods) {
    const wait = availableInMs(pod, minReadySeconds, nowMs);
    if (wait > 0) next = Math.min(next, wait);
  }
  return next === Infinity ? undefined : next;
}

export function restarts(pod: Pod): number {
  let most = 0;
  for (const status of pod.status?.containerStatuses ?? [])
    most = Math.max(most, status.restartCount ?? 0);
  return most;
}
