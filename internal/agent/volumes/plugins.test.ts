import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { FakeFiles } from '../../io/disk.fake.ts';
import { silentLog } from '../../io/log.ts';
import { FakeMounts } from '../../io/mounts.fake.ts';
import { References } from './references.ts';
import { Volumes } from './volumes.ts';

let clock: FakeClock;
let client: FakeClient;
let files: FakeFiles;
let mounts: FakeMounts;
let references: References;
let volumes: Volumes;
/** What was asked of the runtime's images. */
let images: string[];

/** A new life of the agent on the same machine. */
function newLife(): void {
  references = new References({ client, clock, log: silentLog });
  volumes = new Volumes({
    podsDir: '/pods',
    secretsDir: '/secrets',
    client,
    references,
    clock,
    log: silentLog,
    doors: { disk: files.disk, tree: files.tree, mounts },
    facts: () => ({ podIPs: [], hostIPs: ['10.0.0.1'], allocatable: { cpu: '2', memory: '1Gi' } }),
    images: {
      mount: async (_pod, volume, dir) => {
        images.push(`mount ${volume.image?.reference}`);
        await files.disk.makeDir('test', dir);
        await mounts.bind('test', 'snapshot', dir);
      },
      forget: (dir) => Promise.resolve(void images.push(`forget ${dir}`)),
    },
  });
}

beforeEach(async () => {
  clock = new FakeClock();
  client = new FakeClient(clock);
  files = new FakeFiles(() => clock.now());
  mounts = new FakeMounts();
  images = [];
  newLife();
  await volumes.start();
});

const podWith = (list: Volume[], more: Partial<Pod['spec']> = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u' },
    spec: { containers: [{ name: 'c', resources: {} }], volumes: list, ...more },
    status: {},
  }) as Pod;

const pathOf = async (volume: object, more: Partial<Pod['spec']> = {}): Promise<string> =>
  (await volumes.mount(podWith([{ name: 'v', ...volume } as Volume], more))).get('v')!.path;

const text = async (path: string): Promise<string> => String(await files.disk.read('test', path));

describe('emptyDir', () => {
  it('is a folder for everybody, and one in memory is bounded by the pod', async () => {
    const dir = await pathOf({ emptyDir: {} });
    expect(await files.disk.stat('test', dir)).toMatchObject({ kind: 'dir', mode: 0o777 });
    await volumes.unmount('u');
    const inMemory = await pathOf({ emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } }, {
      containers: [{ name: 'c', resources: { limits: { memory: '64Mi' } } }],
    } as never);
    expect(mounts.table.at(-1)).toEqual({
      kind: 'tmpfs',
      from: 'tmpfs',
      path: inMemory,
      options: [`size=${64 * 1024 * 1024}`],
    });
  });

  it("alone counts as the pod's use of the disk, unless it is in memory", async () => {
    const pod = podWith([
      { name: 'a', emptyDir: { sizeLimit: '1Mi' } },
      { name: 'b', emptyDir: { medium: 'Memory' } },
      { name: 'c', emptyDir: {} },
      { name: 'd', hostPath: { path: '/' } },
    ]);
    expect(volumes.localUsage(pod).map((v) => [v.name, v.limit, v.path])).toEqual([
      ['a', '1Mi', undefined],
      ['c', undefined, undefined],
    ]);
    const mounted = await volumes.mount(pod);
    expect(volumes.localUsage(pod)[0]?.path).toBe(mounted.get('a')?.path);
  });
});

describe('hostPath', () => {
  it.each([
    ['DirectoryOrCreate', undefined, undefined],
    ['FileOrCreate', undefined, undefined],
    ['Directory', undefined, 'is not a directory'],
    ['Socket', 'file', 'is not a socket file'],
    ['Socket', 'socket', undefined],
    ['CharDevice', 'char', undefined],
    ['BlockDevice', 'char', 'is not a block device'],
    ['Nothing', undefined, 'unknown hostPath type Nothing'],
  ] as const)('of type %s on %s', async (type, there, complaint) => {
    if (there) files.place('/srv/x', there);
    else await files.disk.makeDir('test', '/srv');
    const path = pathOf({ hostPath: { path: '/srv/x', type } });
    if (complaint) await expect(path).rejects.toThrow(complaint);
    else expect(await path).toBe('/srv/x');
  });
});

describe('projected', () => {
  it('shows all its sources in one folder, and tells of all that fail', async () => {
    await client.create(
      refs.configMaps,
      { metadata: { name: 'cm', namespace: 'ns' }, data: { a: '1' } },
      { namespace: 'ns' },
    );
    const sources = [
      { configMap: { name: 'cm' } },
      { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
    ];
    const dir = await pathOf({ projected: { sources } });
    expect([await text(`${dir}/a`), await text(`${dir}/name`)]).toEqual(['1', 'p']);
    expect(dir.startsWith('/secrets/')).toBe(true);
    await volumes.unmount('u');
    await expect(
      pathOf({ projected: { sources: [{ secret: { name: 'x' } }, { secret: { name: 'y' } }] } }),
    ).rejects.toThrow(/secret "x" not found.*secret "y" not found/);
  });
});

describe('image', () => {
  it('is mounted once, and let go of by a later life of the agent too', async () => {
    const volume = { image: { reference: 'files:1' } };
    const dir = await pathOf(volume);
    newLife();
    expect(await pathOf(volume)).toBe(dir);
    expect(images).toEqual(['mount files:1']);
    newLife();
    await volumes.unmount('u');
    expect(images).toEqual(['mount files:1', `forget ${dir}`]);
    expect(mounts.table.map((m) => m.path)).toEqual(['/secrets']);
    expect(await files.disk.list('test', '/pods')).toEqual([]);
  });
});

it.each([
  [
    { csi: { driver: 'd.example' } },
    'kubernetes.io/csi: driver name d.example not found in the list of registered',
  ],
  [{ iscsi: { targetPortal: 's', iqn: 'i', lun: 0 } }, 'no volume plugin matched'],
])('%j is refused', async (volume, complaint) => {
  await expect(pathOf(volume)).rejects.toThrow(
    `MountVolume.SetUp failed for volume "v" : ${complaint}`,
  );
});

it('removes nothing through a mount that does not go', async () => {
  const dir = await pathOf({ emptyDir: { medium: 'Memory' } });
  mounts.stuck.add(dir);
  await expect(volumes.unmount('u')).rejects.toThrow('umount');
  expect(await files.disk.stat('test', dir)).toBeDefined();
  mounts.stuck.clear();
  await volumes.unmount('u');
  expect(await files.disk.stat('test', dir)).toBeUndefined();
});

it('keeps what it shows when the disk is full, and says so only where nothing stands', async () => {
  await client.create(
    refs.configMaps,
    { metadata: { name: 'cm', namespace: 'ns' }, data: { a: '1' } },
    { namespace: 'ns' },
  );
  files.fail('volume.payload', 'ENOSPC');
  await expect(pathOf({ configMap: { name: 'cm' } })).rejects.toThrow('ENOSPC');
  files.fail('volume.payload', undefined);
  const dir = await pathOf({ configMap: { name: 'cm' } });
  expect(await text(`${dir}/a`)).toBe('1');
});
