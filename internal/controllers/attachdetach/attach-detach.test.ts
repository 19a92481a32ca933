import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event, Node } from '../../api/generated/types/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts';
import { attachmentName } from '../../api/storage/attachments.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startAttachDetachController } from './attach-detach.ts';
import { longestUnmountMs } from './plan.ts';

const driver = 'disks.example.com';
const inUse = `kubernetes.io/csi/${driver}^disk-1`;
const onNode = (node: string): string => attachmentName('disk-1', driver, node);
let cluster: TestCluster;

const node = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});
const pod = (name: string, nodeName: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns' },
  spec: {
    nodeName,
    containers: [],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  },
});

beforeEach(async () => {
  cluster = await testCluster([startAttachDetachController], async ({ client }) => {
    await client.create(refs.nodes, node('n1'));
    await client.create(refs.nodes, node('n2'));
    const claim = await client.create<{ metadata: { uid: string } }>(refs.persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: 'ns', name: 'data' },
      spec: { volumeName: 'pv' },
      status: { phase: 'Bound' },
    });
    await client.create(refs.persistentVolumes, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pv' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        claimRef: { namespace: 'ns', name: 'data', uid: claim.metadata.uid },
        csi: { driver, volumeHandle: 'disk-1' },
      },
    });
  });
});
afterEach(() => cluster.stop());

const attachments = async (): Promise<VolumeAttachment[]> =>
  (await cluster.client.list<VolumeAttachment>(refs.volumeAttachments)).items;
const names = async (): Promise<string[]> =>
  (await attachments()).map(({ metadata }) => metadata.name ?? '').sort();
const getNode = (name: string): Promise<Node> => cluster.client.get<Node>(refs.nodes, { name });
/** What the driver's attacher does. */
async function attacher(): Promise<void> {
  for (const one of await attachments())
    await cluster.client.update(refs.volumeAttachments, { ...one, status: { attached: true } });
  await cluster.settle();
}
/** What the node writes. */
async function setNode(name: string, change: (before: Node) => object): Promise<void> {
  const before = await getNode(name);
  await cluster.client.update(refs.nodes, { ...before, ...change(before) });
  await cluster.settle();
}
const use = (name: string, volumesInUse: string[] | undefined): Promise<void> =>
  setNode(name, ({ status }) => ({ status: { ...status, volumesInUse } }));
const notReady = (name: string): Promise<void> =>
  setNode(name, ({ status }) => ({
    status: { ...status, conditions: [{ type: 'Ready', status: 'Unknown' }] },
  }));
const remove = async (name: string): Promise<void> => {
  await cluster.client.delete(refs.pods, { namespace: 'ns', name }, { gracePeriodSeconds: 0 });
  await cluster.settle();
};
async function running(name: string, on: string): Promise<void> {
  await cluster.client.create(refs.pods, pod(name, on));
  await cluster.settle();
  await attacher();
  await use(on, [inUse]);
}

describe('a volume that a pod uses', () => {
  it('is attached to its node, and the node is told when it is', async () => {
    await cluster.client.create(refs.pods, pod('p', 'n1'));
    await cluster.settle();
    expect(await attachments()).toMatchObject([
      {
        metadata: { name: onNode('n1') },
        spec: { attacher: driver, nodeName: 'n1', source: { persistentVolumeName: 'pv' } },
      },
    ]);
    expect((await getNode('n1')).status.volumesAttached).toBeUndefined();
    await attacher();
    expect((await getNode('n1')).status.volumesAttached).toEqual([{ name: inUse, devicePath: '' }]);
    const events = (await cluster.client.list<Event>(refs.events)).items;
    expect(events.map(({ reason }) => reason)).toEqual(['SuccessfulAttachVolume']);
  });

  it('of a driver that needs none of it has no attachment', async () => {
    await cluster.client.create(refs.csiDrivers, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driver },
      spec: { attachRequired: false },
    });
    await cluster.client.create(refs.pods, pod('p', 'n1'));
    await cluster.settle();
    expect(await attachments()).toEqual([]);
  });

  it('stays until the node has let go of it', async () => {
    await running('p', 'n1');
    await remove('p');
    expect(await names()).toEqual([onNode('n1')]);
    await use('n1', undefined);
    expect(await names()).toEqual([]);
    expect((await getNode('n1')).status.volumesAttached).toBeUndefined();
  });

  it('goes to another node only when the first has it no more', async () => {
    await running('p', 'n1');
    await cluster.client.create(refs.pods, pod('q', 'n2'));
    await cluster.settle();
    expect(await names()).toEqual([onNode('n1')]);
    const events = (await cluster.client.list<Event>(refs.events)).items;
    expect(events.filter(({ message }) => message?.startsWith('Multi-Attach'))).toHaveLength(1);
    await remove('p');
    await use('n1', undefined);
    expect(await names()).toEqual([onNode('n2')]);
  });
});

describe('a node that does not answer', () => {
  it('keeps its volumes for six minutes', async () => {
    await running('p', 'n1');
    await notReady('n1');
    await remove('p');
    await cluster.clock.advance(longestUnmountMs - 1000);
    await cluster.settle();
    expect(await names()).toEqual([onNode('n1')]);
    await cluster.clock.advance(2000);
    await cluster.settle();
    expect(await names()).toEqual([]);
  });

  it.each([10 * longestUnmountMs, -10 * longestUnmountMs])(
    'keeps them for as long when the wall clock jumps by %d ms',
    async (byMs) => {
      await running('p', 'n1');
      await notReady('n1');
      await remove('p');
      cluster.clock.jump(byMs);
      await notReady('n1');
      await use('n1', [inUse, 'another']);
      await cluster.clock.advance(longestUnmountMs - 1000);
      await cluster.settle();
      expect(await names()).toEqual([onNode('n1')]);
      await cluster.clock.advance(2000);
      await cluster.settle();
      expect(await names()).toEqual([]);
    },
  );

  it('keeps them forever while it is ready', async () => {
    await running('p', 'n1');
    await remove('p');
    await cluster.clock.advance(10 * longestUnmountMs);
    await cluster.settle();
    expect(await names()).toEqual([onNode('n1')]);
  });

  it('loses them at once when somebody says that it is out of service', async () => {
    await running('p', 'n1');
    await remove('p');
    await setNode('n1', ({ spec }) => ({
      spec: {
        ...spec,
        taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }],
      },
    }));
    expect(await names()).toEqual([]);
  });

  it('loses them with its Node', async () => {
    await running('p', 'n1');
    await remove('p');
    await cluster.client.delete(refs.nodes, { name: 'n1' });
    await cluster.settle();
    expect(await names()).toEqual([]);
  });
});

it('attachments of others are left alone', async () => {
  await cluster.client.create(refs.volumeAttachments, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: 'mine' },
    spec: { attacher: driver, nodeName: 'n1', source: { persistentVolumeName: 'pv' } },
  });
  await running('p', 'n1');
  await remove('p');
  await use('n1', undefined);
  expect(await names()).toEqual(['mine']);
});
