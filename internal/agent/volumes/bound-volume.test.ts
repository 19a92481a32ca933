import { beforeEach, describe, expect, it, test } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '../../api/generated/types/core-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { FakeFiles } from '../../io/disk.fake.ts';
import { silentLog } from '../../io/log.ts';
import { FakeMounts } from '../../io/mounts.fake.ts';
import { containerDevices, type MountedVolume } from './container-mounts.ts';
import { References } from './references.ts';
import { Volumes } from './volumes.ts';

let client: FakeClient;
let files: FakeFiles;
let mounts: FakeMounts;
let volumes: Volumes;
let clock: FakeClock;

beforeEach(async () => {
  clock = new FakeClock();
  client = new FakeClient(clock);
  files = new FakeFiles(() => clock.now());
  mounts = new FakeMounts();
  volumes = new Volumes({
    podsDir: '/pods',
    secretsDir: '/secrets',
    client,
    references: new References({ client, clock, log: silentLog }),
    clock,
    log: silentLog,
    doors: { disk: files.disk, tree: files.tree, mounts },
    facts: () => ({ podIPs: [], hostIPs: ['10.0.0.1'], allocatable: {} }),
  });
  await volumes.start();
  mounts.table.length = 0;
  await files.disk.makeDir('test', '/dev');
  files.place('/dev/loop7', 'block');
});

const pod = (volume: Partial<Volume>): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u' },
    spec: { containers: [{ name: 'c' }], volumes: [{ name: 'v', ...volume }] },
    status: {},
  }) as Partial<Pod> as Pod;

async function mount(spec: PersistentVolume['spec'], readOnly = false): Promise<MountedVolume> {
  await client.create(refs.persistentVolumes, { metadata: { name: 'pv' }, spec });
  await client.create(refs.persistentVolumeClaims, {
    metadata: { namespace: 'ns', name: 'data' },
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound' },
  });
  const claimed = pod({ persistentVolumeClaim: { claimName: 'data', readOnly } });
  return (await volumes.mount(claimed)).get('v')!;
}
const nfsProgram = async (): Promise<void> => {
  await files.disk.makeDir('test', '/sbin');
  await files.disk.writeAtomic('test', '/sbin/mount.nfs', '');
};

describe('a device of the node', () => {
  it('gets a file system when it is blank, is mounted, and unmounted with the pod', async () => {
    const mounted = await mount({
      local: { path: '/dev/loop7', fsType: 'xfs' },
      mountOptions: ['noatime'],
    });
    expect(mounted.path).toBe('/pods/u/volumes/kubernetes.io~local-volume/pv');
    expect(mounts.devices.get('/dev/loop7')).toBe('xfs');
    expect(mounts.table).toEqual([
      { kind: 'xfs', from: '/dev/loop7', path: mounted.path, options: ['noatime'] },
    ]);
    await volumes.unmount('u');
    expect(mounts.table).toEqual([]);
  });

  it('grows when its administrator made it larger, while it is used', async () => {
    const capacity = (storage: string): object => ({ capacity: { storage } });
    const mounted = await mount({ local: { path: '/dev/loop7' }, ...capacity('1Gi') });
    const claim = { namespace: 'ns', name: 'data' };
    const claims = refs.persistentVolumeClaims;
    const shown = (): string | undefined =>
      client.all<PersistentVolumeClaim>(claims)[0]?.status?.capacity?.['storage'];
    const status = { ...capacity('1Gi'), phase: 'Bound' };
    await client.patch(
      claims,
      { ...claim, subresource: 'status' },
      { type: 'merge', body: { status } },
    );
    await clock.advance(60_000);
    expect(mounts.grown).toEqual([]);
    await client.patch(
      refs.persistentVolumes,
      { name: 'pv' },
      { type: 'merge', body: { spec: capacity('2Gi') } },
    );
    await clock.advance(60_000);
    expect(mounts.grown).toEqual([mounted.path]);
    expect(shown()).toBe('2Gi');
    await clock.advance(60_000);
    expect(mounts.grown).toHaveLength(1);
  });

  it.each([
    ['a folder', { local: { path: '/disk' } }],
    ['a device as it is', { local: { path: '/dev/loop7' }, volumeMode: 'Block' }],
  ])('%s has grown when its administrator says so', async (_what, spec) => {
    await files.disk.makeDir('test', '/disk');
    await mount({ ...spec, capacity: { storage: '2Gi' } });
    await client.patch(
      refs.persistentVolumeClaims,
      { namespace: 'ns', name: 'data', subresource: 'status' },
      { type: 'merge', body: { status: { capacity: { storage: '1Gi' }, phase: 'Bound' } } },
    );
    await clock.advance(60_000);
    const [claim] = client.all<PersistentVolumeClaim>(refs.persistentVolumeClaims);
    expect(claim?.status?.capacity?.['storage']).toBe('2Gi');
    expect(mounts.grown).toEqual([]);
  });

  it('keeps what is on it', async () => {
    mounts.devices.set('/dev/loop7', 'btrfs');
    await mount({ local: { path: '/dev/loop7' } }, true);
    expect(mounts.table).toMatchObject([{ kind: 'btrfs', options: ['ro'] }]);
  });

  it.each([
    ['another file system', { fsType: 'ext4' }, 'xfs', /holds "xfs", not ext4/],
    ['a partition table', {}, 'dos', /holds "dos"/],
    ['a wish that is a program', { fsType: '../x' }, undefined, /not supported/],
  ])('is left alone with %s', async (_what, more, there, message) => {
    if (there) mounts.devices.set('/dev/loop7', there);
    await expect(mount({ local: { path: '/dev/loop7', ...more } })).rejects.toThrow(message);
    expect(mounts.table).toEqual([]);
  });

  it('goes into a container as it is', async () => {
    const mounted = await mount({ local: { path: '/dev/loop7' }, volumeMode: 'Block' });
    expect(mounted).toMatchObject({ path: '/dev/loop7', device: true });
    expect(mounts.table).toEqual([]);
    const volumeDevices = [{ name: 'v', devicePath: '/dev/data' }];
    const container = { name: 'c', resources: {}, volumeDevices };
    const of = new Map([['v', mounted]]);
    expect(containerDevices({ container, volumes: of })).toEqual([
      { containerPath: '/dev/data', hostPath: '/dev/loop7', permissions: 'mrw' },
    ]);
    const folder = new Map([['v', { name: 'v', path: '/data', readOnly: false }]]);
    expect(() => containerDevices({ container, volumes: folder })).toThrow(/cannot find volume/);
  });

  it('is not a folder', async () => {
    await files.disk.makeDir('test', '/disk');
    const block = mount({ local: { path: '/disk' }, volumeMode: 'Block' });
    await expect(block).rejects.toThrow(/not a block device/);
  });
});

describe('a share of NFS', () => {
  const share = { nfs: { server: 'nas', path: '/srv' } };

  it('is mounted with its options, and unmounted with the pod', async () => {
    await nfsProgram();
    const mounted = await mount({ ...share, mountOptions: ['nfsvers=4.2', 'hard'] });
    expect(mounts.table).toEqual([
      { kind: 'nfs', from: 'nas:/srv', path: mounted.path, options: ['nfsvers=4.2', 'hard'] },
    ]);
    await volumes.unmount('u');
    expect(mounts.table).toEqual([]);
  });

  it('says what the node lacks', async () => {
    await expect(mount(share)).rejects.toThrow(/no mount.nfs: install nfs-common/);
  });

  test.each([
    ['-oops', '/srv', /not a name or an address/],
    ['a b', '/srv', /not a name or an address/],
    ['nas', 'srv', /not absolute/],
    ['nas', '/srv\n', /not absolute/],
  ])('%j:%j is refused', async (server, path, message) => {
    await nfsProgram();
    await expect(volumes.mount(pod({ nfs: { server, path } }))).rejects.toThrow(message);
    expect(mounts.table).toEqual([]);
  });

  it('of an address of IPv6 stands in brackets', async () => {
    await nfsProgram();
    await volumes.mount(pod({ nfs: { server: 'fd00::1', path: '/', readOnly: true } }));
    expect(mounts.table).toMatchObject([{ from: '[fd00::1]:/', options: ['ro'] }]);
  });
});

it('a folder behind a link is given to the group, and the link is left alone', async () => {
  await files.disk.makeDir('test', '/disk');
  await files.tree.symlink('test', '/disk', '/link');
  await client.create(refs.persistentVolumes, {
    metadata: { name: 'pv' },
    spec: { local: { path: '/link' } },
  });
  await client.create(refs.persistentVolumeClaims, {
    metadata: { namespace: 'ns', name: 'data' },
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound' },
  });
  const claimed = pod({ persistentVolumeClaim: { claimName: 'data' } });
  claimed.spec.securityContext = { fsGroup: 1234 };
  expect((await volumes.mount(claimed)).get('v')?.path).toBe('/link');
  expect((await files.disk.stat('test', '/disk'))?.gid).toBe(1234);
  expect((await files.disk.stat('test', '/link'))?.gid).toBe(0);
});

it('a path of the host takes no mount options', async () => {
  const refused = mount({ hostPath: { path: '/' }, mountOptions: ['noatime'] });
  await expect(refused).rejects.toThrow(/Mount options are not supported/);
});
