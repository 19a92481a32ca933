import { beforeEach, describe, expect, it } from 'vitest';
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import { attachmentName, sha256 } from '../../api/storage/attachments.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { FakeFiles } from '../../io/disk.fake.ts';
import { silentLog } from '../../io/log.ts';
import { FakeMounts } from '../../io/mounts.fake.ts';
import type { PodVolume } from '../volumes/pod-volume.ts';
import { TokenSource } from '../volumes/plugins/service-account-token.ts';
import { AttachedVolumes } from './attach-wait.ts';
import { CsiVolumes } from './csi-volumes.ts';
import type { DriverCalls } from './driver.ts';
import { Drivers } from './drivers.ts';

const driver = 'disks.example.com';
const staging = `/kubelet/plugins/kubernetes.io/csi/${driver}/${sha256('disk-1')}/globalmount`;
const target = (uid: string): string => `/kubelet/pods/${uid}/volumes/kubernetes.io~csi/pv/mount`;

let client: FakeClient;
let files: FakeFiles;
let mounts: FakeMounts;
let drivers: Drivers;
let attached: AttachedVolumes;
let volumes: CsiVolumes;
let clock: FakeClock;
let asked: [string, Record<string, unknown>][];
/** The calls that fail. */
let failing: Set<string>;

/** A driver that mounts in the table of the test. */
function register(): void {
  const call =
    (name: string, does: (q: Record<string, string>) => Promise<unknown> = async () => ({})) =>
    async (q: object): Promise<unknown> => {
      asked.push([name, q as Record<string, unknown>]);
      if (failing.has(name)) throw new Error(`${name} failed`);
      return await does(q as Record<string, string>);
    };
  const mount = (field: string) => async (q: Record<string, string>) => {
    const at = q[field]!;
    if ((await mounts.below('test', at)).includes(at)) return {};
    await files.disk.makeDir('test', at);
    await mounts.bind('test', '/dev/disk', at);
    return {};
  };
  const unmount = (field: string) => async (q: Record<string, string>) => {
    const at = q[field]!;
    if ((await mounts.below('test', at)).includes(at)) await mounts.unmount('test', at);
    return {};
  };
  const calls = {
    nodeGetCapabilities: () =>
      Promise.resolve({ capabilities: [1, 3].map((type) => ({ rpc: { type } })) }),
    nodeStageVolume: call('stage', mount('stagingTargetPath')),
    nodeUnstageVolume: call('unstage', unmount('stagingTargetPath')),
    nodePublishVolume: call('publish', mount('targetPath')),
    nodeUnpublishVolume: call('unpublish', unmount('targetPath')),
    nodeExpandVolume: call('expand'),
  } as Partial<Record<keyof DriverCalls, unknown>> as DriverCalls;
  drivers.add(driver, 'a.sock', { calls, close: () => undefined });
}

/** Another life of the same node: all that was in memory is gone. */
async function live(): Promise<void> {
  drivers = new Drivers();
  const nodes = mirrorFactory(client, clock, silentLog).of<Node>(refs.nodes);
  await nodes.synced;
  const on = { client, nodes, nodeName: 'n1', clock };
  attached = new AttachedVolumes({ ...on, changed: () => undefined });
  const doors = { disk: files.disk, tree: files.tree, mounts };
  volumes = new CsiVolumes({ ...on, kubeletDir: '/kubelet', drivers, attached, doors });
  await volumes.load();
}

beforeEach(async () => {
  clock = new FakeClock();
  client = new FakeClient(clock);
  files = new FakeFiles(() => clock.now());
  mounts = new FakeMounts();
  [asked, failing] = [[], new Set()];
  await files.disk.makeDir('test', '/kubelet/pods');
  await live();
  register();
  await describeDriver({ attachRequired: false });
});

const describeDriver = async (spec: object): Promise<void> => {
  const object = { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: driver } };
  await client.delete(refs.csiDrivers, { name: driver }).catch(() => undefined);
  await client.create(refs.csiDrivers, { ...object, spec });
};
const volume = {
  metadata: { name: 'pv' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    csi: { driver, volumeHandle: 'disk-1', fsType: 'ext4', volumeAttributes: { kind: 'fast' } },
  },
} as Partial<PersistentVolume> as PersistentVolume;
const claim = {
  metadata: { namespace: 'ns', name: 'data' },
  spec: { volumeName: 'pv', resources: {} },
  status: { phase: 'Bound', capacity: { storage: '1Gi' } },
} as Partial<PersistentVolumeClaim> as PersistentVolumeClaim;
const of = (uid: string): PodVolume => ({
  pod: {
    metadata: { uid, name: `pod-${uid}`, namespace: 'ns' },
    spec: { containers: [], serviceAccountName: 'robot', securityContext: { fsGroup: 7 } },
  } as Partial<Pod> as Pod,
  volume: { name: 'v' },
  tokens: new TokenSource(client, clock),
  stale: () => undefined,
});
const setUp = (uid: string, adopted = false): ReturnType<CsiVolumes['setUpPersistent']> =>
  volumes.setUpPersistent({ volume, claim, readOnly: false }, { of: of(uid), adopted });
const names = (): string[] => asked.map(([name]) => name);
const nothingLeft = async (): Promise<void> => {
  expect(mounts.table).toEqual([]);
  expect(await files.disk.list('test', '/kubelet/pods')).toEqual([]);
  expect(await files.disk.list('test', `/kubelet/plugins/kubernetes.io/csi/${driver}`)).toEqual([]);
};

describe('a volume', () => {
  it('is staged once, published for each pod, and taken back in that order', async () => {
    expect(await setUp('a')).toMatchObject({ path: target('a'), manage: true, device: false });
    await setUp('b');
    expect(mounts.table.map(({ path }) => path)).toEqual([staging, target('a'), target('b')]);
    expect(asked[1]).toEqual([
      'publish',
      {
        volumeId: 'disk-1',
        publishContext: {},
        stagingTargetPath: staging,
        targetPath: target('a'),
        volumeCapability: { mount: { fsType: 'ext4', mountFlags: [] }, accessMode: { mode: 1 } },
        readonly: false,
        secrets: {},
        volumeContext: { kind: 'fast' },
      },
    ]);
    asked = [];
    await volumes.tearDown('a');
    expect(names()).toEqual(['unpublish']);
    await volumes.tearDown('b');
    expect(names()).toEqual(['unpublish', 'unpublish', 'unstage']);
    await nothingLeft();
  });

  it('tells a driver that asks for it of the pod', async () => {
    await describeDriver({ attachRequired: false, podInfoOnMount: true, fsGroupPolicy: 'None' });
    expect(await setUp('a')).toMatchObject({ manage: false });
    expect(asked[1]![1]['volumeContext']).toMatchObject({
      'csi.storage.k8s.io/pod.name': 'pod-a',
      'csi.storage.k8s.io/serviceAccount.name': 'robot',
      'csi.storage.k8s.io/ephemeral': 'false',
    });
  });

  it('waits until it is attached, and is said to be in use before', async () => {
    await describeDriver({});
    await client.create(refs.nodes, { metadata: { name: 'n1' }, spec: {}, status: {} });
    const done = setUp('a');
    const name = `kubernetes.io/csi/${driver}^disk-1`;
    await expect.poll(() => attached.inUse()).toEqual([name]);
    expect(names()).toEqual([]);
    await client.create(refs.volumeAttachments, {
      metadata: { name: attachmentName('disk-1', driver, 'n1') },
      spec: {},
      status: { attached: true, attachmentMetadata: { device: '7' } },
    });
    await client.update(refs.nodes, {
      metadata: { name: 'n1' },
      spec: {},
      status: { volumesInUse: [name], volumesAttached: [{ name, devicePath: '' }] },
    });
    await done;
    expect(asked[0]![1]['publishContext']).toEqual({ device: '7' });
    await live();
    expect(attached.inUse()).toEqual([name]);
    register();
    await volumes.tearDown('a');
    expect(attached.inUse()).toEqual([]);
  });

  it('of a driver that makes none for pods alone is refused as such', async () => {
    const inline = { ...of('a'), volume: { name: 'v', csi: { driver } } };
    await expect(volumes.setUpInline(inline, false)).rejects.toThrow(
      /"Ephemeral" not supported by driver/,
    );
    expect(asked).toEqual([]);
  });
});

it('a volume that was made larger grows while it is used, and its claim says so', async () => {
  await client.create(refs.persistentVolumeClaims, {
    ...claim,
    status: { ...claim.status, conditions: [{ type: 'FileSystemResizePending', status: 'True' }] },
  });
  await setUp('a');
  expect(names()).not.toContain('expand');
  const spec = { ...volume.spec, capacity: { storage: '2Gi' } };
  let again = false;
  await volumes.refreshPersistent(
    { volume: { ...volume, spec }, claim, readOnly: false },
    { ...of('a'), stale: () => void (again = true) },
  );
  expect(asked.at(-1)).toMatchObject([
    'expand',
    { volumePath: target('a'), capacityRange: { requiredBytes: 2 * 1024 ** 3 } },
  ]);
  const where = { namespace: 'ns', name: 'data' };
  const now = await client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, where);
  expect(now.status).toMatchObject({ capacity: { storage: '2Gi' }, conditions: [] });
  // It may grow once more.
  expect(again).toBe(true);
});

describe('a node that died', () => {
  it.each(['stage', 'publish', 'unpublish', 'unstage'])(
    'takes all back, whatever was going on: %s',
    async (call) => {
      failing.add(call);
      const before = call.startsWith('un');
      if (before) await setUp('a');
      await expect(before ? volumes.tearDown('a') : setUp('a')).rejects.toThrow(/failed/);
      failing.clear();
      await live();
      await expect(volumes.tearDown('a')).rejects.toThrow(/not found in the list of registered/);
      register();
      await volumes.tearDown('a');
      await nothingLeft();
    },
  );

  it('leaves what a pod uses as it is, with or without its driver', async () => {
    await setUp('a');
    asked = [];
    await live();
    expect(await setUp('a', true)).toMatchObject({ path: target('a'), manage: false });
    register();
    await setUp('a', true);
    expect(asked).toEqual([]);
  });

  it('takes back what a kubelet had staged there before', async () => {
    await setUp('a');
    const file = target('a').replace(/mount$/, 'vol_data.json');
    const { staged: _ours, ...theirs } = JSON.parse(
      (await files.disk.read('test', file)).toString(),
    ) as Record<string, string>;
    await files.disk.writeAtomic('test', file, JSON.stringify(theirs));
    await volumes.tearDown('a');
    await nothingLeft();
  });

  it('never deletes what is still mounted', async () => {
    await setUp('a');
    await mounts.bind('test', '/dev/other', target('a'));
    await expect(volumes.tearDown('a')).rejects.toThrow(/still mounted/);
    await mounts.unmount('test', target('a'));
    await volumes.tearDown('a');
    await nothingLeft();
  });
});

it.each([
  ['driver', { driver: '../x', volumeHandle: 'h' }],
  ['driver', { driver: 'a/b', volumeHandle: 'h' }],
])('a %s whose name would be a path is refused', async (_what, csi) => {
  const hostile = { ...volume, spec: { ...volume.spec, csi } };
  await expect(
    volumes.setUpPersistent(
      { volume: hostile, claim, readOnly: false },
      { of: of('a'), adopted: false },
    ),
  ).rejects.toThrow(/is not a driver name/);
});
