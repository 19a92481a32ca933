import type { Pod } from '../../api/generated/types/core-v1.ts';
import { msOf } from '../../api/times.ts';
import { podCondition } from '../pod-facts.ts';

/**
 * The wait after the first failure doubles with each further one (k/k DefaultJobPodFailureBackOff,
 * MaxJobPodFailureBackOff).
 */
const firstMs = 10_000;
const longestMs = 600_000;

/** The clock of this process: what the wall says, and what only grows. */
export interface Now {
  nowMs: number;
  monotonicMs: number;
}

/**
 * Failures since the last success. Nodes' clocks may be ahead of ours, and ours may be set: what is
 * waited for is kept by the time that only grows, and began when it was seen at the latest.
 */
export interface BackoffRecord {
  failures: number;
  lastFailureMs: number;
  /** With backoffLimitPerIndex, when each failed pod that waits to be replaced failed, by uid. */
  delayed: ReadonlyMap<string, number>;
}

export const noFailures: BackoffRecord = { failures: 0, lastFailureMs: 0, delayed: new Map() };

export function nextRecord(
  before: BackoffRecord,
  succeeded: Pod[],
  failed: Pod[],
  now: Now,
): BackoffRecord {
  if (succeeded.length === 0 && failed.length === 0) return before;
  const lastSuccess = Math.max(...succeeded.map(finishedAtMs));
  const after = failed.map(finishedAtMs).filter((ms) => ms > lastSuccess);
  if (after.length === 0) return { ...noFailures, delayed: before.delayed };
  const earlier = succeeded.length === 0 ? before.failures : 0;
  const lastFailureMs = ownTime(Math.max(...after), now);
  return { ...before, failures: earlier + after.length, lastFailureMs };
}

/** The record with when these pods failed, as it was seen first. */
export function withDelayed(record: BackoffRecord, pods: Iterable<Pod>, now: Now): BackoffRecord {
  const delayed = new Map<string, number>();
  for (const pod of pods) {
    const uid = pod.metadata.uid!;
    delayed.set(uid, record.delayed.get(uid) ?? ownTime(finishedAtMs(pod), now));
  }
  return { ...record, delayed };
}

const ownTime = (wallMs: number, { nowMs, monotonicMs }: Now): number =>
  monotonicMs - Math.max(0, nowMs - wallMs);

/** How much is left of the wait after so many failures, the last of them then. */
export function remainingMs(
  { failures, lastFailureMs }: Pick<BackoffRecord, 'failures' | 'lastFailureMs'>,
  { monotonicMs }: Now,
): number {
  if (failures === 0) return 0;
  const wait = Math.min(longestMs, firstMs * 2 ** (failures - 1));
  return Math.max(0, lastFailureMs + wait - monotonicMs);
}

/** When a pod ended, as well as can be known. */
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
