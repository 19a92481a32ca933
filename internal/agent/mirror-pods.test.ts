import { partOf } from '../base/testing/part-of.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/types/core-v1.ts';
import { FakeClient } from '../client/fake-client.ts';
import { mirrorFactory } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { MirrorPods } from './mirror-pods.ts';
import type { PodSet } from './pods/pod-set.ts';

let clock: FakeClock;
let client: FakeClient;
let mirrorPods: MirrorPods;

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
};
const ownerOf = (): string | undefined =>
  client.all<Pod>(refs.pods)[0]?.metadata.ownerReferences?.[0]?.uid;
const makeNode = async (): Promise<Node> =>
  client.create<Node>(refs.nodes, { metadata: { name: 'here' } });
const hash = 'kubernetes.io/config.hash';
const fixed: Pod = partOf<Pod>({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'fixed-here', namespace: 'default', uid: 'u', annotations: { [hash]: 'h' } },
  spec: { nodeName: 'here', containers: [{ name: 'c', image: 'i' }] },
});

/** What an agent has when it starts: what the server says, and nothing yet of the disk. */
const begin = async (): Promise<MirrorPods> => {
  const mirrors = mirrorFactory(client, clock, silentLog);
  const pods = mirrors.of<Pod>(refs.pods);
  const nodes = mirrors.of<Node>(refs.nodes);
  await Promise.all([pods.synced, nodes.synced]);
  const set = partOf<PodSet>({
    apply: () => undefined,
    remove: () => undefined,
    worker: () => undefined,
  });
  const options = { client, pods, nodes, nodeName: 'here', set, clock, log: silentLog };
  return new MirrorPods(options);
};
beforeEach(async () => {
  clock = new FakeClock();
  client = new FakeClient(clock);
  mirrorPods = await begin();
});
afterEach(() => mirrorPods.stop());

it('shows static pods as soon as the Node is there, and again when another Node is', async () => {
  mirrorPods.changed([fixed]);
  await settle();
  expect(client.all(refs.pods)).toEqual([]);
  const first = await makeNode();
  await settle();
  expect(ownerOf()).toBe(first.metadata.uid);
  // The Node is deleted, and its pods with it, before it registers again.
  await client.delete(refs.nodes, { name: 'here' });
  await client.delete(
    refs.pods,
    { namespace: 'default', name: 'fixed-here' },
    { gracePeriodSeconds: 0 },
  );
  await settle();
  expect(client.all(refs.pods)).toEqual([]);
  const second = await makeNode();
  await settle();
  expect([second.metadata.uid === first.metadata.uid, ownerOf()]).toEqual([
    false,
    second.metadata.uid,
  ]);
});

it('takes nothing away that it shows, before the manifests were read', async () => {
  mirrorPods.changed([fixed]);
  await makeNode();
  await settle();
  const before = client.all<Pod>(refs.pods)[0]?.metadata.uid;
  expect(before).toBeDefined();
  // Another life of the agent: the server answers sooner than the disk.
  mirrorPods.stop();
  mirrorPods = await begin();
  mirrorPods.reconcile();
  await settle();
  expect(client.all<Pod>(refs.pods)[0]?.metadata.uid).toBe(before);
  mirrorPods.changed([fixed]);
  await settle();
  expect(client.all<Pod>(refs.pods)[0]?.metadata.uid).toBe(before);
  // There are no manifests any more.
  mirrorPods.changed([]);
  await settle();
  expect(client.all(refs.pods)).toEqual([]);
});

it('tries again when the server refuses', async () => {
  await makeNode();
  await settle();
  const create = client.create.bind(client);
  let refusals = 3;
  client.create = ((...args: Parameters<typeof create>) =>
    refusals-- > 0
      ? Promise.reject(new Error('not now'))
      : create(...args)) as typeof client.create;
  mirrorPods.changed([fixed]);
  await settle();
  for (let i = 0; i < 3; i++) {
    await clock.advance(4000);
    await settle();
  }
  expect(client.all(refs.pods)).toHaveLength(1);
});
