import type { Job, JobCondition, JobStatus } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { Change, Client, Mirror } from '../../client/client.ts';
import { eventRecorder, type EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { LastWrite } from '../last-write.ts';
import {
  claim,
  controllerIndex,
  controllerOf,
  isApiError,
  isNamespaceTerminating,
  orphansIn,
} from '../owners.ts';
import { PodControl, slowStart, type PodOwner } from '../pod-control.ts';
import { isReady } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';
import { finishedAtMs, noFailures, remainingMs, type BackoffRecord } from './backoff.ts';
import {
  conditionOf,
  evaluate,
  isJobFinished,
  makeCondition,
  type Evaluation,
} from './evaluate.ts';
import {
  absoluteFailureCount,
  indexOf,
  isIndexed,
  isSuspended,
  isTracked,
  podOf,
  podsToRemove,
  trackingFinalizer,
} from './job-pods.ts';
import { replacesOnlyFailed } from './policies.ts';
import { finish, settle, track } from './track.ts';

const name = 'job-controller';
const managedByUs = 'kubernetes.io/job-controller';
/** Pods created or deleted in one pass (k/k MaxPodCreateDeletePerSync). */
const mostPodsPerPass = 500;

export function startJobController(ctx: ControllerContext): Controller {
  return new JobController(ctx).start();
}

class JobController {
  readonly #ctx: ControllerContext;
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #control: PodControl;
  readonly #jobs: Mirror<Job>;
  readonly #pods: Mirror<Pod>;
  readonly #queue: WorkQueue;
  readonly #orphans: WorkQueue;
  readonly #backoff = new Map<string, BackoffRecord>();
  readonly #writtenJobs = new LastWrite();
  readonly #writtenPods = new LastWrite();
  /** Pods we deleted that the mirror may still show alive. */
  readonly #deleted = new Set<string>();

  constructor(ctx: ControllerContext) {
    this.#ctx = ctx;
    this.#client = ctx.clientFor(name);
    this.#events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: name,
    });
    this.#control = new PodControl(this.#client, this.#events);
    this.#jobs = ctx.mirrors.of<Job>(refs.jobs);
    this.#pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
    this.#queue = makeQueue(ctx, { name, reconcile: (key) => this.#reconcile(key) });
    this.#orphans = makeQueue(ctx, {
      name: 'job-orphan-pods',
      reconcile: (key) => this.#releaseOrphan(key),
    });
  }

  start(): Controller {
    this.#jobs.onChange(({ type, key, object }) => {
      this.#queue.add(key);
      if (type === 'DELETED')
        for (const pod of this.#pods.byIndex('controller', object.metadata.uid!))
          if (isTracked(pod)) this.#orphans.add(keyOf(pod));
    });
    this.#pods.onChange((change) => this.#podChanged(change));
    const controller = run(this.#queue, {
      name,
      mirrors: [this.#jobs, this.#pods],
      stop: () => this.#orphans.stop(),
    });
    void Promise.all([this.#jobs.synced, this.#pods.synced]).then(() => this.#orphans.start());
    return controller;
  }

  #podChanged({ type, key, object: pod, old }: Change<Pod>): void {
    if (type === 'DELETED') this.#deleted.delete(pod.metadata.uid!);
    const [before, now] = [old && this.#jobKey(old), this.#jobKey(pod)];
    if (before && before !== now) this.#queue.add(before);
    if (now) return this.#queue.add(now);
    if (type === 'DELETED') return;
    const owner = controllerOf(pod);
    if (isTracked(pod) && (!owner || owner.kind === 'Job')) this.#orphans.add(key);
    if (
      owner ||
      pod.metadata.deletionTimestamp ||
      (old && same(old.metadata.labels, pod.metadata.labels) && !controllerOf(old))
    )
      return;
    for (const job of this.#jobs.list(pod.metadata.namespace)) {
      const selector = selectorFromObject(job.spec.selector);
      if (!selector.empty && selector.matches(pod.metadata.labels)) this.#queue.add(keyOf(job));
    }
  }

  #jobKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    if (owner?.kind !== 'Job') return undefined;
    const key = `${pod.metadata.namespace}/${owner.name}`;
    return this.#jobs.get(key)?.metadata.uid === owner.uid ? key : undefined;
  }

  /** A pod whose job is gone must not be held by a finalizer that nobody else will take off. */
  async #releaseOrphan(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || !isTracked(pod) || this.#jobKey(pod)) return;
    const owner = controllerOf(pod);
    if (owner?.kind === 'Job') {
      // The mirror of jobs may only be late: the server knows.
      const job = await this.#client
        .get<Job>(refs.jobs, { namespace: pod.metadata.namespace, name: owner.name })
        .catch((error: unknown) => {
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        });
      if (job?.metadata.uid === owner.uid) return;
    }
    await this.#dropFinalizer(pod);
  }

  async #dropFinalizer(pod: Pod): Promise<Pod | undefined> {
    const { namespace, name: podName, uid } = pod.metadata;
    const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
    try {
      return await this.#client.patch<Pod>(
        refs.pods,
        { namespace, name: podName! },
        { type: 'strategic', body },
      );
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #reconcile(key: string): Promise<void> {
    const job = this.#jobs.get(key);
    if (!job) {
      this.#backoff.delete(key);
      this.#writtenJobs.forget(key);
      return this.#writtenPods.forget(key);
    }
    if (job.spec.managedBy && job.spec.managedBy !== managedByUs) return;
    if (isJobFinished(job)) return void this.#backoff.delete(key);
    if (
      !this.#writtenJobs.caughtUp(key, this.#jobs) ||
      !this.#writtenPods.caughtUp(key, this.#pods)
    )
      return this.#queue.addRateLimited(key);
    const pods = await this.#podsOf(job);
    const e = evaluate(job, pods, this.#backoff.get(key) ?? noFailures, this.#ctx.clock.now());
    const base: JobStatus = { ...job.status };
    if (!base.startTime && !isSuspended(job)) base.startTime = timeOf(this.#ctx.clock.now());
    const failure = await this.#act(key, e, base);
    await this.#writeStatus(key, e, base);
    this.#scheduleDeadline(key, job, base);
    if (failure !== undefined) throw failure as Error;
  }

  #scheduleDeadline(key: string, job: Job, status: JobStatus): void {
    if (job.spec.activeDeadlineSeconds === undefined || isSuspended(job) || !status.startTime)
      return;
    const dueMs =
      msOf(status.startTime) + job.spec.activeDeadlineSeconds * 1000 - this.#ctx.clock.now();
    if (dueMs > 0) this.#queue.addAfter(key, dueMs);
  }

  async #podsOf(job: Job): Promise<Pod[]> {
    const selector = selectorFromObject(job.spec.selector);
    const candidates = [
      ...this.#pods.byIndex('controller', job.metadata.uid!),
      ...this.#pods.byIndex('controller', orphansIn(job.metadata.namespace)),
    ];
    const claimed = await claim({
      client: this.#client,
      owner: job,
      ownerRef: refs.jobs,
      ref: refs.pods,
      selector,
      candidates,
      finalizer: trackingFinalizer,
    });
    return claimed.map((p) => {
      if (!this.#deleted.has(p.metadata.uid!) || p.metadata.deletionTimestamp) return p;
      return {
        ...p,
        metadata: { ...p.metadata, deletionTimestamp: timeOf(this.#ctx.clock.now()) },
      };
    });
  }

  /** Creates and deletes pods. Changes `e` and `base` by what was done; answers what went wrong. */
  async #act(key: string, e: Evaluation, base: JobStatus): Promise<unknown> {
    const { job } = e;
    const nowMs = this.#ctx.clock.now();
    let failure: unknown;
    if (e.finished) {
      failure = await this.#remove(e, e.active);
      // What could not be deleted still runs: the end is for another pass.
      if (e.active.length > 0) e.finished = undefined;
    } else {
      if (!job.metadata.deletionTimestamp) {
        failure = await this.#manage(key, e);
        this.#syncSuspended(job, base, nowMs);
      }
      const enough =
        job.spec.completions === undefined ? e.succeeded > 0 : e.succeeded >= job.spec.completions;
      if (enough && e.active.length === 0)
        e.finished = makeCondition(
          'SuccessCriteriaMet',
          'True',
          'CompletionsReached',
          'Reached expected number of succeeded pods',
          nowMs,
        );
    }
    return failure;
  }

  #syncSuspended(job: Job, base: JobStatus, nowMs: number): void {
    const present = conditionOf(base.conditions, 'Suspended');
    const suspended = isSuspended(job);
    if ((present?.status === 'True') === suspended) return;
    const next = suspended
      ? makeCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', nowMs)
      : makeCondition('Suspended', 'False', 'JobResumed', 'Job resumed', nowMs);
    base.conditions = present
      ? base.conditions!.map((c) => (c === present ? next : c))
      : [...(base.conditions ?? []), next];
    if (suspended) delete base.startTime;
    else base.startTime = timeOf(nowMs);
    this.#events.normal(
      job,
      suspended ? 'Suspended' : 'Resumed',
      suspended ? 'Job suspended' : 'Job resumed',
    );
  }

  async #manage(key: string, e: Evaluation): Promise<unknown> {
    const { job } = e;
    const nowMs = this.#ctx.clock.now();
    if (isSuspended(job)) return this.#remove(e, e.active);
    const parallelism = job.spec.parallelism ?? 1;
    const wanted =
      job.spec.completions === undefined
        ? e.succeeded > 0
          ? e.active.length
          : parallelism
        : Math.max(0, Math.min(parallelism, job.spec.completions - e.succeeded));
    const remove = podsToRemove(job, e.active, Math.max(0, e.active.length - wanted), nowMs).slice(
      0,
      mostPodsPerPass,
    );
    if (remove.length > 0) return this.#remove(e, remove);
    const missing = Math.min(
      wanted - e.active.length - (replacesOnlyFailed(job) ? e.terminating : 0),
      mostPodsPerPass,
    );
    return missing > 0 ? this.#create(key, e, missing) : undefined;
  }

  async #create(key: string, e: Evaluation, missing: number): Promise<unknown> {
    const { job } = e;
    const nowMs = this.#ctx.clock.now();
    const perIndex = job.spec.backoffLimitPerIndex !== undefined;
    const waitMs = perIndex ? 0 : remainingMs(e.backoff, nowMs);
    if (waitMs > 0) return void this.#queue.addAfter(key, waitMs);
    let indexes: (number | undefined)[] = Array.from({ length: missing }, () => undefined);
    if (isIndexed(job)) {
      const pending = this.#pendingIndexes(e, missing);
      const waits = pending.map((i) => this.#indexWaitMs(e.delayed.get(i), nowMs));
      const shortest = Math.min(...waits.filter((ms) => ms > 0));
      if (shortest < Infinity) this.#queue.addAfter(key, shortest);
      indexes = pending.filter((_, i) => waits[i] === 0);
    }
    const owner: PodOwner = { ref: refs.jobs, object: job };
    const { error } = await slowStart(indexes.length, async (i) => {
      const index = indexes[i];
      try {
        const pod = await this.#control.create(
          podOf(job, index, index === undefined ? undefined : e.delayed.get(index)),
          owner,
        );
        this.#writtenPods.note(key, pod);
        e.active.push(pod);
        if (index !== undefined) e.delayed.delete(index); // replaced: it may be let go
      } catch (failed) {
        if (!isNamespaceTerminating(failed)) throw failed;
      }
    });
    return error;
  }

  #indexWaitMs(replaced: Pod | undefined, nowMs: number): number {
    return replaced
      ? remainingMs(
          { failures: absoluteFailureCount(replaced) + 1, lastFailureMs: finishedAtMs(replaced) },
          nowMs,
        )
      : 0;
  }

  #pendingIndexes(e: Evaluation, count: number): number[] {
    const taken = new Set(e.active.map(indexOf));
    if (replacesOnlyFailed(e.job))
      for (const p of e.pods)
        if (
          p.metadata.deletionTimestamp &&
          p.status?.phase !== 'Failed' &&
          p.status?.phase !== 'Succeeded'
        )
          taken.add(indexOf(p));
    const pending: number[] = [];
    for (let i = 0; i < (e.job.spec.completions ?? 0) && pending.length < count; i += 1) {
      if (!taken.has(i) && !e.succeededIndexes.has(i) && !e.failedIndexes?.has(i)) pending.push(i);
    }
    return pending;
  }

  /** Deletes active pods; what is deleted no longer counts as active. */
  async #remove(e: Evaluation, pods: Pod[]): Promise<unknown> {
    const owner: PodOwner = { ref: refs.jobs, object: e.job };
    const gone = new Set<Pod>();
    const results = await Promise.allSettled(
      [...pods].map(async (pod) => {
        try {
          // A pod that is deleted because the job shrinks or is suspended is no failure of the job.
          if (!e.finished) await this.#dropFinalizer(pod);
          await this.#control.delete(pod, owner);
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
        this.#deleted.add(pod.metadata.uid!);
        gone.add(pod);
      }),
    );
    e.active = e.active.filter((p) => !gone.has(p));
    e.pods = e.pods.filter((p) => e.finished !== undefined || !gone.has(p));
    e.terminating += gone.size;
    e.ready = e.active.filter(isReady).length;
    return results.find((r) => r.status === 'rejected')?.reason;
  }

  async #writeStatus(key: string, e: Evaluation, base: JobStatus): Promise<void> {
    const nowMs = this.#ctx.clock.now();
    const tracking = track(
      e,
      { ...base, active: e.active.length, ready: e.ready, terminating: e.terminating },
      nowMs,
    );
    let job = await this.#put(key, e.job, tracking.status);
    this.#backoff.set(key, e.backoff);
    const released = await Promise.all(
      tracking.release.map(async (pod) => {
        const left = await this.#dropFinalizer(pod);
        if (left) this.#writtenPods.note(key, left);
        return pod.metadata.uid!;
      }),
    );
    const done = new Set(released);
    const stillTracked = new Set(
      e.pods.filter((p) => isTracked(p) && !done.has(p.metadata.uid!)).map((p) => p.metadata.uid!),
    );
    const settled = settle(job.status!, stillTracked);
    const finished = tracking.partial
      ? undefined
      : finish(job, settled, tracking.finished, e.terminating, nowMs);
    job = await this.#put(key, job, finished ?? settled);
    if (finished) this.#reportEnd(job, tracking.finished!);
    else if (tracking.partial) this.#queue.add(key);
  }

  #reportEnd(job: Job, condition: JobCondition): void {
    if (condition.type !== 'Complete')
      return this.#events.warning(job, condition.reason ?? '', condition.message ?? '');
    if (job.spec.completions !== undefined && (job.status?.succeeded ?? 0) > job.spec.completions) {
      this.#events.warning(
        job,
        'TooManySucceededPods',
        'Too many succeeded pods running after completion count reached',
      );
    }
    this.#events.normal(job, 'Completed', 'Job completed');
  }

  async #put(key: string, job: Job, status: JobStatus): Promise<Job> {
    const zeroless = (s: object | undefined): object =>
      Object.fromEntries(Object.entries(s ?? {}).filter(([, v]) => v !== 0));
    if (same(zeroless(job.status), zeroless(status))) return { ...job, status };
    const next = await this.#client.update<Job>(
      refs.jobs,
      { ...job, status },
      { subresource: 'status' },
    );
    this.#writtenJobs.note(key, next);
    return next;
  }
}
