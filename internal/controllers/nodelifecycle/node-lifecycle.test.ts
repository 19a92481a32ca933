import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import { startTaintEvictionController } from '../tainteviction/taint-eviction.ts';
import type { ControllerContext } from '../context.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startNodeLifecycleController } from './node-lifecycle.ts';

const start = (
  tolerations: object[],
  over: Partial<ControllerContext> = {},
): Promise<TestCluster> =>
  testCluster(
    [startNodeLifecycleController, startTaintEvictionController],
    async ({ client, clock }) => {
      const status = {
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: timeOf(clock.now()) }],
      };
      await client.create(refs.nodes, { metadata: { name: 'n' }, spec: {}, status });
      await client.create(refs.leases, {
        metadata: { name: 'n', namespace: 'kube-node-lease' },
        spec: { renewTime: 'a' },
      });
      await client.create(refs.pods, {
        metadata: { name: 'p', namespace: 'default' },
        spec: { nodeName: 'n', tolerations },
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      });
    },
    over,
  );
const node = (c: TestCluster): Node => c.client.all<Node>(refs.nodes)[0]!;
const pod = (c: TestCluster): Pod => c.client.all<Pod>(refs.pods)[0]!;
const renew = (c: TestCluster, at: string): Promise<unknown> =>
  c.client.patch(
    refs.leases,
    { namespace: 'kube-node-lease', name: 'n' },
    { type: 'merge', body: { spec: { renewTime: at } } },
  );

describe('node lifecycle', () => {
  it('leaves a node alone whose lease is renewed', async () => {
    const c = await start([]);
    for (let i = 0; i < 10; i += 1) {
      await c.clock.advance(10_000);
      await renew(c, `t${i}`);
    }
    await c.settle();
    expect(node(c).status.conditions![0]!.status).toBe('True');
    expect(node(c).spec.taints).toBeUndefined();
    c.stop();
  });

  it('marks a silent node Unknown, taints it, and takes readiness from its pods', async () => {
    const c = await start([{ operator: 'Exists' }]);
    await c.clock.advance(41_000);
    await c.settle();
    expect(node(c).status.conditions!.map((x) => `${x.type} ${x.status} ${x.reason}`)).toContain(
      'Ready Unknown NodeStatusUnknown',
    );
    expect(node(c).spec.taints!.map((t) => `${t.key}:${t.effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(pod(c).status.conditions![0]!.status).toBe('False');
    expect(c.clock.timers).toBe(0);
    c.stop();
  });

  it('waits as long as --node-monitor-grace-period says', async () => {
    for (const [nodeMonitorGraceMs, waitMs, status] of [
      [16_000, 17_000, 'Unknown'],
      [90_000, 41_000, 'True'],
      [90_000, 91_000, 'Unknown'],
    ] as const) {
      const c = await start([{ operator: 'Exists' }], { nodeMonitorGraceMs });
      await c.clock.advance(waitMs);
      await c.settle();
      expect(node(c).status.conditions![0]!.status).toBe(status);
      c.stop();
    }
  });

  it('evicts when the toleration runs out, not before', async () => {
    const c = await start([
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      },
    ]);
    await c.clock.advance(41_000);
    await c.clock.advance(298_000);
    expect(pod(c).metadata.deletionTimestamp).toBeUndefined();
    await c.clock.advance(3_000);
    await c.settle();
    expect(pod(c).metadata.deletionTimestamp).toBeDefined();
    expect(pod(c).status.conditions!.find((x) => x.type === 'DisruptionTarget')).toMatchObject({
      reason: 'DeletionByTaintManager',
    });
    c.stop();
  });

  it('lets the pod stay when the taint goes in time', async () => {
    const c = await start([
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      },
    ]);
    await c.clock.advance(41_000);
    await renew(c, 'back');
    await c.client.patch(
      refs.nodes,
      { name: 'n', subresource: 'status' },
      {
        type: 'merge',
        body: {
          status: {
            conditions: [
              { type: 'Ready', status: 'True', lastHeartbeatTime: timeOf(c.clock.now()) },
            ],
          },
        },
      },
    );
    await c.settle();
    expect(node(c).spec.taints ?? []).toEqual([]);
    await c.clock.advance(30_000);
    await renew(c, 'again');
    await c.clock.advance(1000);
    expect(pod(c).metadata.deletionTimestamp).toBeUndefined();
    c.stop();
  });
});
