import type { Job } from '../../api/generated/types/batch-v1.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';
import { isApiError } from '../owners.ts';

const name = 'ttl-after-finished-controller';

/** Deletes finished Jobs when their ttlSecondsAfterFinished have gone by. */
export function startTtlAfterFinishedController(ctx: ControllerContext): Controller {
  const jobs = ctx.mirrors.of<Job>(refs.jobs);
  return startPlanned<TtlView>(
    ctx,
    {
      name,
      title: 'ttl-after-finished',
      mirrors: [{ ref: refs.jobs, mirror: jobs }],
      view: async (key, { client, nowMs }) => {
        const job = jobs.get(key);
        const dueMs = job && dueAt(job);
        if (!job || dueMs === undefined) return undefined;
        if (dueMs > nowMs) return { job, nowMs };
        // The time to live may have been prolonged a moment ago: ask the server before what cannot
        // be undone.
        const { namespace, name: jobName } = job.metadata;
        const fresh = await client
          .get<Job>(refs.jobs, { namespace, name: jobName! })
          .catch((error: unknown) => {
            if (isApiError(error, 'NotFound')) return undefined;
            throw error;
          });
        return fresh && fresh.metadata.uid === job.metadata.uid ? { job: fresh, nowMs } : undefined;
      },
      plan: planTtl,
    },
    (queue) => {
      jobs.onChange(({ type, key, object }) => {
        if (type === 'DELETED') queue.unschedule(key);
        else if (dueAt(object) !== undefined) queue.add(key);
      });
    },
  );
}

interface TtlView {
  job: Job;
  nowMs: number;
}

function planTtl({ job, nowMs }: TtlView): Plan {
  const dueMs = dueAt(job);
  if (dueMs === undefined) return nothing;
  if (dueMs > nowMs) return { steps: [], againInMs: dueMs - nowMs };
  const { uid } = job.metadata;
  const options = { propagationPolicy: 'Foreground' as const, preconditions: { uid } };
  return { steps: [{ verb: 'delete', ref: refs.jobs, object: job, options }] };
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
