import { expect, test } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster } from '../test-cluster.ts';
import { startPodGc } from './pod-gc.ts';

const finished = (i: number): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p${i}`, namespace: 'default', creationTimestamp: `2026-01-01T00:0${i}:00Z` },
  spec: { containers: [] },
  status: { phase: 'Succeeded' },
});

test.each([
  [2, ['p3', 'p4']],
  [5, ['p0', 'p1', 'p2', 'p3', 'p4']],
  [0, ['p0', 'p1', 'p2', 'p3', 'p4']],
])('--terminated-pod-gc-threshold=%i leaves %j', async (threshold, left) => {
  const cluster = await testCluster(
    [startPodGc],
    async ({ client }) => {
      for (let i = 0; i < 5; i++)
        await client.create(refs.pods, finished(i), { namespace: 'default' });
    },
    { terminatedPodGcThreshold: threshold },
  );
  await cluster.settle();
  expect(
    cluster.client
      .all<Pod>(refs.pods)
      .map((pod) => pod.metadata.name)
      .sort(),
  ).toEqual(left);
  cluster.stop();
});
