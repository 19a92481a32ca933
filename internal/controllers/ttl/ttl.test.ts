import { expect, test } from 'vitest';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster } from '../test-cluster.ts';
import { startTtlController, stepFor } from './ttl.ts';

test('the steps overlap (pkg/controller/ttl)', () => {
  expect([1, 100, 101, 500, 501, 2001, 100_000].map((count) => stepFor(count, 0))).toEqual([
    0, 0, 1, 1, 2, 4, 4,
  ]);
  expect(
    [
      [95, 1],
      [89, 1],
      [450, 2],
      [449, 2],
      [1799, 4],
      [0, 4],
    ].map(([count, step]) => stepFor(count!, step!)),
  ).toEqual([1, 0, 2, 1, 3, 0]);
});

test('every node is annotated, all of them again when the step changes', async () => {
  const c = await testCluster([startTtlController], async ({ client }) => {
    await client.create(refs.nodes, {
      metadata: { name: 'n0', annotations: { 'node.alpha.kubernetes.io/ttl': '7', other: 'x' } },
    });
  });
  const seen = (): unknown[] => [
    ...new Set(
      c.client
        .all<Node>(refs.nodes)
        .map((one) => one.metadata.annotations?.['node.alpha.kubernetes.io/ttl']),
    ),
  ];
  expect(seen()).toEqual(['0']);
  expect(c.client.all<Node>(refs.nodes)[0]!.metadata.annotations).toMatchObject({ other: 'x' });
  for (let i = 1; i <= 100; i += 1)
    await c.client.create(refs.nodes, { metadata: { name: `n${i}` } });
  await c.settle();
  expect(seen()).toEqual(['15']);
  c.stop();
});
