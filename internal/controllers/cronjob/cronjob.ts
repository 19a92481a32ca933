import { isKnownTimeZone, parseCron, type CronSchedule } from '../../api/cron.ts';
import type { CronJob, CronJobStatus, Job } from '../../api/generated/types/batch-v1.ts';
import type { ObjectReference } from '../../api/generated/types/core-v1.ts';
import { deepCopy } from '../../api/object.ts';
import { messageOf, SkiffError } from '../../base/errors.ts';
import type { Client, Mirror } from '../../client/client.ts';
import { eventRecorder, type EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { LastWrite } from '../last-write.ts';
import {
  controllerIndex,
  controllerOf,
  controllerRef,
  isApiError,
  isNamespaceTerminating,
} from '../owners.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';
import { whenDue } from './schedule.ts';

const name = 'cronjob-controller';
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export function startCronJobController(ctx: ControllerContext): Controller {
  return new CronJobController(ctx).start();
}

class CronJobController {
  readonly #ctx: ControllerContext;
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #crons: Mirror<CronJob>;
  readonly #jobs: Mirror<Job>;
  readonly #queue: WorkQueue;
  readonly #written = new LastWrite();

  constructor(ctx: ControllerContext) {
    this.#ctx = ctx;
    this.#client = ctx.clientFor(name);
    this.#events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: name,
    });
    this.#crons = ctx.mirrors.of<CronJob>(refs.cronJobs);
    this.#jobs = ctx.mirrors.of<Job>(refs.jobs, { indexes: controllerIndex });
    this.#queue = makeQueue(ctx, { name, reconcile: (key) => this.#reconcile(key) });
  }

  start(): Controller {
    this.#crons.onChange(({ type, key }) => {
      if (type === 'DELETED') this.#queue.unschedule(key);
      this.#queue.add(key);
    });
    this.#jobs.onChange(({ object }) => {
      const owner = controllerOf(object);
      if (owner?.kind === 'CronJob') this.#queue.add(`${object.metadata.namespace}/${owner.name}`);
    });
    return run(this.#queue, { name, mirrors: [this.#crons, this.#jobs] });
  }

  async #reconcile(key: string): Promise<void> {
    const cron = this.#crons.get(key);
    if (!cron) return this.#written.forget(key);
    if (!this.#written.caughtUp(key, this.#crons)) return this.#queue.addRateLimited(key);
    const jobs = [...this.#jobs.byIndex('controller', cron.metadata.uid!)];
    const status: CronJobStatus = { ...cron.status, active: [...(cron.status?.active ?? [])] };
    this.#queue.unschedule(key);
    try {
      await this.#noteJobs(cron, jobs, status);
      await this.#cleanUp(cron, jobs, status);
      if (!cron.metadata.deletionTimestamp) await this.#schedule(key, cron, status);
    } finally {
      await this.#writeStatus(key, cron, status);
    }
  }

  async #noteJobs(cron: CronJob, jobs: Job[], status: CronJobStatus): Promise<void> {
    const children = new Set(jobs.map((j) => j.metadata.uid));
    for (const job of jobs) {
      const listed = status.active!.some((a) => a.uid === job.metadata.uid);
      const end = endOf(job);
      if (!end && !listed) {
        this.#events.warning(
          cron,
          'UnexpectedJob',
          `Saw a job that the controller did not create or forgot: ${job.metadata.name}`,
        );
      } else if (end) {
        if (listed) {
          unlist(status, job.metadata.uid);
          this.#events.normal(
            cron,
            'SawCompletedJob',
            `Saw completed job: ${job.metadata.name}, condition: ${end}`,
          );
        }
        const done = job.status?.completionTime;
        if (end === 'Complete' && done && msOf(done) > msOf(status.lastSuccessfulTime))
          status.lastSuccessfulTime = done;
      }
    }
    for (const active of status.active!.filter((a) => !children.has(a.uid))) {
      try {
        await this.#client.get(refs.jobs, { namespace: active.namespace, name: active.name! });
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
        this.#events.normal(cron, 'MissingJob', `Active job went missing: ${active.name}`);
        unlist(status, active.uid);
      }
    }
  }

  async #cleanUp(cron: CronJob, jobs: Job[], status: CronJobStatus): Promise<void> {
    const keep = {
      Complete: cron.spec.successfulJobsHistoryLimit,
      Failed: cron.spec.failedJobsHistoryLimit,
    };
    for (const end of ['Complete', 'Failed'] as const) {
      const limit = keep[end];
      if (limit === undefined) continue;
      const ended = jobs.filter((j) => endOf(j) === end && !j.metadata.deletionTimestamp);
      ended.sort(
        (a, b) =>
          msOf(a.status?.startTime) - msOf(b.status?.startTime) ||
          (a.metadata.name! < b.metadata.name! ? -1 : 1),
      );
      for (const job of ended.slice(0, Math.max(0, ended.length - limit)))
        await this.#deleteJob(cron, job.metadata, status);
    }
  }

  async #deleteJob(
    cron: CronJob,
    job: { namespace?: string; name?: string; uid?: string },
    status: CronJobStatus,
  ): Promise<boolean> {
    try {
      await this.#client.delete(
        refs.jobs,
        { namespace: job.namespace, name: job.name! },
        { propagationPolicy: 'Background' },
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) {
        this.#events.warning(cron, 'FailedDelete', `Deleted job: ${messageOf(error)}`);
        return false;
      }
    }
    unlist(status, job.uid);
    this.#events.normal(cron, 'SuccessfulDelete', `Deleted job ${job.name}`);
    return true;
  }

  async #schedule(key: string, cron: CronJob, status: CronJobStatus): Promise<void> {
    const schedule = this.#scheduleOf(cron);
    if (!schedule || cron.spec.suspend) return;
    const nowMs = this.#ctx.clock.now();
    const due = whenDue({ ...cron, status }, schedule, nowMs);
    if (due.nextInMs !== undefined) this.#queue.addAfter(key, due.nextInMs);
    if (due.dueMs === undefined) return;
    if (due.tooManyMissed)
      this.#events.warning(
        cron,
        'TooManyMissedTimes',
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check ' +
          'clock skew',
      );
    const { startingDeadlineSeconds, concurrencyPolicy } = cron.spec;
    if (
      startingDeadlineSeconds !== undefined &&
      due.dueMs + startingDeadlineSeconds * 1000 < nowMs
    ) {
      return this.#events.warning(
        cron,
        'MissSchedule',
        'Missed scheduled time to start a job: ' +
          `${new Date(due.dueMs).toUTCString().replace('GMT', 'UTC')}`,
      );
    }
    const jobName = `${cron.metadata.name}-${Math.floor(due.dueMs / 60_000)}`;
    if (
      status.active!.some((a) => a.name === jobName) ||
      msOf(status.lastScheduleTime) === due.dueMs
    )
      return;
    if (concurrencyPolicy === 'Forbid' && status.active!.length > 0) {
      return this.#events.normal(
        cron,
        'JobAlreadyActive',
        'Not starting job because prior execution is running and concurrency policy is Forbid',
      );
    }
    if (concurrencyPolicy === 'Replace') {
      for (const active of [...status.active!]) {
        if (!(await this.#deleteJob(cron, active, status)))
          throw new SkiffError(`could not replace job ${active.namespace}/${active.name}`, {
            code: 'REPLACE',
            op: 'cronjob',
          });
      }
    }
    await this.#startJob(cron, jobName, due.dueMs, status);
  }

  #scheduleOf(cron: CronJob): CronSchedule | undefined {
    const { timeZone, schedule } = cron.spec;
    if (timeZone && !isKnownTimeZone(timeZone)) {
      this.#events.warning(
        cron,
        'UnknownTimeZone',
        `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`,
      );
      return undefined;
    }
    try {
      return parseCron(schedule, timeZone);
    } catch (error) {
      this.#events.warning(
        cron,
        'UnparseableSchedule',
        `unparseable schedule: ${JSON.stringify(schedule)} : ${messageOf(error)}`,
      );
      return undefined;
    }
  }

  async #startJob(
    cron: CronJob,
    jobName: string,
    dueMs: number,
    status: CronJobStatus,
  ): Promise<void> {
    const { metadata, spec } = cron.spec.jobTemplate;
    const { namespace } = cron.metadata;
    const annotations = { ...metadata?.annotations, [scheduledAnnotation]: timeOf(dueMs) };
    const wanted = {
      metadata: {
        name: jobName,
        namespace,
        labels: { ...metadata?.labels },
        annotations,
        ownerReferences: [controllerRef(refs.cronJobs, cron)],
      },
      spec: deepCopy(spec),
    };
    let job: Job;
    try {
      job = await this.#client.create<Job>(refs.jobs, wanted);
      this.#events.normal(cron, 'SuccessfulCreate', `Created job ${jobName}`);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!isApiError(error, 'AlreadyExists')) {
        this.#events.warning(cron, 'FailedCreate', `Error creating job: ${messageOf(error)}`);
        throw error;
      }
      job = await this.#client.get<Job>(refs.jobs, { namespace, name: jobName });
      if (
        controllerOf(job)?.uid !== cron.metadata.uid ||
        status.active!.some((a) => a.uid === job.metadata.uid)
      )
        return;
    }
    const { uid, resourceVersion } = job.metadata;
    const reference: ObjectReference = {
      kind: 'Job',
      namespace,
      name: jobName,
      uid,
      apiVersion: 'batch/v1',
      resourceVersion,
    };
    if (!endOf(job)) status.active!.push(reference);
    status.lastScheduleTime = timeOf(dueMs);
  }

  async #writeStatus(key: string, cron: CronJob, status: CronJobStatus): Promise<void> {
    if (same(cron.status, status)) return;
    try {
      this.#written.note(
        key,
        await this.#client.update<CronJob>(
          refs.cronJobs,
          { ...cron, status },
          { subresource: 'status' },
        ),
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

function endOf(job: Job): 'Complete' | 'Failed' | undefined {
  const end = (job.status?.conditions ?? []).find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  return end?.type as 'Complete' | 'Failed' | undefined;
}

function unlist(status: CronJobStatus, uid: string | undefined): void {
  status.active = status.active!.filter((a) => a.uid !== uid);
}
