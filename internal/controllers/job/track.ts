import type { JobCondition, JobStatus } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { conditionOf, makeCondition, type Evaluation } from './evaluate.ts';
import { Intervals } from './intervals.ts';
import { indexOf, isIndexed, isTracked } from './job-pods.ts';
import { isPodFailed, judgeFailure } from './policies.ts';

/** So many pods are counted in one pass: their uids must fit into the status. */
const mostUncounted = 500;

/**
 * How the ended pods of a job go over into its counters: first as uids, then (without their
 * finalizer) as numbers.
 */
export interface Tracking {
  status: JobStatus;
  /** Pods that may lose their finalizer once `status` is written. */
  release: Pod[];
  /** More remain for another pass. */
  partial: boolean;
  finished: JobCondition | undefined;
}

/** Counts into `status` the pods that already lost their finalizer. */
function settle(status: JobStatus, stillTracked: Set<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const leftSucceeded = succeeded.filter((uid) => stillTracked.has(uid));
  const leftFailed = failed.filter((uid) => stillTracked.has(uid));
  if (leftSucceeded.length === succeeded.length && leftFailed.length === failed.length)
    return status;
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - leftSucceeded.length,
    failed: (status.failed ?? 0) + failed.length - leftFailed.length,
    uncountedTerminatedPods: uncounted(leftSucceeded, leftFailed),
  };
}

function uncounted(
  succeeded: string[],
  failed: string[],
): NonNullable<JobStatus['uncountedTerminatedPods']> {
  return {
    ...(succeeded.length > 0 ? { succeeded } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
}

export function track(e: Evaluation, base: JobStatus, nowMs: number): Tracking {
  const { job } = e;
  const tracked = new Set(e.pods.filter(isTracked).map((p) => p.metadata.uid!));
  let status = settle(
    { ...base, uncountedTerminatedPods: base.uncountedTerminatedPods ?? {} },
    tracked,
  );
  const succeeded = [...(status.uncountedTerminatedPods?.succeeded ?? [])];
  const failed = [...(status.uncountedTerminatedPods?.failed ?? [])];
  const newIndexes: number[] = [];
  const release: Pod[] = [];
  let partial = false;
  const pods = isIndexed(job) ? [...e.pods].sort((a, b) => indexOf(a) - indexOf(b)) : e.pods;
  for (const pod of pods) {
    if (!isTracked(pod) || !mayRelease(e, pod)) continue;
    release.push(pod);
    countPod(e, pod, { succeeded, failed, newIndexes });
    partial = newIndexes.length + succeeded.length + failed.length >= mostUncounted;
    if (partial) break;
  }
  status = { ...status, uncountedTerminatedPods: uncounted(succeeded, failed) };
  if (isIndexed(job)) status = withIndexes(e, status, newIndexes);
  return { release, partial, ...withVerdict(e.finished, status, nowMs) };
}

function mayRelease(e: Evaluation, pod: Pod): boolean {
  if (e.job.metadata.deletionTimestamp || e.finished || pod.status?.phase === 'Succeeded')
    return true;
  return isPodFailed(pod, e.job) && e.delayed.get(indexOf(pod)) !== pod;
}

function countPod(
  e: Evaluation,
  pod: Pod,
  into: { succeeded: string[]; failed: string[]; newIndexes: number[] },
): void {
  const { job } = e;
  const uid = pod.metadata.uid!;
  const index = indexOf(pod);
  const validIndex = !isIndexed(job) || (index >= 0 && index < (job.spec.completions ?? 0));
  if (pod.status?.phase === 'Succeeded' && !e.uncounted.failed.has(uid)) {
    if (isIndexed(job)) {
      if (validIndex && !e.previouslySucceeded.has(index)) into.newIndexes.push(index);
    } else if (!e.uncounted.succeeded.has(uid)) into.succeeded.push(uid);
    return;
  }
  const failing = e.finished !== undefined && e.finished.type !== 'SuccessCriteriaMet';
  if (!isPodFailed(pod, job) && !failing) return;
  if (
    !e.uncounted.failed.has(uid) &&
    validIndex &&
    judgeFailure(job.spec.podFailurePolicy, pod).counts
  )
    into.failed.push(uid);
}

function withIndexes(e: Evaluation, status: JobStatus, newIndexes: number[]): JobStatus {
  const done = new Intervals([...e.succeededIndexes, ...newIndexes]);
  const { failedIndexes: _old, ...rest } = status;
  return {
    ...rest,
    succeeded: done.total,
    completedIndexes: done.toString(),
    ...(e.failedIndexes ? { failedIndexes: e.failedIndexes.toString() } : {}),
  };
}

/**
 * First the criterion is published, and only after all pods have ended the final condition that
 * repeats it.
 */
function withVerdict(
  finished: JobCondition | undefined,
  status: JobStatus,
  nowMs: number,
): { status: JobStatus; finished: JobCondition | undefined } {
  if (finished?.type !== 'FailureTarget' && finished?.type !== 'SuccessCriteriaMet')
    return { status, finished };
  const conditions = status.conditions ?? [];
  const published = conditionOf(conditions, finished.type) ? conditions : [...conditions, finished];
  const final = makeCondition(
    finished.type === 'FailureTarget' ? 'Failed' : 'Complete',
    'True',
    finished.reason ?? '',
    finished.message ?? '',
    nowMs,
  );
  return { status: { ...status, conditions: published }, finished: final };
}

/** The status of the finished job, or undefined while something still holds it. */
export function finish(
  status: JobStatus,
  finished: JobCondition | undefined,
  terminating: number,
  nowMs: number,
): JobStatus | undefined {
  if (!finished || terminating > 0) return undefined;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0) return undefined;
  const last = makeCondition(
    finished.type,
    'True',
    finished.reason ?? '',
    finished.message ?? '',
    nowMs,
  );
  const conditions = [...(status.conditions ?? []).filter((c) => c.type !== finished.type), last];
  return {
    ...status,
    conditions,
    ...(finished.type === 'Complete' ? { completionTime: completedAt(last, status) } : {}),
  };
}

/** Never before the start: a clock that was set back since would keep the Job from ever ending. */
function completedAt(last: JobCondition, { startTime }: JobStatus): string | undefined {
  const now = last.lastTransitionTime;
  return now && startTime && now < startTime ? startTime : now;
}
