import { execFileSync } from 'node:child_process';
import {
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Container, Pod, Volume } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { makeMounts } from '../../io/mounts.ts';
import { realRandom } from '../../io/random.ts';
import { realSpawn } from '../../io/spawn.ts';
import { realTree } from '../../io/tree.ts';
import { containerMounts } from './container-mounts.ts';
import { giveToGroup } from './ownership.ts';
import { References } from './references.ts';
import { Volumes, VolumesError } from './volumes.ts';

const doors = { disk: realDisk, tree: realTree, mounts: makeMounts(realSpawn, realDisk) };
let dir = '';
let client: FakeClient;
let clock: FakeClock;
let references: References;
let volumes: Volumes;
let tokens = 0;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'volumes-'));
  clock = new FakeClock();
  client = new FakeClient(clock);
  const create = client.create.bind(client);
  client.create = async <T>(...args: Parameters<typeof create>): Promise<T> => {
    if (args[2]?.subresource !== 'token') return create<T>(...args);
    const status = {
      token: `token-${++tokens}`,
      expirationTimestamp: new Date(clock.now() + 3600_000).toISOString(),
    };
    return { status } as T;
  };
  tokens = 0;
  references = new References({ client, clock, log: silentLog });
  volumes = new Volumes({
    podsDir: join(dir, 'pods'),
    secretsDir: join(dir, 'secrets'),
    client,
    references,
    clock,
    log: silentLog,
    doors,
    facts: () => ({ podIPs: [], hostIPs: ['10.0.0.1'], allocatable: { cpu: '2', memory: '1Gi' } }),
  });
  await volumes.start();
});

afterEach(async () => {
  volumes.stop();
  references.stop();
  for (const point of await doors.mounts.below('test', dir))
    await doors.mounts.unmount('test', point);
  await rm(dir, { recursive: true, force: true });
});

function podWith(list: Volume[], more: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'ns',
      uid: 'u1',
      labels: { app: 'x' },
      annotations: { a: 'b' },
    },
    spec: { containers: [{ name: 'c', resources: {} }], volumes: list, ...more },
    status: {},
  } as Pod;
}

const make = (kind: 'configMaps' | 'secrets', name: string, body: object): Promise<KubeObject> =>
  client.create<KubeObject>(
    refs[kind],
    { metadata: { name, namespace: 'ns' }, ...body },
    { namespace: 'ns' },
  );

async function pathOf(pod: Pod, name: string): Promise<string> {
  return (await volumes.mount(pod)).get(name)?.path ?? '';
}

describe('Volumes', () => {
  it('shows a configMap and follows its changes', async () => {
    const made = await make('configMaps', 'cm', {
      data: { a: '1' },
      binaryData: { b: Buffer.from([1, 2]).toString('base64') },
    });
    const path = await pathOf(
      podWith([{ name: 'v', configMap: { name: 'cm', defaultMode: 0o400 } }]),
      'v',
    );
    expect(await readFile(`${path}/a`, 'utf8')).toBe('1');
    expect([...(await readFile(`${path}/b`))]).toEqual([1, 2]);
    expect((await stat(`${path}/a`)).mode & 0o777).toBe(0o400);
    await client.update(refs.configMaps, {
      ...made,
      data: { a: '2', c: '3' },
      binaryData: undefined,
    });
    await vi.waitFor(async () => expect(await readFile(`${path}/c`, 'utf8')).toBe('3'));
    expect(await readFile(`${path}/a`, 'utf8')).toBe('2');
    await expect(lstat(`${path}/b`)).rejects.toThrow('ENOENT');
  });

  it('says what is missing, as the kubelet does', async () => {
    const pod = podWith([{ name: 'v', configMap: { name: 'none' } }]);
    const error = await volumes.mount(pod).catch((e: unknown) => e);
    expect((error as VolumesError).failures).toEqual([
      {
        volume: 'v',
        message: 'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
      },
    ]);
    await make('configMaps', 'none', { data: { a: '1' } });
    expect(await readdir(await pathOf(pod, 'v'))).toContain('a');
    await make('secrets', 's', { data: {} });
    const keyed = {
      ...podWith([{ name: 'v', secret: { secretName: 's', items: [{ key: 'k', path: 'p' }] } }]),
      metadata: { name: 'q', namespace: 'ns', uid: 'u2' },
    };
    await expect(volumes.mount(keyed)).rejects.toThrow('references non-existent secret key: k');
  });

  it('gives a ReadWriteOncePod volume to one pod at a time, even without a scheduler', async () => {
    await mkdir(join(dir, 'disk'));
    const bind = async (name: string, accessModes: string[]): Promise<void> => {
      await client.create(refs.persistentVolumes, {
        metadata: { name: `pv-${name}` },
        spec: { accessModes, local: { path: join(dir, 'disk') } },
      });
      await client.create(
        refs.persistentVolumeClaims,
        {
          metadata: { name, namespace: 'ns' },
          spec: { accessModes, volumeName: `pv-${name}` },
          status: { phase: 'Bound' },
        },
        { namespace: 'ns' },
      );
    };
    await bind('alone', ['ReadWriteOncePod']);
    await bind('once', ['ReadWriteOnce']);
    const user = (uid: string, claimName: string): Pod => ({
      ...podWith([{ name: 'v', persistentVolumeClaim: { claimName } }]),
      metadata: { name: uid, namespace: 'ns', uid },
    });
    await volumes.mount(user('first', 'alone'));
    const refused =
      'MountVolume.SetUp failed for volume "v" : volume uses the ReadWriteOncePod access ' +
      'mode and is already in use by another pod';
    await expect(volumes.mount(user('second', 'alone'))).rejects.toThrow(refused);
    // The same pod again, and after it the next one.
    await volumes.mount(user('first', 'alone'));
    await volumes.unmount('first');
    await volumes.mount(user('second', 'alone'));
    // A pod that was found running keeps what it has.
    await volumes.mount(user('found', 'alone'), { adopted: true });
    for (const uid of ['third', 'fourth']) await volumes.mount(user(uid, 'once'));
  });

  it('lets optional objects come and go', async () => {
    const path = await pathOf(
      podWith([{ name: 'v', secret: { secretName: 's', optional: true } }]),
      'v',
    );
    expect(path.startsWith(join(dir, 'secrets'))).toBe(true);
    await make('secrets', 's', { data: { k: Buffer.from('v').toString('base64') } });
    await vi.waitFor(async () => expect(await readFile(`${path}/k`, 'utf8')).toBe('v'));
    await client.delete(refs.secrets, { namespace: 'ns', name: 's' });
    await vi.waitFor(() => expect(lstat(`${path}/k`)).rejects.toThrow('ENOENT'));
  });

  it('projects many sources into one folder, renews tokens at 4/5 of their life', async () => {
    await make('configMaps', 'ca', { data: { 'ca.crt': 'CA' } });
    const sources = [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { configMap: { name: 'ca' } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
        },
      },
    ] as never;
    const path = await pathOf(
      podWith([{ name: 'v', projected: { sources } }], { securityContext: { fsGroup: 123 } }),
      'v',
    );
    expect(await readFile(`${path}/token`, 'utf8')).toBe('token-1');
    expect(await readFile(`${path}/namespace`, 'utf8')).toBe('ns');
    const token = await stat(`${path}/token`);
    expect([token.mode & 0o777, token.gid]).toEqual([0o640, 123]);
    await clock.advance(2879_000);
    expect(await readFile(`${path}/token`, 'utf8')).toBe('token-1');
    await clock.advance(2_000);
    await vi.waitFor(async () => expect(await readFile(`${path}/token`, 'utf8')).toBe('token-2'));
  });

  it('shows labels and annotations, and their changes', async () => {
    const items = [
      { path: 'labels', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } },
      {
        path: 'cpu',
        resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' },
      },
    ];
    const pod = podWith([{ name: 'v', downwardAPI: { items } }]);
    const path = await pathOf(pod, 'v');
    expect(await readFile(`${path}/labels`, 'utf8')).toBe('app="x"');
    expect(await readFile(`${path}/cpu`, 'utf8')).toBe('2000');
    volumes.update({ ...pod, metadata: { ...pod.metadata, labels: { app: 'x', b: 'y' } } });
    await vi.waitFor(async () =>
      expect(await readFile(`${path}/labels`, 'utf8')).toBe('app="x"\nb="y"'),
    );
  });

  it('gives an emptyDir to everybody and to the group', async () => {
    const path = await pathOf(podWith([{ name: 'v', emptyDir: {} }]), 'v');
    expect((await stat(path)).mode & 0o7777).toBe(0o777);
    const other = {
      ...podWith([{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }], {
        securityContext: { fsGroup: 7 },
      }),
      metadata: { name: 'q', namespace: 'ns', uid: 'u2' },
    };
    const memory = await pathOf(other, 'm');
    expect(await doors.mounts.below('test', memory)).toEqual([memory]);
    const shown = await stat(memory);
    expect([shown.mode & 0o7777, shown.gid]).toEqual([0o3777, 7]);
    await volumes.unmount('u2');
    await expect(lstat(memory)).rejects.toThrow('ENOENT');
    expect(await doors.mounts.below('test', memory)).toEqual([]);
  });

  it('gives a tree to the group without following what a pod put in it', async () => {
    await mkdir(join(dir, 'claim/sub'), { recursive: true });
    await mkdir(join(dir, 'host'), { mode: 0o700 });
    await writeFile(join(dir, 'host/shadow'), '', { mode: 0o600 });
    await symlink(join(dir, 'host'), join(dir, 'claim/sub/folder'));
    await symlink(join(dir, 'host/shadow'), join(dir, 'claim/file'));
    await giveToGroup(join(dir, 'claim'), 4321, { ...doors, readOnly: false });
    for (const path of ['host', 'host/shadow'])
      expect([
        (await stat(join(dir, path))).gid,
        (await stat(join(dir, path))).mode & 0o077,
      ]).toEqual([0, 0]);
    expect([
      (await lstat(join(dir, 'claim/file'))).gid,
      (await stat(join(dir, 'claim/sub'))).gid,
    ]).toEqual([4321, 4321]);
  });

  it('keeps the memory of secrets from everybody but root', async () => {
    await pathOf(podWith([{ name: 'v', secret: { secretName: 's', optional: true } }]), 'v');
    expect((await stat(join(dir, 'secrets'))).mode & 0o7777).toBe(0o700);
  });

  it.each([
    ['a link out of the volume', (path: string) => symlink('/etc/hostname', path), 'outside'],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path]), 'not a regular file'],
    [
      'a file without an end',
      async (path: string) => (await writeFile(path, ''), truncate(path, 2 ** 40)),
      'larger than',
    ],
  ])('reads no variables from %s', async (_what, make, message) => {
    const path = await pathOf(podWith([{ name: 'v', emptyDir: {} }]), 'v');
    await make(join(path, 'env'));
    await expect(volumes.readFile('u1', 'v', 'env')).rejects.toThrow(message);
  });

  it('checks what a hostPath is', async () => {
    const at = (path: string, type: string): Promise<unknown> =>
      volumes.mount(podWith([{ name: `v${type}${path.length}`, hostPath: { path, type } }]));
    await writeFile(join(dir, 'file'), '');
    await expect(at(join(dir, 'file'), 'Directory')).rejects.toThrow(
      'hostPath type check failed: ' + join(dir, 'file') + ' is not a directory',
    );
    await expect(at(join(dir, 'no'), 'File')).rejects.toThrow('is not a file');
    await at(join(dir, 'made'), 'DirectoryOrCreate');
    await at(join(dir, 'madef'), 'FileOrCreate');
    expect((await stat(join(dir, 'made'))).isDirectory()).toBe(true);
  });
});

describe('containerMounts', () => {
  const input = async (pod: Pod, container: Partial<Container>) => ({
    pod,
    container: { name: 'c', resources: {}, ...container } as Container,
    volumes: await volumes.mount(pod),
    environment: new Map([['POD', 'p']]),
    podDir: volumes.podDir('u1'),
    podIPs: ['10.42.0.9'],
    hostname: 'p',
    domain: '',
    recursiveReadOnly: false,
  });
  const all = { ...doors, random: realRandom, log: silentLog };

  it('pins a subPath, writes /etc/hosts and the file of last words', async () => {
    const pod = podWith([{ name: 'v', emptyDir: {} }], {
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
    });
    const made = await containerMounts(
      await input(pod, {
        volumeMounts: [{ name: 'v', mountPath: '/x', subPathExpr: 'sub/$(POD)' }],
        terminationMessagePath: '/dev/termination-log',
      }),
      all,
    );
    expect(made.map((m) => m.containerPath)).toEqual(['/x', '/etc/hosts', '/dev/termination-log']);
    await writeFile(`${volumes.podDir('u1')}/volumes/kubernetes.io~empty-dir/v/sub/p/f`, 'hello');
    expect(await readFile(`${made[0]?.hostPath}/f`, 'utf8')).toBe('hello');
    expect(await readFile(made[1]?.hostPath ?? '', 'utf8')).toContain(
      '10.42.0.9\tp\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n',
    );
    expect((await stat(made[2]?.hostPath ?? '')).mode & 0o777).toBe(0o666);
    await volumes.unmount('u1');
    await expect(lstat(volumes.podDir('u1'))).rejects.toThrow('ENOENT');
  });

  /**
   * Another pod may write to the claim that this one mounts read-only: what was checked must be
   * what the runtime mounts.
   */
  it.each([
    ['a folder', 'd', { readOnly: true }],
    ['a file', 'd/f', { readOnly: true }],
    ['a folder that must be made', 'd/new/er', { readOnly: true }],
    ['a folder of a volume that is written', 'd', { readOnly: false }],
    ['a link to a folder inside', 'inner', { readOnly: true }],
  ])('pins %s before its name becomes a link to the host', async (_what, subPath, { readOnly }) => {
    const pod = podWith([{ name: 'v', emptyDir: {} }]);
    const given = await input(pod, {
      volumeMounts: [{ name: 'v', mountPath: '/x', subPath, readOnly }],
    });
    const volume = given.volumes.get('v')!;
    await mkdir(join(volume.path, 'd'));
    await symlink('d', join(volume.path, 'inner'));
    await writeFile(join(volume.path, 'd/f'), 'mine');
    const [made] = await containerMounts(
      { ...given, volumes: new Map([['v', { ...volume, readOnly }]]) },
      all,
    );
    const at = made?.hostPath ?? '';
    expect(await doors.mounts.below('test', at)).toEqual([at]);
    const before = await stat(at);
    await rename(join(volume.path, 'd'), join(volume.path, 'gone'));
    await symlink('/', join(volume.path, 'd'));
    expect([(await stat(at)).ino, (await stat(at)).dev]).toEqual([before.ino, before.dev]);
    expect(await realpath(at)).toBe(at);
  });

  it('tells a tenant nothing about the host', async () => {
    const pod = podWith([{ name: 'v', emptyDir: {} }]);
    const given = await input(pod, {
      volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'evil' }],
    });
    await symlink('/etc', `${given.volumes.get('v')?.path}/evil`);
    await expect(containerMounts(given, all)).rejects.toThrow(
      'failed to prepare subPath for volumeMount "v" of container "c"',
    );
    const unknown = await input(pod, { volumeMounts: [{ name: 'nope', mountPath: '/x' }] });
    await expect(containerMounts(unknown, all)).rejects.toThrow(
      'cannot find volume "nope" to mount into container "c"',
    );
  });
});
