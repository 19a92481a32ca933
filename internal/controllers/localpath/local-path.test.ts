import { afterEach, describe, expect, it } from 'vitest';
import type {
  Event,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { startPersistentVolumeBinder } from '../persistentvolume/binder.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startLocalPath } from './local-path.ts';

let cluster: TestCluster;
afterEach(() => cluster.stop());

const config = (nodePathMap: object[]): object => ({
  metadata: { namespace: 'kube-system', name: 'local-path-config' },
  data: { 'config.json': JSON.stringify({ nodePathMap }) },
});
const everywhere = config([{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: ['/data'] }]);
const storageClass = (more: object = {}): object => ({
  metadata: { name: 'local-path', annotations: { defaultVolumeType: 'local' } },
  provisioner: 'rancher.io/local-path',
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
  allowVolumeExpansion: true,
  ...more,
});
const claim = (spec: object = {}): object => ({
  metadata: {
    name: 'c',
    namespace: 'ns',
    uid: 'uid-c',
    annotations: { 'volume.kubernetes.io/selected-node': 'n1' },
  },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'local-path',
    ...spec,
  },
  status: { phase: 'Pending' },
});
const node = (name: string): object => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': `${name}.example` } },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});

interface Asked {
  node: string;
  method: string;
  root: string | null;
  path: string | null;
  bytes: string | null;
}

/** What the node was asked for, and what it answers. */
async function start(
  objects: { claim?: object; storageClass?: object; config?: object; nodes?: object[] },
  answer: () => { status: number; text: string } = () => ({ status: 200, text: '{}' }),
): Promise<{ asked: Asked[] }> {
  const asked: Asked[] = [];
  cluster = await testCluster(
    [
      startPersistentVolumeBinder,
      (ctx) =>
        startLocalPath(ctx, (name, method, path) => {
          const query = new URL(path, 'https://node').searchParams;
          const [root, folder, bytes] = ['root', 'path', 'bytes'].map((k) => query.get(k));
          asked.push({ node: name, method, root: root!, path: folder!, bytes: bytes ?? null });
          const { status, text } = answer();
          return Promise.resolve({ status, body: Buffer.from(text) });
        }),
    ],
    async ({ client }) => {
      for (const one of objects.nodes ?? [node('n1')]) await client.create(refs.nodes, one);
      await client.create(refs.configMaps, objects.config ?? everywhere);
      await client.create(refs.storageClasses, objects.storageClass ?? storageClass());
      await client.create(refs.persistentVolumeClaims, objects.claim ?? claim());
    },
  );
  return { asked };
}

const volumes = (): PersistentVolume[] => cluster.client.all(refs.persistentVolumes);
const claims = (): PersistentVolumeClaim[] => cluster.client.all(refs.persistentVolumeClaims);
const told = (): string[] =>
  cluster.client.all<Event>(refs.events).map((e) => `${e.reason}: ${e.message}`);
const uid = (): string => claims()[0]!.metadata.uid!;
const remove = async (): Promise<void> => {
  await cluster.client.delete(refs.persistentVolumeClaims, { namespace: 'ns', name: 'c' });
  await cluster.settle();
};

describe('a claim of the class local-path', () => {
  it('has its folder made on the node that was chosen, and is bound to it', async () => {
    const { asked } = await start({});
    const folder = `pvc-${uid()}_ns_c`;
    expect(asked).toEqual([
      { node: 'n1', method: 'POST', root: '/data', path: folder, bytes: '1073741824' },
    ]);
    expect(claims()[0]?.status?.phase).toBe('Bound');
    expect(volumes()).toMatchObject([
      {
        metadata: {
          name: `pvc-${uid()}`,
          annotations: {
            'pv.kubernetes.io/provisioned-by': 'rancher.io/local-path',
            'local.path.provisioner/selected-node': 'n1',
          },
        },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          persistentVolumeReclaimPolicy: 'Delete',
          storageClassName: 'local-path',
          local: { path: `/data/${folder}` },
        },
        status: { phase: 'Bound' },
      },
    ]);
    const terms = volumes()[0]?.spec.nodeAffinity?.required?.nodeSelectorTerms;
    expect(terms?.[0]?.matchExpressions?.[0]?.values).toEqual(['n1.example']);
    expect(told().join()).toMatch(/Nothing keeps the volume to its 1Gi/);
  });

  it('lies where the node and the class say', async () => {
    const { asked } = await start({
      config: config([
        { node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: ['/data'] },
        { node: 'n1', paths: ['/ssd', '/hdd/'] },
      ]),
      storageClass: storageClass({
        parameters: { nodePath: '/hdd', pathPattern: '{{ .PVC.Namespace }}/{{ .PVC.Name }}' },
      }),
    });
    expect(asked).toMatchObject([{ root: '/hdd', path: 'ns/c' }]);
  });

  it.each([
    ['many writers', { accessModes: ['ReadWriteMany'] }, /only the access modes/],
    ['a device', { volumeMode: 'Block' }, /block volumes/],
    ['labels', { selector: { matchLabels: { a: 'b' } } }, /Selector is not supported/],
  ])('is refused with %s', async (_what, spec, message) => {
    const { asked } = await start({ claim: claim(spec) });
    expect(asked).toEqual([]);
    expect(told().join()).toMatch(message);
    expect(volumes()).toEqual([]);
  });

  it.each([
    ['', 'it has no config.json'],
    ['{', 'is not JSON'],
    ['{"nodePathMap":[{"node":"n1","paths":["/"]}]}', 'must not lie in'],
    ['{"nodePathMap":[{"node":"n1","paths":["/data/../etc"]}]}', 'must not lie in'],
    ['{"nodePathMap":[{"node":"n1","paths":["data"]}]}', 'does not begin with /'],
    ['{"nodePathMap":[{"node":"n1","paths":[{}]}]}', 'does not begin with /'],
  ])('is told what is wrong with the ConfigMap %s', async (text, message) => {
    const { metadata } = everywhere as { metadata: object };
    const { asked } = await start({
      config: { metadata, data: text ? { 'config.json': text } : {} },
    });
    expect(asked).toEqual([]);
    expect(told().join()).toContain(message);
  });

  it('is given back to the scheduler when the node has no room or is gone', async () => {
    await start({}, () => ({ status: 507, text: 'no space left' }));
    const note = 'volume.kubernetes.io/selected-node';
    expect(claims()[0]?.metadata.annotations?.[note]).toBeUndefined();
    expect(told().join()).toContain('no space left');
    cluster.stop();
    await start({ nodes: [] });
    expect(claims()[0]?.metadata.annotations?.[note]).toBeUndefined();
  });

  it('waits for a node that cannot be reached', async () => {
    let status = 503;
    const { asked } = await start({}, () => ({ status, text: '{}' }));
    expect(claims()[0]?.status?.phase).toBe('Pending');
    expect(claims()[0]?.metadata.annotations).toHaveProperty(
      ['volume.kubernetes.io/selected-node'],
      'n1',
    );
    status = 200;
    await cluster.clock.advance(60_000);
    await cluster.settle();
    expect(claims()[0]?.status?.phase).toBe('Bound');
    expect(asked.length).toBeGreaterThan(1);
  });

  it('grows', async () => {
    const { asked } = await start({});
    await cluster.client.patch(
      refs.persistentVolumeClaims,
      { namespace: 'ns', name: 'c' },
      { type: 'merge', body: { spec: { resources: { requests: { storage: '2Gi' } } } } },
    );
    await cluster.settle();
    expect(asked.at(-1)).toMatchObject({ method: 'PUT', bytes: '2147483648' });
    expect(volumes()[0]?.spec.capacity).toEqual({ storage: '2Gi' });
    expect(claims()[0]?.status?.capacity).toEqual({ storage: '2Gi' });
  });
});

describe('a volume whose claim is gone', () => {
  it('goes with its data, which the node removes first', async () => {
    let status = 200;
    const { asked } = await start({}, () => ({ status, text: '{}' }));
    const folder = `pvc-${uid()}_ns_c`;
    status = 503;
    await remove();
    expect(volumes()).toMatchObject([{ status: { phase: 'Released' } }]);
    status = 200;
    await cluster.clock.advance(60_000);
    await cluster.settle();
    expect(asked.at(-1)).toMatchObject({ method: 'DELETE', root: '/data', path: folder });
    expect(volumes()).toEqual([]);
  });

  it('stays with Retain', async () => {
    const { asked } = await start({ storageClass: storageClass({ reclaimPolicy: 'Retain' }) });
    await remove();
    expect(volumes()).toMatchObject([{ status: { phase: 'Released' } }]);
    expect(asked.map((a) => a.method)).toEqual(['POST']);
  });

  it('goes without its data when the node is gone', async () => {
    const { asked } = await start({});
    await cluster.client.delete(refs.nodes, { name: 'n1' });
    await remove();
    expect(volumes()).toEqual([]);
    expect(asked.map((a) => a.method)).toEqual(['POST']);
  });

  it.each(['/etc/passwd', '/data/../etc', '/data', '/database/x', '/data//x'])(
    'is not removed at %s, which is no place of the provisioner',
    async (path) => {
      const { asked } = await start({});
      const now = volumes()[0]!;
      await cluster.client.update(refs.persistentVolumes, {
        ...now,
        spec: { ...now.spec, local: { path } },
      });
      await remove();
      expect(volumes()).toHaveLength(1);
      expect(asked.map((a) => a.method)).toEqual(['POST']);
      expect(told().join()).toContain('VolumeFailedDelete');
    },
  );
});
