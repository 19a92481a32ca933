import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../api/generated/types/batch-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { timeOf } from '../../api/times.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { isActive } from '../pod-facts.ts';
import { startJobController } from './job.ts';
import { trackingFinalizer } from './job-pods.ts';
import { finish } from './track.ts';

const start = (spec: Partial<Job['spec']>): Promise<TestCluster> =>
  testCluster([startJobController], async ({ client }) => {
    await client.create(refs.jobs, {
      metadata: { name: 'work', namespace: 'default' },
      spec: {
        selector: { matchLabels: { job: 'work' } },
        template: {
          metadata: { labels: { job: 'work' } },
          spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
        },
        backoffLimit: 6,
        ...spec,
      },
    });
  });
const job = (c: TestCluster): Job => c.client.all<Job>(refs.jobs)[0]!;
const pods = (c: TestCluster): Pod[] => c.client.all<Pod>(refs.pods);
const active = (c: TestCluster): Pod[] => pods(c).filter(isActive);
const conditions = (c: TestCluster): string[] =>
  (job(c).status?.conditions ?? []).map((x) => `${x.type} ${x.status} ${x.reason}`);

/**
 * The API server takes finalizers off as the patch says; the fake client knows merge patches only.
 */
const finalizersAsServed = (c: TestCluster): void => {
  const patch = c.client.patch.bind(c.client);
  c.client.patch = async <T>(...args: Parameters<typeof c.client.patch>): Promise<T> => {
    const [ref, target, { body }, options] = args;
    const { metadata } = body as { metadata?: Record<string, unknown> };
    if (!metadata || !('$deleteFromPrimitiveList/finalizers' in metadata))
      return patch<T>(ref, target, args[2], options);
    const next = { metadata: { uid: metadata['uid'], finalizers: [] } };
    return patch<T>(ref, target, { type: 'merge', body: next }, options);
  };
};
const end = async (c: TestCluster, pod: Pod, phase: string): Promise<void> => {
  const { namespace, name } = pod.metadata;
  await c.client.patch(
    refs.pods,
    { namespace, name: name!, subresource: 'status' },
    { type: 'merge', body: { status: { phase } } },
  );
  await c.settle();
};

/** The kubelets' part: deleted pods that nothing holds are gone. */
const letGo = async (c: TestCluster): Promise<void> => {
  for (const p of pods(c))
    if (p.metadata.deletionTimestamp && !p.metadata.finalizers?.length)
      await c.client.delete(refs.pods, { namespace: 'default', name: p.metadata.name! });
  await c.settle();
};

describe('jobs', () => {
  it(
    'run to their completions, never more pods at once than may be, and let go of all',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 3 }),
          fc.array(fc.constantFrom('Succeeded', 'Failed'), { maxLength: 4 }),
          fc.constantFrom('Indexed', 'NonIndexed'),
          async (completions, parallelism, ends, completionMode) => {
            const c = await start({ completions, parallelism, completionMode });
            finalizersAsServed(c);
            let left = 30;
            const fates = [...ends];
            while (!conditions(c).some((x) => x.startsWith('Complete True')) && (left -= 1) > 0) {
              expect(active(c).length).toBeLessThanOrEqual(parallelism);
              const [pod] = active(c);
              if (pod) await end(c, pod, fates.shift() ?? 'Succeeded');
              await c.clock.advance(11 * 60_000); // beyond any back-off
              await c.settle();
            }
            expect(job(c).status).toMatchObject({ succeeded: completions });
            expect(job(c).status?.failed ?? 0).toBe(
              ends.filter((x) => x === 'Failed').length -
                fates.filter((x) => x === 'Failed').length,
            );
            expect(active(c)).toEqual([]);
            for (const p of pods(c))
              expect(p.metadata.finalizers ?? []).not.toContain(trackingFinalizer);
            c.stop();
          },
        ),
        { numRuns: 12 },
      ),
    60_000,
  );

  it('fail beyond their back-off limit, and end what still runs', async () => {
    const c = await start({ completions: 3, parallelism: 2, backoffLimit: 0 });
    finalizersAsServed(c);
    await end(c, active(c)[0]!, 'Failed');
    expect(active(c)).toEqual([]);
    // While a pod is still ending the verdict is published and not yet final.
    expect(conditions(c)).toEqual(['FailureTarget True BackoffLimitExceeded']);
    await letGo(c);
    expect(conditions(c)).toEqual([
      'FailureTarget True BackoffLimitExceeded',
      'Failed True BackoffLimitExceeded',
    ]);
    c.stop();
  });

  it('that are suspended have no pods and no start, and begin when they are resumed', async () => {
    const c = await start({ completions: 1, suspend: true });
    finalizersAsServed(c);
    expect(pods(c)).toEqual([]);
    expect(job(c).status?.startTime).toBeUndefined();
    expect(conditions(c)).toEqual(['Suspended True JobSuspended']);
    const target = { namespace: 'default', name: 'work' };
    const suspend = (to: boolean): Promise<unknown> =>
      c.client.patch(refs.jobs, target, { type: 'merge', body: { spec: { suspend: to } } });
    await suspend(false);
    await c.settle();
    expect(pods(c).length).toBe(1);
    expect(conditions(c)).toEqual(['Suspended False JobResumed']);
    await suspend(true);
    await c.settle();
    expect(active(c)).toEqual([]);
    expect(job(c).status?.failed ?? 0).toBe(0);
    c.stop();
  });

  it('end at their deadline', async () => {
    const c = await start({ completions: 1, activeDeadlineSeconds: 30 });
    finalizersAsServed(c);
    await c.clock.advance(31_000);
    await c.settle();
    await letGo(c);
    expect(conditions(c)).toContain('Failed True DeadlineExceeded');
    expect(active(c)).toEqual([]);
    c.stop();
  });

  it('wait longer after each failure', async () => {
    const c = await start({ completions: 1 });
    finalizersAsServed(c);
    await end(c, active(c)[0]!, 'Failed');
    expect(active(c)).toEqual([]);
    await c.clock.advance(8_000);
    await c.settle();
    expect(active(c)).toEqual([]);
    await c.clock.advance(12_000);
    await c.settle();
    expect(active(c).length).toBe(1);
    c.stop();
  });

  it.each([{}, { completionMode: 'Indexed', backoffLimitPerIndex: 3 }] as const)(
    'wait no longer because a node is ahead, or because our clock was set back: %o',
    async (spec) => {
      const c = await start({ completions: 1, ...spec });
      finalizersAsServed(c);
      const pod = active(c)[0]!;
      const finishedAt = timeOf(c.clock.now() + 3_600_000);
      const state = { terminated: { exitCode: 1, finishedAt } };
      await c.client.patch(
        refs.pods,
        { namespace: 'default', name: pod.metadata.name!, subresource: 'status' },
        { type: 'merge', body: { status: { containerStatuses: [{ name: 'c', state }] } } },
      );
      await end(c, pod, 'Failed');
      c.clock.jump(-7_200_000);
      await c.clock.advance(8_000);
      await c.settle();
      expect(active(c)).toEqual([]);
      await c.clock.advance(3_000);
      await c.settle();
      expect(active(c).length).toBe(1);
      c.stop();
    },
  );

  it('let go of pods whose job is gone', async () => {
    const c = await start({ completions: 1 });
    finalizersAsServed(c);
    expect(pods(c)[0]!.metadata.finalizers).toEqual([trackingFinalizer]);
    await c.client.delete(refs.jobs, { namespace: 'default', name: 'work' });
    await c.settle();
    expect(pods(c)[0]!.metadata.finalizers ?? []).toEqual([]);
    c.stop();
  });
});

it('is complete no earlier than it began, when the clock was set back in between', () => {
  const startTime = '2028-01-04T23:27:18Z';
  const done = { type: 'Complete', status: 'True', reason: '', message: '' } as const;
  const at = (now: string): unknown =>
    finish({ startTime }, done, 0, Date.parse(now))?.completionTime;
  expect(at('2026-11-30T23:27:19Z')).toBe(startTime);
  expect(at('2028-01-04T23:27:30Z')).toBe('2028-01-04T23:27:30Z');
});
