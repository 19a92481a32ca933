import type { Pod } from '../../api/generated/types/core-v1.ts';
import { msOf } from '../../api/times.ts';
import { podCondition } from '../pod-facts.ts';

/**
 * The wait after the first failure doubles with each further one (k/k DefaultJobPodFailureBackOff,
 * MaxJobPodFailureBackOff).
 */
const firstMs = 10_000;
const longestMs = 600_000;

/** Failures since the last success. */
export interface BackoffRecord {
  failures: number;
  lastFailureMs: number;
}

export const noFailures: BackoffRecord = { failures: 0, lastFailureMs: 0 };

export function nextRecord(before: BackoffRecord, succeeded: Pod[], failed: Pod[]): BackoffRecord {
  if (succeeded.length === 0) {
    if (failed.length === 0) return before;
    return {
      failures: before.failures + failed.length,
      lastFailureMs: Math.max(...failed.map(finishedAtMs)),
    };
  }
  const lastSuccess = Math.max(...succeeded.map(finishedAtMs));
  const after = failed.map(finishedAtMs).filter((ms) => ms > lastSuccess);
  return after.length === 0
    ? noFailures
    : { failures: after.length, lastFailureMs: Math.max(...after) };
}

export function remainingMs(record: BackoffRecord, nowMs: number): number {
  if (record.failures === 0) return 0;
  const wait = Math.min(longestMs, firstMs * 2 ** (record.failures - 1));
  return Math.max(0, record.lastFailureMs + wait - nowMs);
}

/** When a pod came to its end, as well as can be told. */
export function finishedAtMs(pod: Pod): number {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []).filter((s) => sidecars.has(s.name)),
  ];
  const ends = statuses.map((s) => msOf(s.state?.terminated?.finishedAt));
  if (ends.length > 0 && ends.every((ms) => ms > 0)) return Math.max(...ends);
  const ready = podCondition(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return msOf(ready.lastTransitionTime);
  if (pod.metadata.deletionTimestamp)
    return (
      msOf(pod.metadata.deletionTimestamp) - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000
    );
  return msOf(pod.metadata.creationTimestamp);
}
