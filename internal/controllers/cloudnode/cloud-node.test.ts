import { expect, test } from 'vitest';
import type { Node, Taint } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster } from '../test-cluster.ts';
import { startCloudNodeController, uninitialized } from './cloud-node.ts';

const waits: Taint = { key: uninitialized, value: 'true', effect: 'NoSchedule' };
const other: Taint = { key: 'mine', effect: 'NoExecute' };

test('a node that waits for a cloud is taken as it is, its other taints stay', async () => {
  const cluster = await testCluster([startCloudNodeController], async ({ client }) => {
    for (const [name, spec] of [
      ['waiting', { taints: [waits, other] }],
      ['named', { taints: [waits], providerID: 'hcloud://7' }],
      ['plain', { taints: [other] }],
    ] as const)
      await client.create<Node>(refs.nodes, { metadata: { name }, spec });
  });
  const specs = Object.fromEntries(
    (await cluster.client.list<Node>(refs.nodes, {})).items.map((n) => [n.metadata.name, n.spec]),
  );
  expect(specs).toEqual({
    waiting: { taints: [other], providerID: 'skiff://waiting' },
    named: { taints: [], providerID: 'hcloud://7' },
    plain: { taints: [other] },
  });
  cluster.stop();
});
