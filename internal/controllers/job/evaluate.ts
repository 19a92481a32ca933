import type { Job, JobCondition, JobStatus } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { msOf, timeOf } from '../../api/times.ts';
import { isActive, isReady, isTerminating } from '../pod-facts.ts';
import { finishedAtMs, nextRecord, withDelayed, type BackoffRecord, type Now } from './backoff.ts';
import { Intervals } from './intervals.ts';
import {
  absoluteFailureCount,
  failureCount,
  indexOf,
  isIndexed,
  isSuspended,
  isTracked,
} from './job-pods.ts';
import { isPodFailed, judgeFailure, metSuccessPolicy } from './policies.ts';

/** A job and its pods in one moment, with all that follows from them alone. */
export interface Evaluation {
  job: Job;
  pods: Pod[];
  active: Pod[];
  ready: number;
  terminating: number;
  uncounted: { succeeded: Set<string>; failed: Set<string> };
  succeeded: number;
  failed: number;
  previouslySucceeded: Intervals;
  succeededIndexes: Intervals;
  /** Only for jobs with backoffLimitPerIndex. */
  failedIndexes: Intervals | undefined;
  /** By index, the last failed pod that waits to be replaced. */
  delayed: Map<number, Pod>;
  backoff: BackoffRecord;
  /** The job is to end with this condition. */
  finished: JobCondition | undefined;
}

export function conditionOf(
  list: JobCondition[] | undefined,
  type: string,
): JobCondition | undefined {
  return (list ?? []).find((c) => c.type === type);
}

export function makeCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): JobCondition {
  const now = timeOf(nowMs);
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
}

export function isJobFinished(job: Job): boolean {
  return (job.status?.conditions ?? []).some(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
}

export function evaluate(job: Job, pods: Pod[], backoff: BackoffRecord, now: Now): Evaluation {
  const { nowMs } = now;
  const status: Partial<JobStatus> = job.status ?? {};
  const completions = job.spec.completions ?? 0;
  const uncounted = {
    succeeded: new Set(status.uncountedTerminatedPods?.succeeded ?? []),
    failed: new Set(status.uncountedTerminatedPods?.failed ?? []),
  };
  const counts = (pod: Pod): boolean =>
    isTracked(pod) && (!isIndexed(job) || (indexOf(pod) >= 0 && indexOf(pod) < completions));
  const newSucceeded = pods.filter(
    (p) =>
      counts(p) && !uncounted.succeeded.has(p.metadata.uid!) && p.status?.phase === 'Succeeded',
  );
  const newFailed = pods.filter(
    (p) => counts(p) && !uncounted.failed.has(p.metadata.uid!) && isPodFailed(p, job),
  );
  const active = pods.filter(isActive);
  const previouslySucceeded = Intervals.parse(status.completedIndexes, completions);
  const e: Evaluation = {
    job,
    pods,
    active,
    ready: active.filter(isReady).length,
    terminating: pods.filter(isTerminating).length,
    uncounted,
    succeeded: (status.succeeded ?? 0) + newSucceeded.length + uncounted.succeeded.size,
    failed:
      (status.failed ?? 0) +
      newFailed.filter((p) => judgeFailure(job.spec.podFailurePolicy, p).counts).length +
      uncounted.failed.size,
    previouslySucceeded,
    succeededIndexes: previouslySucceeded,
    failedIndexes: undefined,
    delayed: new Map(),
    backoff: nextRecord(backoff, newSucceeded, newFailed, now),
    finished: undefined,
  };
  e.finished = presentVerdict(e, nowMs) ?? limitVerdict(e, nowMs);
  if (isIndexed(job)) evaluateIndexes(e, counts, nowMs);
  e.backoff = withDelayed(e.backoff, e.delayed.values(), now);
  return e;
}

/** What an earlier pass decided stands; else the failure policy speaks first. */
function presentVerdict({ job, pods }: Evaluation, nowMs: number): JobCondition | undefined {
  const met = conditionOf(job.status?.conditions, 'SuccessCriteriaMet');
  if (met?.status === 'True') return met;
  const target = conditionOf(job.status?.conditions, 'FailureTarget');
  if (target?.status === 'True')
    return makeCondition('Failed', 'True', target.reason ?? '', target.message ?? '', nowMs);
  for (const pod of job.spec.podFailurePolicy ? pods : []) {
    const message = isPodFailed(pod, job)
      ? judgeFailure(job.spec.podFailurePolicy, pod).failJobMessage
      : undefined;
    if (message) return makeCondition('FailureTarget', 'True', 'PodFailurePolicy', message, nowMs);
  }
  return undefined;
}

function limitVerdict({ job, pods, failed }: Evaluation, nowMs: number): JobCondition | undefined {
  const limit = job.spec.backoffLimit ?? 6;
  if (failed > limit || restartsBeyond(job, pods, limit))
    return makeCondition(
      'FailureTarget',
      'True',
      'BackoffLimitExceeded',
      'Job has reached the specified backoff limit',
      nowMs,
    );
  const { activeDeadlineSeconds } = job.spec;
  if (
    activeDeadlineSeconds !== undefined &&
    job.status?.startTime &&
    !isSuspended(job) &&
    nowMs - msOf(job.status.startTime) >= activeDeadlineSeconds * 1000
  ) {
    return makeCondition(
      'FailureTarget',
      'True',
      'DeadlineExceeded',
      'Job was active longer than specified deadline',
      nowMs,
    );
  }
  return undefined;
}

/** Pods that restart in place fail without ending; their restarts count. */
function restartsBeyond(job: Job, pods: Pod[], limit: number): boolean {
  if (job.spec.template.spec.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const s of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])])
      restarts += s.restartCount ?? 0;
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function evaluateIndexes(e: Evaluation, counts: (pod: Pod) => boolean, nowMs: number): void {
  const { job, pods } = e;
  const completions = job.spec.completions ?? 0;
  e.succeededIndexes = e.previouslySucceeded.with(
    pods.filter((p) => counts(p) && p.status?.phase === 'Succeeded').map(indexOf),
  );
  e.succeeded = e.succeededIndexes.total;
  if (job.spec.backoffLimitPerIndex !== undefined) {
    const before = Intervals.parse(job.status?.failedIndexes, completions);
    e.failedIndexes = before.with(
      pods.filter((p) => counts(p) && isIndexFailed(job, p)).map(indexOf),
    );
    e.finished ??= failedIndexesVerdict(e, completions, nowMs);
    e.delayed = delayedPods(e, counts);
  }
  const met = e.finished
    ? undefined
    : metSuccessPolicy(job.spec.successPolicy, completions, e.succeededIndexes);
  if (met) e.finished = makeCondition('SuccessCriteriaMet', 'True', 'SuccessPolicy', met, nowMs);
}

function failedIndexesVerdict(
  { job, failedIndexes, succeededIndexes }: Evaluation,
  completions: number,
  nowMs: number,
): JobCondition | undefined {
  const failed = failedIndexes?.total ?? 0;
  if (job.spec.maxFailedIndexes !== undefined && failed > job.spec.maxFailedIndexes) {
    return makeCondition(
      'FailureTarget',
      'True',
      'MaxFailedIndexesExceeded',
      'Job has exceeded the specified maximal number of failed indexes',
      nowMs,
    );
  }
  if (failed > 0 && failed + succeededIndexes.total >= completions)
    return makeCondition('FailureTarget', 'True', 'FailedIndexes', 'Job has failed indexes', nowMs);
  return undefined;
}

function isIndexFailed(job: Job, pod: Pod): boolean {
  if (!isPodFailed(pod, job)) return false;
  const verdict = judgeFailure(job.spec.podFailurePolicy, pod);
  return (
    verdict.action === 'FailIndex' ||
    (verdict.counts && failureCount(pod) >= (job.spec.backoffLimitPerIndex ?? 0))
  );
}

/**
 * A failed pod is kept until its replacement is due: it remembers how often its index has failed.
 */
function delayedPods(e: Evaluation, counts: (pod: Pod) => boolean): Map<number, Pod> {
  const activeIndexes = new Set(e.active.map(indexOf));
  const delayed = new Map<number, Pod>();
  for (const pod of e.pods) {
    const index = indexOf(pod);
    if (
      !counts(pod) ||
      !isPodFailed(pod, e.job) ||
      e.succeededIndexes.has(index) ||
      e.failedIndexes?.has(index) ||
      activeIndexes.has(index)
    )
      continue;
    const present = delayed.get(index);
    if (
      !present ||
      (absoluteFailureCount(present) <= absoluteFailureCount(pod) &&
        finishedAtMs(pod) >= finishedAtMs(present))
    )
      delayed.set(index, pod);
  }
  return delayed;
}
