import type { Job, JobStatus } from '../generated/types/batch-v1.ts';
import { semanticEqual } from '../loose.ts';
import { countIndexes, overlap } from './job-indexes.ts';
import { checkMetadataUpdate } from './metadata.ts';
import { noValue } from '../status.ts';
import type { Problems } from './problems.ts';

type ConditionType = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet' | 'Suspended';

const is = (status: JobStatus, type: ConditionType, value = 'True'): boolean =>
  (status.conditions ?? []).some((c) => c.type === type && c.status === value);
const finished = (status: JobStatus): boolean => is(status, 'Complete') || is(status, 'Failed');

/** A write to the status of a job. What was wrong before and is not touched stays. */
export function updateJobStatus(problems: Problems, job: Job, old: Job): void {
  checkMetadataUpdate(problems, job.metadata ?? {}, old.metadata ?? {});
  const [status, was]: [JobStatus, JobStatus] = [job.status ?? {}, old.status ?? {}];
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    problems.nonNegative(`status.${field}`, status[field]);
  checkUncounted(problems, status);
  checkCompletion(problems, status, was);
  checkFinished(problems, job, status, was);
  checkIndexes(problems, job, status, was);
  const running = status.active !== was.active || status.ready !== was.ready;
  if (running && (status.ready ?? 0) > (status.active ?? 0))
    problems.invalid('status.ready', status.ready, 'cannot set more ready pods than active');
  checkSuccess(problems, job, status);
  checkNoWayBack(problems, job, status, was);
}

function checkUncounted(problems: Problems, status: JobStatus): void {
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    (status.uncountedTerminatedPods?.[list] ?? []).forEach((uid, i) => {
      const at = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (!uid) problems.invalid(at, uid, 'must not be empty');
      else if (seen.has(uid)) problems.duplicate(at, uid);
      seen.add(uid);
    });
  }
}

const conditions = (problems: Problems, detail: string): void =>
  problems.invalid('status.conditions', noValue, detail);

function checkCompletion(problems: Problems, status: JobStatus, was: JobStatus): void {
  const changed = (type: ConditionType): boolean => is(status, type) !== is(was, type);
  const complete = is(status, 'Complete');
  if ((changed('Complete') || changed('Failed')) && complete && is(status, 'Failed'))
    conditions(problems, 'cannot set Complete=True and Failed=true conditions');
  if ((changed('Complete') || changed('FailureTarget')) && complete && is(status, 'FailureTarget'))
    conditions(problems, 'cannot set Complete=True and FailureTarget=true conditions');
  const timed = status.completionTime !== was.completionTime;
  if (changed('Complete') || timed) {
    if (status.completionTime && !complete)
      problems.invalid(
        'status.completionTime',
        status.completionTime,
        'cannot set completionTime when there is no Complete=True condition',
      );
    if (!status.completionTime && complete)
      problems.required('status.completionTime', 'completionTime is required for Complete jobs');
  }
  if (
    (timed || status.startTime !== was.startTime) &&
    status.startTime &&
    status.completionTime &&
    status.completionTime < status.startTime
  ) {
    problems.invalid(
      'status.completionTime',
      status.completionTime,
      'must be equal to or after `startTime`',
    );
  }
  if (
    (changed('Failed') || status.failedIndexes !== was.failedIndexes) &&
    is(status, 'Failed') &&
    !is(status, 'FailureTarget')
  )
    conditions(
      problems,
      'cannot set Failed=True condition without the FailureTarget=true condition',
    );
  if (
    (changed('Complete') || changed('SuccessCriteriaMet')) &&
    complete &&
    !is(status, 'SuccessCriteriaMet')
  )
    conditions(
      problems,
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    );
}

function checkFinished(problems: Problems, job: Job, status: JobStatus, was: JobStatus): void {
  if (!finished(status)) return;
  const ended = !finished(was);
  if ((ended || status.active !== was.active) && (status.active ?? 0) > 0)
    problems.invalid('status.active', status.active, 'active>0 is invalid for finished job');
  const neverRan = job.spec?.suspend === true && job.spec.completions === 0;
  if ((ended || status.startTime !== was.startTime) && !neverRan && !status.startTime)
    problems.required('status.startTime', 'startTime is required for finished job');
  const waiting = status.uncountedTerminatedPods;
  if (
    (ended || !semanticEqual(waiting, was.uncountedTerminatedPods)) &&
    (waiting?.failed?.length ?? 0) + (waiting?.succeeded?.length ?? 0) > 0
  ) {
    problems.invalid(
      'status.uncountedTerminatedPods',
      { Succeeded: waiting?.succeeded ?? null, Failed: waiting?.failed ?? null },
      'must be empty for finished job',
    );
  }
  if ((ended || status.terminating !== was.terminating) && (status.terminating ?? 0) > 0)
    problems.invalid(
      'status.terminating',
      status.terminating,
      'terminating>0 is invalid for finished job',
    );
}

function checkIndexes(problems: Problems, job: Job, status: JobStatus, was: JobStatus): void {
  const { completions, backoffLimitPerIndex, completionMode } = job.spec ?? {};
  const [done, failed] = [status.completedIndexes ?? '', status.failedIndexes];
  const [doneChanged, failedChanged] = [
    done !== (was.completedIndexes ?? ''),
    failed !== was.failedIndexes,
  ];
  if (doneChanged && completions !== undefined) {
    const counted = countIndexes(done, completions);
    if (typeof counted === 'string')
      problems.invalid(
        'status.completedIndexes',
        done,
        `error parsing completedIndexes: ${counted}`,
      );
  }
  if (
    failedChanged &&
    completions !== undefined &&
    backoffLimitPerIndex !== undefined &&
    failed !== undefined
  ) {
    const counted = countIndexes(failed, completions);
    if (typeof counted === 'string')
      problems.invalid('status.failedIndexes', failed, `error parsing failedIndexes: ${counted}`);
  }
  if (doneChanged && done && completionMode !== 'Indexed')
    problems.invalid(
      'status.completedIndexes',
      done,
      'cannot set non-empty completedIndexes when non-indexed completion mode',
    );
  if (failedChanged && backoffLimitPerIndex === undefined && failed !== undefined)
    problems.invalid(
      'status.failedIndexes',
      failed,
      'cannot set non-null failedIndexes when backoffLimitPerIndex is null',
    );
  if ((doneChanged || failedChanged) && completions !== undefined && failed !== undefined) {
    const shared = overlap(done, failed, completions);
    if (shared !== undefined)
      problems.invalid(
        'status.failedIndexes',
        failed,
        `failedIndexes and completedIndexes overlap at index: ${shared}`,
      );
  }
}

function checkSuccess(problems: Problems, job: Job, status: JobStatus): void {
  if (is(status, 'SuccessCriteriaMet')) {
    if (is(status, 'Failed'))
      conditions(problems, 'cannot set SuccessCriteriaMet=True and Failed=true conditions');
    if (is(status, 'FailureTarget'))
      conditions(problems, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  } else if (job.spec?.successPolicy && is(status, 'Complete'))
    conditions(
      problems,
      'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
    );
}

function checkNoWayBack(problems: Problems, job: Job, status: JobStatus, was: JobStatus): void {
  for (const type of ['Failed', 'Complete', 'FailureTarget'] as const)
    if (is(was, type) && !is(status, type))
      conditions(problems, `cannot disable the terminal ${type}=True condition`);
  if ((status.failed ?? 0) < (was.failed ?? 0))
    problems.invalid('status.failed', status.failed ?? 0, 'cannot decrease the failed counter');
  const elastic =
    job.spec?.completionMode === 'Indexed' && job.spec.completions === job.spec.parallelism;
  if (!elastic && (status.succeeded ?? 0) < (was.succeeded ?? 0))
    problems.invalid(
      'status.succeeded',
      status.succeeded ?? 0,
      'cannot decrease the succeeded counter',
    );
  if (status.completionTime && was.completionTime && status.completionTime !== was.completionTime)
    problems.invalid('status.completionTime', status.completionTime, 'field is immutable');
  const resuming = is(was, 'Suspended') && is(status, 'Suspended', 'False');
  if (was.startTime && status.startTime !== was.startTime && !resuming && !job.spec?.suspend)
    problems.invalid(
      'status.startTime',
      status.startTime ?? null,
      'field is immutable for unsuspended job once set',
    );
  if (is(was, 'SuccessCriteriaMet') && !is(status, 'SuccessCriteriaMet'))
    conditions(problems, 'cannot disable the SuccessCriteriaMet=True condition');
  if (is(was, 'Complete') && !is(was, 'SuccessCriteriaMet') && is(status, 'SuccessCriteriaMet'))
    conditions(
      problems,
      'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
    );
}
