import type { Job, JobCondition, JobStatus } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import {
  earliest,
  nothing,
  say,
  type Plan,
  type Say,
  type Step,
  type Write,
} from '../kit/write.ts';
import { podCreation, podDeletion, type PodOwner } from '../pod-control.ts';
import { isReady } from '../pod-facts.ts';
import { remainingMs, type Now } from './backoff.ts';
import { conditionOf, makeCondition, type Evaluation } from './evaluate.ts';
import {
  absoluteFailureCount,
  indexOf,
  isIndexed,
  isSuspended,
  podOf,
  podsToRemove,
  trackingFinalizer,
} from './job-pods.ts';
import { replacesOnlyFailed } from './policies.ts';
import { finish, track } from './track.ts';

/** Pods created or deleted in one pass (k/k MaxPodCreateDeletePerSync). */
const mostPodsPerPass = 500;

export interface JobView extends Now {
  what: 'job';
  evaluation: Evaluation;
}

/** A pod whose job is gone: a finalizer holds it that nobody else will take off. */
export interface OrphanView {
  what: 'orphan';
  pod: Pod;
}

export type View = JobView | OrphanView;

/** Makes and deletes pods, so that as many run as should. */
export function planJob(v: View): Plan {
  if (v.what === 'orphan') return { steps: [finalizerDrop(v.pod)] };
  const { evaluation: e, nowMs } = v;
  if (e.finished) return { steps: removal(e, e.active) };
  if (e.job.metadata.deletionTimestamp) return nothing;
  if (isSuspended(e.job)) return { steps: removal(e, e.active) };
  const wanted = wantedActive(e);
  const tooMany = Math.max(0, e.active.length - wanted);
  const remove = podsToRemove(e.job, e.active, tooMany, nowMs).slice(0, mostPodsPerPass);
  if (remove.length > 0) return { steps: removal(e, remove) };
  const waitsFor = replacesOnlyFailed(e.job) ? e.terminating : 0;
  const missing = Math.min(wanted - e.active.length - waitsFor, mostPodsPerPass);
  return missing > 0 ? creation(e, missing, v) : nothing;
}

function wantedActive(e: Evaluation): number {
  const { completions, parallelism = 1 } = e.job.spec;
  if (completions === undefined) return e.succeeded > 0 ? e.active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - e.succeeded));
}

function finalizerDrop(pod: Pod): Write {
  const { uid } = pod.metadata;
  const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  return { verb: 'patch', ref: refs.pods, object: pod, patch: { type: 'strategic', body } };
}

function removal(e: Evaluation, pods: Pod[]): Step[] {
  if (pods.length === 0) return [];
  const owner: PodOwner = { ref: refs.jobs, object: e.job };
  const deletions = pods.map((pod) => podDeletion(pod, owner));
  const steps: Step[] = [{ pace: 'together', writes: deletions }];
  // A pod that is deleted because the job shrinks or is suspended is no failure of the job.
  return e.finished ? steps : [{ pace: 'together', writes: pods.map(finalizerDrop) }, ...steps];
}

function creation(e: Evaluation, missing: number, now: Now): Plan {
  const { job } = e;
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  const waitMs = perIndex ? 0 : remainingMs(e.backoff, now);
  if (waitMs > 0) return { steps: [], againInMs: waitMs };
  const owner: PodOwner = { ref: refs.jobs, object: job };
  const pod = (index?: number): Write =>
    podCreation(podOf(job, index, index === undefined ? undefined : e.delayed.get(index)), owner);
  if (!isIndexed(job)) return slowly(Array.from({ length: missing }, () => pod()));
  const pending = pendingIndexes(e, missing);
  const waits = pending.map((i) => indexWaitMs(e, i, now));
  const due = pending.filter((_, i) => waits[i] === 0);
  return { ...slowly(due.map(pod)), againInMs: earliest(...waits.filter((ms) => ms > 0)) };
}

const slowly = (writes: Write[]): Plan => ({
  steps: writes.length > 0 ? [{ pace: 'slow-start', writes }] : [],
});

function indexWaitMs({ delayed, backoff }: Evaluation, index: number, now: Now): number {
  const replaced = delayed.get(index);
  if (!replaced) return 0;
  const lastFailureMs = backoff.delayed.get(replaced.metadata.uid!)!;
  return remainingMs({ failures: absoluteFailureCount(replaced) + 1, lastFailureMs }, now);
}

function pendingIndexes(e: Evaluation, count: number): number[] {
  const taken = new Set(e.active.map(indexOf));
  const ended = (p: Pod): boolean =>
    p.status?.phase === 'Failed' || p.status?.phase === 'Succeeded';
  if (replacesOnlyFailed(e.job))
    for (const p of e.pods) if (p.metadata.deletionTimestamp && !ended(p)) taken.add(indexOf(p));
  const pending: number[] = [];
  for (let i = 0; i < (e.job.spec.completions ?? 0) && pending.length < count; i += 1) {
    if (!taken.has(i) && !e.succeededIndexes.has(i) && !e.failedIndexes?.has(i)) pending.push(i);
  }
  return pending;
}

/** What is so after the plan was carried out. */
function after(e: Evaluation, outcome: Pick<Outcome, 'created' | 'removed'>): Evaluation {
  const gone = new Set(outcome.removed().map((o) => o.metadata.uid));
  const made = outcome.created() as Pod[];
  const active = [...e.active.filter((p) => !gone.has(p.metadata.uid)), ...made];
  const replaced = new Set(made.map(indexOf));
  return {
    ...e,
    active,
    pods: e.finished ? e.pods : e.pods.filter((p) => !gone.has(p.metadata.uid)),
    ready: active.filter(isReady).length,
    terminating: e.terminating + gone.size,
    // One that was replaced has nothing to remember any more.
    delayed: new Map([...e.delayed].filter(([index]) => !replaced.has(index))),
  };
}

function endOf(e: Evaluation, nowMs: number): JobCondition | undefined {
  // What could not be deleted still runs: the end is for another pass.
  if (e.finished) return e.active.length > 0 ? undefined : e.finished;
  const { completions } = e.job.spec;
  const enough = completions === undefined ? e.succeeded > 0 : e.succeeded >= completions;
  if (!enough || e.active.length > 0) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return makeCondition('SuccessCriteriaMet', 'True', 'CompletionsReached', message, nowMs);
}

/**
 * Counts ended pods. One pass writes their uids into the status and takes off their finalizers; the
 * next, which sees them without, turns the uids into numbers, and ends the job when nothing is
 * left to count.
 */
export function concludeJob(v: View, outcome: Outcome): Plan {
  if (v.what === 'orphan') return nothing;
  const { nowMs } = v;
  const now = after(v.evaluation, outcome);
  const e = { ...now, finished: endOf(now, nowMs) };
  const { base, events } = suspension(v.evaluation, nowMs);
  const counts = { active: e.active.length, ready: e.ready, terminating: e.terminating };
  const tracking = track(e, { ...base, ...counts }, nowMs);
  const last =
    tracking.release.length === 0
      ? finish(tracking.status, tracking.finished, e.terminating, nowMs)
      : undefined;
  const status = last ?? tracking.status;
  return {
    steps: [
      ...statusWrite(refs.jobs, e.job, status),
      ...events,
      ...(last ? ending({ ...e.job, status }, tracking.finished!) : []),
      { pace: 'together', writes: tracking.release.map(finalizerDrop) },
    ],
    againInMs: deadlineInMs(e.job, base, nowMs),
  };
}

/** The status as a suspension or a resumption leaves it. */
function suspension(e: Evaluation, nowMs: number): { base: JobStatus; events: Say[] } {
  const { job } = e;
  const suspended = isSuspended(job);
  const base: JobStatus = { ...job.status };
  if (!base.startTime && !suspended) base.startTime = timeOf(nowMs);
  const present = conditionOf(base.conditions, 'Suspended');
  if (e.finished || job.metadata.deletionTimestamp || (present?.status === 'True') === suspended)
    return { base, events: [] };
  const [status, reason, message] = suspended
    ? ['True', 'JobSuspended', 'Job suspended']
    : ['False', 'JobResumed', 'Job resumed'];
  const next = makeCondition('Suspended', status!, reason!, message!, nowMs);
  const conditions = present
    ? base.conditions!.map((c) => (c === present ? next : c))
    : [...(base.conditions ?? []), next];
  const { startTime: _before, ...rest } = base;
  return {
    base: { ...rest, ...(suspended ? {} : { startTime: timeOf(nowMs) }), conditions },
    events: [say(job, 'Normal', suspended ? 'Suspended' : 'Resumed', message!)],
  };
}

function ending(job: Job, condition: JobCondition): Say[] {
  if (condition.type !== 'Complete')
    return [say(job, 'Warning', condition.reason ?? '', condition.message ?? '')];
  const events = [say(job, 'Normal', 'Completed', 'Job completed')];
  if (job.spec.completions === undefined || (job.status?.succeeded ?? 0) <= job.spec.completions)
    return events;
  const message = 'Too many succeeded pods running after completion count reached';
  return [say(job, 'Warning', 'TooManySucceededPods', message), ...events];
}

function deadlineInMs(job: Job, status: JobStatus, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds === undefined || isSuspended(job) || !status.startTime)
    return undefined;
  const leftMs = msOf(status.startTime) + activeDeadlineSeconds * 1000 - nowMs;
  return leftMs > 0 ? leftMs : undefined;
}
