import { afterEach, describe, expect, it, test } from 'vitest';
import type { Event, Pod } from '../../api/generated/types/core-v1.ts';
import type { DeviceTaint, DeviceToleration } from '../../api/generated/types/resource-v1.ts';
import { timeOf } from '../../api/times.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { refs } from '../../client/refs.ts';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { writesOf } from '../kit/write.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startDeviceTaintEviction } from './device-taint-eviction.ts';
import { planDeviceEviction } from './plan.ts';

let cluster: TestCluster | undefined;
afterEach(() => cluster?.stop());

const slice = (taints: object[], generation = 1): object => ({
  metadata: { name: `s${generation}` },
  spec: {
    driver: 'd.test',
    nodeName: 'one',
    pool: { name: 'pool', generation, resourceSliceCount: 1 },
    devices: [{ name: 'dev', taints }],
  },
});
const broken = (c: TestCluster, more: object = {}): object => ({
  key: 'd.test/broken',
  effect: 'NoExecute',
  timeAdded: timeOf(c.clock.now()),
  ...more,
});

/** A pod on a node, whose claim has the device; another pod that only names the claim. */
async function start(
  tolerations: object[],
  more: { taints?: object[] } = {},
): Promise<TestCluster> {
  cluster = await testCluster([startDeviceTaintEviction], async ({ client }) => {
    await client.create(refs.resourceSlices, slice(more.taints ?? []));
    for (const name of ['p', 'other'])
      await client.create(refs.pods, {
        metadata: { name, namespace: 'ns', uid: `uid-${name}` },
        spec: {
          nodeName: 'one',
          containers: [{ name: 'c' }],
          resourceClaims: [{ name: 'device', resourceClaimName: 'claim' }],
        },
        status: { phase: 'Running' },
      });
    const [uid] = client
      .all<Pod>(refs.pods)
      .flatMap(({ metadata }) => (metadata.name === 'p' ? [metadata.uid] : []));
    const result = { request: 'one', driver: 'd.test', pool: 'pool', device: 'dev', tolerations };
    await client.create(refs.resourceClaims, {
      metadata: { name: 'claim', namespace: 'ns' },
      spec: {},
      status: {
        allocation: { devices: { results: [result] } },
        reservedFor: [{ resource: 'pods', name: 'p', uid }],
      },
    });
  });
  return cluster;
}
const taint = async (c: TestCluster, taints: object[], generation = 2): Promise<void> => {
  await c.client.create(refs.resourceSlices, slice(taints, generation));
  await c.settle();
};
const deleted = (c: TestCluster): string[] =>
  ['p', 'other'].filter((name) => {
    const pod = c.client.all<Pod>(refs.pods).find((p) => p.metadata.name === name);
    return !pod || pod.metadata.deletionTimestamp !== undefined;
  });
const told = (c: TestCluster): (string | undefined)[] =>
  c.client.all<Event>(refs.events).map((e) => e.message);

describe('a pod with a tainted device', () => {
  it('is deleted, and no pod that has not got the device', async () => {
    const c = await start([]);
    expect(deleted(c)).toEqual([]);
    await taint(c, [broken(c)]);
    expect(deleted(c)).toEqual(['p']);
    expect(told(c)).toEqual(['Marking for deletion']);
    const [pod] = c.client.all<Pod>(refs.pods).filter((p) => p.metadata.name === 'p');
    expect(pod?.status?.conditions).toMatchObject([
      { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByDeviceTaintManager' },
    ]);
  });

  it('is left alone by taints that only keep others away', async () => {
    const c = await start([]);
    await taint(c, [broken(c, { effect: 'NoSchedule' }), broken(c, { effect: 'None' })]);
    expect(deleted(c)).toEqual([]);
    expect(c.clock.timers).toBe(0);
  });

  it('stays as long as it tolerates them, and longer when the taint goes', async () => {
    const c = await start([{ key: 'd.test/broken', operator: 'Exists', tolerationSeconds: 60 }]);
    await taint(c, [broken(c)]);
    await c.clock.advance(50_000);
    expect(deleted(c)).toEqual([]);
    await taint(c, [], 3);
    expect(told(c)).toEqual(['Cancelling deletion']);
    await c.clock.advance(60_000);
    await c.settle();
    expect(deleted(c)).toEqual([]);
    await taint(c, [broken(c)], 4);
    await c.clock.advance(61_000);
    await c.settle();
    expect(deleted(c)).toEqual(['p']);
  });
});

test('a pod goes exactly when the first of its taints is not tolerated any more', () => {
  const random = seededRandom(testSeed());
  const nowMs = Date.UTC(2026, 0, 2);
  const keys = ['a', 'b'];
  for (let i = 0; i < 1000; i++) {
    const taints = Array.from({ length: random.int(3) }, () => ({
      key: keys[random.int(2)]!,
      effect: random.int(4) === 0 ? 'NoSchedule' : 'NoExecute',
      timeAdded: timeOf(nowMs - random.int(100) * 1000),
    }));
    const tolerations = Array.from({ length: random.int(3) }, () => ({
      operator: 'Exists',
      ...(random.int(3) > 0 && { key: keys[random.int(2)]! }),
      ...(random.int(2) > 0 && { tolerationSeconds: random.int(100) }),
    }));
    const pod = partOf<Pod>({ metadata: { name: 'p', namespace: 'n', uid: 'u' } });
    const devices = [{ taints, tolerations }] as {
      taints: DeviceTaint[];
      tolerations: DeviceToleration[];
    }[];
    const plan = planDeviceEviction({ pod, devices, wasDue: false, nowMs });
    const goes = (atMs: number): boolean =>
      taints.some(
        (t) =>
          t.effect === 'NoExecute' &&
          !tolerations.some((o) => !o.key || o.key === t.key) &&
          atMs >= Date.parse(t.timeAdded),
      ) ||
      taints.some(
        (t) =>
          t.effect === 'NoExecute' &&
          tolerations.some(
            (o) =>
              (!o.key || o.key === t.key) &&
              o.tolerationSeconds !== undefined &&
              atMs >= Date.parse(t.timeAdded) + o.tolerationSeconds * 1000,
          ),
      );
    expect(writesOf(plan).some((w) => w.verb === 'delete')).toBe(goes(nowMs));
    if (plan.againInMs === undefined) continue;
    expect(goes(nowMs + plan.againInMs - 1)).toBe(false);
    expect(goes(nowMs + plan.againInMs)).toBe(true);
  }
});
