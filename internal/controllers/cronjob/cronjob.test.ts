import { describe, expect, it } from 'vitest';
import type { CronJob, Job } from '../../api/generated/types/batch-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startCronJobController } from './cronjob.ts';

const minuteMs = 60_000;
const target = { namespace: 'default', name: 'tick' };
const start = (spec: Partial<CronJob['spec']> = {}): Promise<TestCluster> =>
  testCluster([startCronJobController], async ({ client }) => {
    const jobTemplate = { metadata: { labels: { of: 'tick' } }, spec: { template: { spec: {} } } };
    await client.create(refs.cronJobs, {
      metadata: { name: 'tick', namespace: 'default' },
      spec: { schedule: '* * * * *', timeZone: 'UTC', jobTemplate, ...spec },
    });
  });
const jobs = (c: TestCluster): Job[] => c.client.all<Job>(refs.jobs);
const cron = (c: TestCluster): CronJob => c.client.all<CronJob>(refs.cronJobs)[0]!;
const pass = async (c: TestCluster, minutes: number): Promise<void> => {
  for (let i = 0; i < minutes; i += 1) await c.clock.advance(minuteMs);
  await c.settle();
};
const end = async (c: TestCluster, job: Job, type: string): Promise<void> => {
  const time = new Date(c.clock.now()).toISOString();
  const status = { conditions: [{ type, status: 'True' }], startTime: time, completionTime: time };
  const { namespace, name } = job.metadata;
  await c.client.patch(
    refs.jobs,
    { namespace, name: name!, subresource: 'status' },
    { type: 'merge', body: { status } },
  );
  await c.settle();
};

describe('cron jobs', () => {
  it('start a job at each time, named after it, and list it until it ends', async () => {
    const c = await start();
    expect(jobs(c)).toEqual([]);
    await pass(c, 2);
    expect(jobs(c).length).toBe(2);
    const [first] = jobs(c);
    const dueMs = Number(first!.metadata.name!.slice('tick-'.length)) * minuteMs;
    const due = `${new Date(dueMs).toISOString().slice(0, 19)}Z`;
    expect(first!.metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': due,
    });
    expect(first!.metadata.labels).toEqual({ of: 'tick' });
    expect(cron(c).status.active?.map((a) => a.name)).toEqual(jobs(c).map((j) => j.metadata.name));
    await end(c, first!, 'Complete');
    expect(cron(c).status.active?.length).toBe(1);
    expect(cron(c).status.lastSuccessfulTime).toBeDefined();
    c.stop();
  });

  it('keep to their concurrency policy', async () => {
    const forbid = await start({ concurrencyPolicy: 'Forbid' });
    await pass(forbid, 3);
    expect(jobs(forbid).length).toBe(1);
    forbid.stop();
    const replace = await start({ concurrencyPolicy: 'Replace' });
    await pass(replace, 3);
    expect(jobs(replace).length).toBe(1);
    expect(cron(replace).status.active?.map((a) => a.uid)).toEqual([
      jobs(replace)[0]!.metadata.uid,
    ]);
    replace.stop();
  });

  it('keep as many ended jobs as they are told', async () => {
    const c = await start({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 });
    for (const type of ['Complete', 'Complete', 'Failed']) {
      await pass(c, 1);
      await end(c, jobs(c).at(-1)!, type);
    }
    expect(jobs(c).length).toBe(1);
    expect(cron(c).status.active ?? []).toEqual([]);
    c.stop();
  });

  it('make up for one missed start, and not for one beyond its deadline', async () => {
    const c = await start({ suspend: true, schedule: '0 * * * *', startingDeadlineSeconds: 600 });
    await c.clock.advance(90 * minuteMs);
    const resume = { type: 'merge' as const, body: { spec: { suspend: false } } };
    const minute = new Date(c.clock.now()).getUTCMinutes();
    await c.client.patch(refs.cronJobs, target, resume);
    await c.settle();
    expect(jobs(c).length).toBe(minute <= 10 ? 1 : 0);
    c.stop();
  });

  it('tell the time of the job in their own zone', async () => {
    const c = await start({ timeZone: 'Asia/Kolkata' });
    await pass(c, 1);
    expect(
      jobs(c)[0]!.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'],
    ).toMatch(/\+05:30$/);
    c.stop();
  });

  it('do not start a job twice when the status could not be written', async () => {
    let refusals = 3;
    const c = await start();
    c.client.intercept = (verb, ref) => {
      if (verb === 'update' && ref.resource === 'cronjobs' && refusals-- > 0)
        throw new Error('away');
    };
    await pass(c, 1);
    await c.clock.advance(10_000);
    await c.settle();
    expect(refusals).toBeLessThan(0);
    expect(jobs(c).length).toBe(1);
    expect(cron(c).status.active?.length).toBe(1);
    c.stop();
  });

  it('say of a schedule that never comes that it does not', async () => {
    const c = await start({ schedule: '0 0 31 2 *' });
    await pass(c, 1);
    expect(jobs(c)).toEqual([]);
    expect(c.client.all<{ reason: string }>(refs.events).map((e) => e.reason)).toContain(
      'InvalidSchedule',
    );
    expect(c.clock.timers).toBe(0);
    c.stop();
  });
});
