import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk, type Disk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { FakeProcesses } from '../io/processes.fake.ts';
import { Ledger, ledgerPath, readLedger } from './ledger.ts';
import { mountedOnItself, mountPoints } from './killall.ts';
import { remains, uninstall } from './uninstall.ts';
import { FakeSpawn, type Pretended } from '../io/spawn.fake.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ledger-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a change is on disk before its note resolves, once', async () => {
  const path = ledgerPath(join(dir, 'data'));
  const ledger = await Ledger.open(realDisk, path);
  await ledger.record('link', 'flannel.1');
  expect(await readLedger(realDisk, path)).toEqual([{ kind: 'link', name: 'flannel.1' }]);
  await Promise.all([
    ledger.record('link', 'flannel.1'),
    ledger.record('sysctl', 'net/ipv4/ip_forward=0'),
    ledger.record('sysctl', 'net/ipv4/ip_forward=1'),
  ]);
  const again = await Ledger.open(realDisk, path);
  await again.record('link', 'flannel.1');
  expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2);
});

test('a torn line is passed over', async () => {
  const path = join(dir, 'ledger');
  await writeFile(path, '{"kind":"file","name":"/a"}\n');
  await appendFile(path, '{"kind":"fi');
  expect(await readLedger(realDisk, path)).toEqual([{ kind: 'file', name: '/a' }]);
});

test('uninstall replays backwards, and verify finds what is left', async () => {
  const places = {
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    configDir: join(dir, 'etc'),
    netnsDir: join(dir, 'netns'),
  };
  for (const path of Object.values(places)) await mkdir(path);
  const file = join(dir, 'unit');
  await writeFile(file, '');
  const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
  await ledger.record('file', file);
  await ledger.record('nft-table', 'ip skiff');
  await ledger.record('address', 'lo 192.0.2.10/32');
  let tableThere = true;
  const nft = new FakeSpawn((command) => {
    if (command.join(' ') === 'nft delete table ip skiff') tableThere = false;
    return { code: command[1] === 'list' && !tableThere ? 1 : 0 };
  });
  const machine = {
    disk: realDisk,
    spawn: nft,
    processes: noProcesses,
    clock: realClock,
    log: silentLog,
  };

  expect(await remains(machine, places)).toEqual(
    expect.arrayContaining([`file ${file}`, 'nft-table ip skiff', `path ${places.dataDir}`]),
  );
  nft.ran.length = 0;
  expect(await uninstall(machine, places)).toEqual({ left: [], kept: [] });
  const undone = nft.ran.filter((c) => c.startsWith('ip ') || c.startsWith('nft delete'));
  expect(undone.slice(0, 2)).toEqual([
    'ip address delete 192.0.2.10/32 dev lo',
    'nft delete table ip skiff',
  ]);
});

const noProcesses = new FakeProcesses();

/** All tables are gone, and everything else succeeds. */
const quiet = (command: string[]): Pretended => ({ code: command[1] === 'list' ? 1 : 0 });

test('what is left is told by programs that go with the folder', async () => {
  const places = {
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    configDir: join(dir, 'etc'),
    netnsDir: join(dir, 'netns'),
  };
  const bundled = join(places.dataDir, 'airgap/bin');
  await mkdir(bundled, { recursive: true });
  const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
  await ledger.record('address', 'lo 192.0.2.10/32');
  await ledger.record('link', 'held');
  await ledger.record('link', 'gone');
  const spawn = new FakeSpawn(async (command) => {
    await readdir(bundled);
    return command.join(' ') === 'ip link show gone' ? { code: 1 } : quiet(command);
  });
  const machine = { disk: realDisk, spawn, processes: noProcesses, clock: realClock };
  expect(await uninstall({ ...machine, log: silentLog }, places)).toEqual({
    left: ['link held'],
    kept: [],
  });
});

/** A disk on which these paths are mount points. */
const withMounts = (points: string[]): Disk => ({
  ...realDisk,
  read: async (op, path) =>
    path === '/proc/self/mountinfo'
      ? Buffer.from(points.map((point, i) => `${i} 1 0:1 / ${point} rw - tmpfs t rw`).join('\n'))
      : realDisk.read(op, path),
});

test(
  'a disk that the operator mounted is emptied of skiff, never unmounted, and what he mounted ' +
    'inside stays whole',
  async () => {
    const places = {
      dataDir: join(dir, 'data'),
      runDir: join(dir, 'run'),
      configDir: join(dir, 'etc'),
      netnsDir: join(dir, 'netns'),
    };
    for (const path of [
      ...Object.values(places),
      join(places.dataDir, 'storage/photos'),
      join(places.dataDir, 'agent/pods/p/volume'),
      join(places.dataDir, 'server'),
    ])
      await mkdir(path, { recursive: true });
    await writeFile(join(places.dataDir, 'storage/photos/one.jpg'), 'x');
    await writeFile(join(places.dataDir, 'storage/notes'), 'x');
    const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
    await ledger.record('file', join(places.configDir, 'install.args'));
    const mounts = [
      places.dataDir,
      places.configDir,
      join(places.dataDir, 'storage/photos'),
      join(places.dataDir, 'agent/pods/p/volume'),
    ];
    const disk = withMounts(mounts);
    const spawn = new FakeSpawn((command) => {
      if (command[0] === 'umount')
        mounts.splice(0, mounts.length, ...mounts.filter((point) => point !== command[2]));
      Object.assign(disk, withMounts(mounts));
      return quiet(command);
    });
    const done = await uninstall(
      { disk, spawn, processes: noProcesses, clock: realClock, log: silentLog },
      places,
    );
    expect(spawn.ran.filter((c) => c.startsWith('umount'))).toEqual([
      `umount -l ${join(places.dataDir, 'agent/pods/p/volume')}`,
    ]);
    expect(done.left).toEqual([]);
    expect(done.kept.toSorted()).toEqual(
      [places.dataDir, join(places.dataDir, 'storage/photos'), places.configDir].toSorted(),
    );
    expect(await readFile(join(places.dataDir, 'storage/photos/one.jpg'), 'utf8')).toBe('x');
    expect(await readdir(places.dataDir)).toEqual(['storage']);
    expect(await readdir(join(places.dataDir, 'storage'))).toEqual(['photos']);
  },
);

test('a folder of skiff stays where others mounted something, and is no trace then', async () => {
  const places = {
    dataDir: join(dir, 'data'),
    runDir: join(dir, 'run'),
    configDir: join(dir, 'etc'),
    netnsDir: join(dir, 'netns'),
  };
  const [logs, cni] = [join(dir, 'log/pods'), join(dir, 'cni')];
  for (const path of [...Object.values(places), logs, join(cni, 'theirs'), join(cni, 'results')])
    await mkdir(path, { recursive: true });
  await writeFile(join(logs, 'a log of a pod'), 'x');
  await writeFile(join(cni, 'theirs/kept'), 'x');
  const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
  for (const path of [logs, cni, places.netnsDir]) await ledger.record('dir', path);
  let points = [logs, join(cni, 'theirs')];
  const disk: Disk = { ...realDisk, read: (op, path) => withMounts(points).read(op, path) };
  const machine = {
    disk,
    spawn: new FakeSpawn(quiet),
    processes: noProcesses,
    clock: realClock,
    log: silentLog,
  };
  points = [...points, places.netnsDir];
  const done = await uninstall(machine, places);
  expect(done).toEqual({ left: [], kept: [places.netnsDir, join(cni, 'theirs'), logs] });
  expect(await readdir(logs)).toEqual([]);
  expect(await readdir(cni)).toEqual(['theirs']);
  expect(await readdir(join(cni, 'theirs'))).toEqual(['kept']);
});

test.each([
  ['the root itself', ['0:1 / /', '0:2 / /run', '0:2 /netns /run/netns'], true],
  ['a root that is a folder of a disk', ['8:1 /root /', '8:1 /root/run/netns /run/netns'], true],
  ['another folder of the same disk', ['8:1 / /', '8:1 /other /run/netns'], false],
  ['another file system', ['0:1 / /', '0:2 / /run', '0:3 / /run/netns'], false],
  ['no mount', ['0:1 / /', '0:2 / /run'], false],
])('whether a folder is mounted on itself: %s', async (_what, lines, expected) => {
  const text = lines.map((line, i) => `${i} 1 ${line} rw - t t rw`).join('\n');
  const disk: Disk = { ...realDisk, read: () => Promise.resolve(Buffer.from(text)) };
  expect(await mountedOnItself(disk, '/run/netns')).toBe(expected);
});

test('a mount that a later one hides is none', async () => {
  expect(
    await mountPoints(
      withMounts([
        '/',
        '/var/lib/skiff',
        '/etc/skiff',
        '/var/lib',
        '/var/lib/skiff/agent/secrets',
        '/etc/skiff',
      ]),
    ),
  ).toEqual(['/', '/etc/skiff', '/var/lib', '/var/lib/skiff/agent/secrets', '/etc/skiff']);
});

test('a second server with its own data leaves the configuration of the first alone', async () => {
  const places = {
    dataDir: join(dir, 'second'),
    runDir: join(dir, 'run2'),
    configDir: join(dir, 'etc'),
    netnsDir: join(dir, 'netns'),
  };
  for (const path of [...Object.values(places), join(places.dataDir, 'server/tls')])
    await mkdir(path, { recursive: true });
  const kubeconfigOf = (ca: string): string =>
    'clusters:\n- cluster:\n    certificate-authority-data: ' +
    `${Buffer.from(ca).toString('base64')}\n`;
  await writeFile(join(places.dataDir, 'server/tls/server-ca.crt'), 'CA of the second');
  for (const [name, text] of [
    ['config.yaml', 'x'],
    ['skiff.yaml', kubeconfigOf('CA of the first')],
    ['second.yaml', kubeconfigOf('CA of the second')],
  ] as const)
    await writeFile(join(places.configDir, name), text);
  const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
  // It once wrote the common kubeconfig, which the first has written since.
  for (const name of ['skiff.yaml', 'second.yaml'])
    await ledger.record('file', join(places.configDir, name));
  const done = await uninstall(
    {
      disk: withMounts([]),
      spawn: new FakeSpawn(quiet),
      processes: noProcesses,
      clock: realClock,
      log: silentLog,
    },
    places,
  );
  expect(done).toEqual({ left: [], kept: [] });
  expect((await readdir(places.configDir)).toSorted()).toEqual(['config.yaml', 'skiff.yaml']);
  expect((await readdir(dir)).toSorted()).toEqual(['etc', 'netns']);
});
