import type { CronJob, Job } from '../../api/generated/types/batch-v1.ts';
import { refs } from '../../client/refs.ts';
import { localZoneName } from '../../api/cron/cron.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { controllerIndex, controllerOf, isApiError } from '../owners.ts';
import { concludeCronJob, planCronJob, type CronJobView } from './plan.ts';

const name = 'cronjob-controller';

export function startCronJobController(ctx: ControllerContext): Controller {
  const crons = ctx.mirrors.of<CronJob>(refs.cronJobs);
  const jobs = ctx.mirrors.of<Job>(refs.jobs, { indexes: controllerIndex });

  const view = async (key: string, read: Reading): Promise<CronJobView | undefined> => {
    const cron = crons.get(key);
    if (!cron) return undefined;
    const own = [...jobs.byIndex('controller', cron.metadata.uid!)];
    const missing = new Set<string>();
    for (const active of cron.status?.active ?? []) {
      if (own.some((job) => job.metadata.uid === active.uid)) continue;
      // The mirror may only be late: the server knows whether the job is there.
      const target = { namespace: active.namespace, name: active.name! };
      await read.client.get(refs.jobs, target).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
        missing.add(active.uid!);
      });
    }
    return {
      cron,
      jobs: own,
      missing,
      named: (job) => jobs.get(`${cron.metadata.namespace}/${job}`),
      localZone: localZoneName(),
      nowMs: read.nowMs,
    };
  };

  return startPlanned<CronJobView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.cronJobs, mirror: crons },
        { ref: refs.jobs, mirror: jobs },
      ],
      view,
      plan: planCronJob,
      conclude: concludeCronJob,
    },
    (queue) => {
      crons.onChange(({ type, key }) => {
        if (type === 'DELETED') queue.unschedule(key);
        queue.add(key);
      });
      jobs.onChange(({ object }) => {
        const owner = controllerOf(object);
        if (owner?.kind === 'CronJob') queue.add(`${object.metadata.namespace}/${owner.name}`);
      });
    },
  );
}
