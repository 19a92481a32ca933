import { equalAs } from '../../api/equality.ts';
import { parseCron, zoneError, zonedTime, type CronSchedule } from '../../api/cron/cron.ts';
import type { CronJob, CronJobStatus, Job } from '../../api/generated/types/batch-v1.ts';
import type { ObjectReference } from '../../api/generated/types/core-v1.ts';
import { deepCopy } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { nothing, say, type Plan, type Say, type Step, type Write } from '../kit/write.ts';
import { controllerOf, controllerRef } from '../owners.ts';
import { whenDue } from './schedule.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** All that one pass over a CronJob looks at. */
export interface CronJobView {
  cron: CronJob;
  /** The CronJob's own jobs. */
  jobs: Job[];
  /** The uids of active jobs that the server does not have. */
  missing: Set<string>;
  /** The Job of this name in the CronJob's namespace. */
  named(job: string): Job | undefined;
  /** The zone of schedules that name none. */
  localZone: string;
  nowMs: number;
}

type Active = ObjectReference[];

/** What a pass decides; the status depends on which of its writes are done. */
interface Decision {
  steps: Step[];
  /** The status before what the writes change. */
  status: CronJobStatus;
  /** Deletions of jobs, by the uid that leaves the list of active ones. */
  deletions: Map<Write, string | undefined>;
  start?: { dueMs: number; write: Write | undefined; present: Job | undefined };
  againInMs?: number;
}

/** Takes note of ended jobs, deletes old ones, and starts the one that is due. */
export function planCronJob(v: CronJobView): Plan {
  const { steps, againInMs } = decide(v);
  return { steps, againInMs };
}

function decide(v: CronJobView): Decision {
  const { cron } = v;
  const seen = noteJobs(v);
  const old = tooOld(v).map((job) => jobDeletion(cron, job.metadata));
  const d: Decision = {
    steps: [...seen.events, ...old],
    status: seen.status,
    deletions: new Map(old.map((w) => [w, w.object.metadata.uid])),
  };
  if (!cron.metadata.deletionTimestamp) schedule(v, d);
  return d;
}

function noteJobs({ cron, jobs, missing }: CronJobView): { status: CronJobStatus; events: Say[] } {
  let active: Active = [...(cron.status?.active ?? [])];
  const status: CronJobStatus = { ...cron.status };
  const events: Say[] = [];
  for (const job of jobs) {
    const { name, uid } = job.metadata;
    const listed = active.some((a) => a.uid === uid);
    const end = endOf(job);
    if (!end && !listed) {
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      events.push(say(cron, 'Warning', 'UnexpectedJob', message));
    }
    if (!end) continue;
    if (listed) {
      active = active.filter((a) => a.uid !== uid);
      const message = `Saw completed job: ${name}, condition: ${end}`;
      events.push(say(cron, 'Normal', 'SawCompletedJob', message));
    }
    const done = job.status?.completionTime;
    if (end === 'Complete' && done && msOf(done) > msOf(status.lastSuccessfulTime))
      status.lastSuccessfulTime = done;
  }
  for (const gone of active.filter((a) => missing.has(a.uid!)))
    events.push(say(cron, 'Normal', 'MissingJob', `Active job went missing: ${gone.name}`));
  return { status: { ...status, active: active.filter((a) => !missing.has(a.uid!)) }, events };
}

/** Ended jobs beyond the limits of the history, those that started first. */
function tooOld({ cron, jobs }: CronJobView): Job[] {
  const limits = [
    ['Complete', cron.spec.successfulJobsHistoryLimit],
    ['Failed', cron.spec.failedJobsHistoryLimit],
  ] as const;
  const startedAt = (job: Job): number =>
    job.status?.startTime ? msOf(job.status.startTime) : Infinity;
  return limits.flatMap(([end, limit]) => {
    if (limit === undefined) return [];
    const ended = jobs.filter((j) => endOf(j) === end);
    ended.sort((a, b) => {
      const [x, y] = [startedAt(a), startedAt(b)];
      return x === y ? (a.metadata.name! < b.metadata.name! ? -1 : 1) : x < y ? -1 : 1;
    });
    const excess = ended.slice(0, Math.max(0, ended.length - limit));
    return excess.filter((j) => !j.metadata.deletionTimestamp);
  });
}

function jobDeletion(
  cron: CronJob,
  job: { namespace?: string; name?: string; uid?: string },
): Extract<Write, { verb: 'delete' }> {
  return {
    verb: 'delete',
    ref: refs.jobs,
    object: { metadata: job },
    options: { propagationPolicy: 'Background' },
    done: () => say(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${job.name}`),
    failed: (error) => say(cron, 'Warning', 'FailedDelete', `Deleted job: ${error}`),
  };
}

/** Starts the job that is due, unless something speaks against it. */
function schedule(v: CronJobView, d: Decision): void {
  const { cron, nowMs } = v;
  const warn = (reason: string, message: string): number =>
    d.steps.push(say(cron, 'Warning', reason, message));
  const { startingDeadlineSeconds, concurrencyPolicy } = cron.spec;
  const times = scheduleOf(v, warn);
  if (!times) return;
  const due = whenDue(cron, times, nowMs);
  if (due.never)
    return void warn(
      'InvalidSchedule',
      `invalid schedule: ${cron.spec.schedule} : time difference between two schedules is ` +
        'less than 1 second',
    );
  d.againInMs = due.nextInMs;
  if (due.dueMs === undefined) return;
  if (due.tooManyMissed)
    warn(
      'TooManyMissedTimes',
      'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check ' +
        'clock skew',
    );
  if (startingDeadlineSeconds !== undefined && due.dueMs + startingDeadlineSeconds * 1000 < nowMs) {
    const time = new Date(due.dueMs).toUTCString().replace('GMT', '+0000');
    return void warn('MissSchedule', `Missed scheduled time to start a job: ${time}`);
  }
  const name = `${cron.metadata.name}-${Math.floor(due.dueMs / 60_000)}`;
  const active = d.status.active!;
  if (active.some((a) => a.name === name) || msOf(d.status.lastScheduleTime) === due.dueMs) return;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message =
      'Not starting job because prior execution is running and concurrency policy is Forbid';
    return void d.steps.push(say(cron, 'Normal', 'JobAlreadyActive', message));
  }
  if (concurrencyPolicy === 'Replace')
    for (const job of active) {
      const write = jobDeletion(cron, job);
      d.deletions.set(write, job.uid);
      d.steps.push(write);
    }
  // The name is a lock: a job that has it was started by a pass that could not tell.
  const present = v.named(name);
  const write = present ? undefined : jobCreation(cron, name, due.dueMs);
  if (write) d.steps.push(write);
  d.start = { dueMs: due.dueMs, write, present };
}

function scheduleOf(
  { cron, localZone }: CronJobView,
  warn: (reason: string, message: string) => void,
): CronSchedule | undefined {
  const { timeZone, schedule: text, suspend } = cron.spec;
  const unknown = timeZone === undefined ? undefined : zoneError(timeZone);
  if (unknown) {
    warn('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(timeZone)}: ${unknown}`);
    return undefined;
  }
  if (suspend) return undefined;
  try {
    return parseCron(text, timeZone ?? localZone);
  } catch (error) {
    warn('UnparseableSchedule', `unparseable schedule: "${text}" : ${messageOf(error)}`);
    return undefined;
  }
}

function jobCreation(cron: CronJob, name: string, dueMs: number): Write {
  const { metadata, spec } = cron.spec.jobTemplate;
  const { namespace } = cron.metadata;
  const scheduled = zonedTime(dueMs, cron.spec.timeZone ?? 'UTC');
  return {
    verb: 'create',
    ref: refs.jobs,
    object: {
      metadata: {
        name,
        namespace,
        labels: { ...metadata?.labels },
        annotations: { ...metadata?.annotations, [scheduledAnnotation]: scheduled },
        ownerReferences: [controllerRef(refs.cronJobs, cron)],
      },
      spec: deepCopy(spec),
    },
    // A job that the mirror does not show yet: its own event brings the key again.
    forgives: ['AlreadyExists'],
    done: () => say(cron, 'Normal', 'SuccessfulCreate', `Created job ${name}`),
    failed: (error) => say(cron, 'Warning', 'FailedCreate', `Error creating job: ${error}`),
  };
}

/** The status by what was deleted and started. It is written after a failure, too. */
export function concludeCronJob(v: CronJobView, outcome: Outcome, plan: Plan): Plan {
  const { cron } = v;
  const d = decide(v);
  // The plan was decided on the same view: its steps stand at the same places.
  const done = (write: Write): Job | undefined =>
    outcome.of(plan.steps[d.steps.indexOf(write)] as Write) as Job | undefined;
  const gone = new Set([...d.deletions].flatMap(([write, uid]) => (done(write) ? [uid] : [])));
  const active = d.status.active!.filter((a) => !gone.has(a.uid));
  const status: CronJobStatus = { ...d.status, active };
  const { start } = d;
  const job = start && (start.write ? done(start.write) : ours(cron, start.present));
  if (start && job?.metadata.uid) {
    const { namespace, name, uid, resourceVersion } = job.metadata;
    if (!endOf(job) && !active.some((a) => a.uid === uid))
      active.push({ kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion });
    status.lastScheduleTime = timeOf(start.dueMs);
  }
  if (equalAs('@batch.v1.CronJobStatus', cron.status, status)) return nothing;
  const object = { ...cron, status };
  return { steps: [{ verb: 'update', ref: refs.cronJobs, object, subresource: 'status' }] };
}

const ours = (cron: CronJob, job: Job | undefined): Job | undefined =>
  job && controllerOf(job)?.uid === cron.metadata.uid ? job : undefined;

function endOf(job: Job): 'Complete' | 'Failed' | undefined {
  const end = (job.status?.conditions ?? []).find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  return end?.type as 'Complete' | 'Failed' | undefined;
}
