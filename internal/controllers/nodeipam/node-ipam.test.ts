import { expect, test } from 'vitest';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startNodeIpamController } from './node-ipam.ts';

const addNode = (cluster: TestCluster, name: string, spec: object = {}): Promise<Node> =>
  cluster.client.create<Node>(refs.nodes, { metadata: { name }, spec });
const rangesOf = async (cluster: TestCluster, name: string): Promise<string[] | undefined> =>
  (await cluster.client.get<Node>(refs.nodes, { name })).spec.podCIDRs;

test('a node gets a range of each family, and another has them when it is gone', async () => {
  const cluster = await testCluster(
    [startNodeIpamController],
    async (before) => {
      await addNode(before, 'old', {
        podCIDR: '10.42.1.0/24',
        podCIDRs: ['10.42.1.0/24', 'fd42:0:0:1::/64'],
      });
    },
    { clusterCidr: '10.42.0.0/16,fd42::/62' },
  );
  for (const name of ['a', 'b', 'c']) {
    await addNode(cluster, name);
    await cluster.settle();
  }
  expect(await rangesOf(cluster, 'a')).toEqual(['10.42.0.0/24', 'fd42::/64']);
  expect(await rangesOf(cluster, 'b')).toEqual(['10.42.2.0/24', 'fd42:0:0:2::/64']);
  expect(await rangesOf(cluster, 'c')).toEqual(['10.42.3.0/24', 'fd42:0:0:3::/64']);
  // One family has none left: a node with half of its addresses would be worse than one without.
  await addNode(cluster, 'late');
  await cluster.settle();
  expect(await rangesOf(cluster, 'late')).toBeUndefined();
  await cluster.client.delete(refs.nodes, { name: 'b' });
  await cluster.settle();
  expect(await rangesOf(cluster, 'late')).toEqual(['10.42.2.0/24', 'fd42:0:0:2::/64']);
  cluster.stop();
});
