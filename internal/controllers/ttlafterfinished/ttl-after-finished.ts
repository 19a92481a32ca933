import type { Job } from '../../api/generated/types/batch-v1.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

const name = 'ttl-after-finished-controller';

/** Deletes finished Jobs when their ttlSecondsAfterFinished have gone by. */
export function startTtlAfterFinishedController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const jobs = ctx.mirrors.of<Job>(refs.jobs);
  const reconcile = async (key: string): Promise<void> => {
    const job = jobs.get(key);
    const dueMs = job && dueAt(job);
    if (!job || dueMs === undefined) return;
    const waitMs = dueMs - ctx.clock.now();
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    const { namespace, name: jobName, uid } = job.metadata;
    // The time to live may have been prolonged a moment ago: ask the server before what cannot be
    // undone.
    const fresh = await client
      .get<Job>(refs.jobs, { namespace, name: jobName! })
      .catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
    if (!fresh || (dueAt(fresh) ?? Infinity) > ctx.clock.now()) return;
    await client
      .delete(
        refs.jobs,
        { namespace, name: jobName! },
        { propagationPolicy: 'Foreground', preconditions: { uid } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };
  const queue = makeQueue(ctx, { name: 'ttl-after-finished', reconcile });
  jobs.onChange(({ type, key, object }) => {
    if (type === 'DELETED') queue.unschedule(key);
    else if (dueAt(object) !== undefined) queue.add(key);
  });
  return run(queue, { name: 'ttl-after-finished', mirrors: [jobs] });
}

function dueAt(job: Job): number | undefined {
  if (job.spec.ttlSecondsAfterFinished === undefined || job.metadata.deletionTimestamp)
    return undefined;
  const finished = job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  return finished?.lastTransitionTime
    ? msOf(finished.lastTransitionTime) + job.spec.ttlSecondsAfterFinished * 1000
    : undefined;
}
