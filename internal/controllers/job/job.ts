import type { Job } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { ownerKey, routeToOwner } from '../kit/routing.ts';
import { controllerIndex, controllerOf, isApiError } from '../owners.ts';
import { noFailures, type BackoffRecord } from './backoff.ts';
import { evaluate, isJobFinished } from './evaluate.ts';
import { isTracked, trackingFinalizer } from './job-pods.ts';
import { concludeJob, planJob, type JobView, type OrphanView, type View } from './pass.ts';

const name = 'job-controller';
const managedByUs = 'kubernetes.io/job-controller';
/** Keys of pods that may be held for a job that is gone; all others are keys of jobs. */
const ofPod = 'pod:';

export function startJobController(ctx: ControllerContext): Controller {
  const jobs = ctx.mirrors.of<Job>(refs.jobs);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
  /** By job; another of the same name starts over. */
  const backoff = new Map<string, { uid: string | undefined; record: BackoffRecord }>();

  const jobView = async (key: string, read: Reading): Promise<JobView | undefined> => {
    const job = jobs.get(key);
    if (!job || isJobFinished(job)) return undefined;
    if (job.spec.managedBy && job.spec.managedBy !== managedByUs) return undefined;
    const own = await read.claim({
      owner: job,
      ownerRef: refs.jobs,
      ref: refs.pods,
      selector: selectorFromObject(job.spec.selector),
      from: pods,
      finalizer: trackingFinalizer,
    });
    const before = backoff.get(key);
    const record = before?.uid === job.metadata.uid ? before?.record : undefined;
    const now = { nowMs: read.nowMs, monotonicMs: ctx.clock.monotonicMs() };
    return { what: 'job', evaluation: evaluate(job, own, record ?? noFailures, now), ...now };
  };

  const orphanView = async (key: string, read: Reading): Promise<OrphanView | undefined> => {
    const pod = pods.get(key);
    if (!pod || !isTracked(pod) || ownerKey(pod, refs.jobs, jobs)) return undefined;
    const owner = controllerOf(pod);
    if (owner?.kind === 'Job') {
      // The mirror of jobs may only be late: the server knows.
      const job = await read.client
        .get<Job>(refs.jobs, { namespace: pod.metadata.namespace, name: owner.name })
        .catch((error: unknown) => {
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        });
      if (job?.metadata.uid === owner.uid) return undefined;
    }
    return { what: 'orphan', pod };
  };

  return startPlanned<View>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.jobs, mirror: jobs },
        { ref: refs.pods, mirror: pods },
      ],
      view: (key, read) =>
        key.startsWith(ofPod) ? orphanView(key.slice(ofPod.length), read) : jobView(key, read),
      plan: planJob,
      conclude: concludeJob,
      remember: (key, v) => {
        if (v.what !== 'job') return;
        const { job, backoff: record } = v.evaluation;
        backoff.set(key, { uid: job.metadata.uid, record });
      },
      forget: (key) => void backoff.delete(key),
    },
    (queue) => {
      jobs.onChange(({ type, key, object }) => {
        queue.add(key);
        if (type === 'DELETED')
          for (const pod of pods.byIndex('controller', object.metadata.uid!))
            if (isTracked(pod)) queue.add(`${ofPod}${keyOf(pod)}`);
      });
      const route = {
        ownerRef: refs.jobs,
        owners: jobs,
        selectorOf: (job: Job) => selectorFromObject(job.spec.selector),
        enqueue: (key: string) => queue.add(key),
      };
      pods.onChange((change) => {
        routeToOwner(change, route);
        const { type, key, object: pod } = change;
        const owner = controllerOf(pod);
        const held = type !== 'DELETED' && isTracked(pod) && (!owner || owner.kind === 'Job');
        if (held && !ownerKey(pod, refs.jobs, jobs)) queue.add(`${ofPod}${key}`);
      });
    },
  );
}
