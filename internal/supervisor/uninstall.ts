import {
  killAll,
  mountedOnItself,
  mountPoints,
  ownRuntime,
  removeCgroups,
  unmountOwn,
  type Machine,
} from './killall.ts';
import type { Places } from './sandboxes.ts';
import { removeTree } from './remove-tree.ts';
import { ledgerPath, readLedger, type Entry } from './ledger.ts';

export type Installation = Places & { configDir: string };

const defaultDataDir = '/var/lib/skiff';
/** A kubeconfig with one user is some 5 KB; executables stand in the ledger too. */
const mostOfKubeconfig = 65_536;

/**
 * The folders that go whole. The configuration folder belongs to the installation whose installer
 * wrote there: a second server with a data directory of its own shares it. Without a ledger the
 * default data directory is taken for that installation, so that a lost ledger does not leave a
 * lost machine.
 */
function ownPaths(places: Installation, entries: readonly Entry[]): string[] {
  const installed =
    entries.length === 0
      ? places.dataDir === defaultDataDir
      : entries.some((e) => e.name === `${places.configDir}/install.args`);
  return [places.runDir, ...(installed ? [places.configDir] : []), places.dataDir];
}

export interface Uninstalled {
  /** What should be gone and is not. */
  left: string[];
  /** Mount points that were there for skiff and are not skiff's: they stay. */
  kept: string[];
}

/** Ends everything and undoes every change to the machine, the newest first. */
export async function uninstall(machine: Machine, places: Installation): Promise<Uninstalled> {
  const entries = await readLedger(machine.disk, ledgerPath(places.dataDir));
  const paths = ownPaths(places, entries);
  await killAll(machine, places);
  const own = await notOverwritten(machine, entries, places);
  const kept: string[] = [];
  for (const entry of own.toReversed()) {
    try {
      if (entry.kind === 'dir') kept.push(...(await undoDir(machine, entry.name, places)));
      else await undo(machine, entry, places);
    } catch (error) {
      machine.log.warn('could not undo', {
        kind: entry.kind,
        name: entry.name,
        error: String(error),
      });
    }
  }
  await unmountOwn(machine, places);
  // Asked before the folders go: the programs that tell may have come with an air-gap bundle.
  const inKernel = await leftOf(machine, own.filter(isInKernel), places);
  for (const path of paths) kept.push(...(await removeTree(machine.disk, path)));
  if (!paths.includes(places.configDir))
    await machine.spawn
      .run('uninstall', ['rmdir', '--ignore-fail-on-non-empty', places.configDir])
      .catch(() => undefined);
  const others = own.filter((entry) => !isInKernel(entry));
  return { left: [...inKernel, ...(await remaining(machine, others, places, paths))], kept };
}

/** Whatever is still there: an empty list is a clean machine. */
export async function remains(machine: Machine, places: Installation): Promise<string[]> {
  const entries = await readLedger(machine.disk, ledgerPath(places.dataDir));
  return remaining(
    machine,
    await notOverwritten(machine, entries, places),
    places,
    ownPaths(places, entries),
  );
}

const isInKernel = ({ kind }: Entry): boolean =>
  kind === 'nft-table' || kind === 'link' || kind === 'address' || kind === 'route';

async function leftOf(
  machine: Machine,
  entries: readonly Entry[],
  places: Installation,
): Promise<string[]> {
  const left: string[] = [];
  for (const entry of entries)
    if (await present(machine, entry, places)) left.push(`${entry.kind} ${entry.name}`);
  return left;
}

async function remaining(
  machine: Machine,
  entries: readonly Entry[],
  places: Installation,
  paths: readonly string[],
): Promise<string[]> {
  const left = await leftOf(machine, entries, places);
  const mounted = await mountPoints(machine.disk);
  for (const path of paths) {
    const foreign = mounted.some((point) => point === path || point.startsWith(`${path}/`));
    if (!foreign && (await machine.disk.stat('verify', path))) left.push(`path ${path}`);
    else if (mounted.includes(path))
      for (const name of await machine.disk.list('verify', path))
        if (!mounted.some((point) => `${point}/`.startsWith(`${path}/${name}/`)))
          left.push(`path ${path}/${name}`);
  }
  for (const p of await ownRuntime(machine, places)) left.push(`process ${p.pid} ${p.command[0]}`);
  return left;
}

/**
 * A kubeconfig of two servers names the cluster that wrote it last: it is no longer what the
 * other's ledger meant.
 */
async function notOverwritten(
  machine: Machine,
  entries: readonly Entry[],
  places: Installation,
): Promise<Entry[]> {
  const ca = await machine.disk.readIfThere(
    'uninstall',
    `${places.dataDir}/server/tls/server-ca.crt`,
  );
  const own: Entry[] = [];
  for (const entry of entries) {
    const stat =
      entry.kind === 'file' && ca ? await machine.disk.stat('uninstall', entry.name) : undefined;
    const text =
      stat?.kind === 'file' && stat.size < mostOfKubeconfig
        ? (await machine.disk.read('uninstall', entry.name)).toString()
        : undefined;
    const named = text && /^ *certificate-authority-data: (\S+)$/m.exec(text)?.[1];
    if (
      !named ||
      Buffer.from(named, 'base64')
        .toString()
        .includes(ca?.toString().trim() ?? '')
    )
      own.push(entry);
  }
  return own;
}

/** Gives the mount points that stay. */
async function undoDir(machine: Machine, path: string, places: Places): Promise<string[]> {
  const { spawn, disk } = machine;
  if (path !== places.netnsDir) return await removeTree(disk, path);
  // Others may have come to keep their namespaces there; what was ours in it is gone by now.
  if ((await disk.list('undo', path)).length > 0) return [];
  // "ip netns add" mounts the folder on itself, and leaves that when its last namespace goes.
  if (await mountedOnItself(disk, path)) await spawn.run('undo', ['umount', path]);
  if ((await mountPoints(disk)).includes(path)) return [path];
  await spawn.run('undo', ['rmdir', path]);
  return [];
}

async function undo(machine: Machine, entry: Entry, places: Places): Promise<void> {
  const { spawn, disk } = machine;
  const words = entry.name.split(' ');
  switch (entry.kind) {
    case 'dir':
      return void (await undoDir(machine, entry.name, places));
    case 'file':
    case 'link-file':
      return await disk.remove('undo', entry.name);
    case 'nft-table':
      return void (await spawn.run('undo', ['nft', 'delete', 'table', ...words]));
    case 'link':
      return void (await spawn.run('undo', ['ip', 'link', 'delete', entry.name]));
    case 'address':
      return void (await spawn.run('undo', [
        'ip',
        'address',
        'delete',
        words[1] ?? '',
        'dev',
        words[0] ?? '',
      ]));
    case 'route':
      return void (await spawn.run('undo', ['ip', 'route', 'delete', ...words]));
    case 'sysctl': {
      const [name = '', before = ''] = entry.name.split('=');
      return await disk.append('undo', `/proc/sys/${name}`, before);
    }
    case 'mount':
      return await unmountOwn(machine, places, [entry.name]);
    case 'cgroup':
      return await removeCgroups(machine, entry.name.replace(/^\/+/, ''));
    case 'unit':
      await spawn.run('undo', ['systemctl', 'disable', '--now', entry.name]).catch(() => undefined);
      return void (await spawn.run('undo', ['systemctl', 'daemon-reload']).catch(() => undefined));
    case 'package':
      return;
  }
}

/** What others have in our folder, or mounted there, keeps it; that is no trace of skiff. */
async function ownDirLeft({ disk }: Machine, path: string, places: Places): Promise<boolean> {
  if (!(await disk.stat('verify', path))) return false;
  if (path === places.netnsDir && (await disk.list('verify', path)).length > 0) return false;
  const mounted = (await mountPoints(disk)).filter((p) => p === path || p.startsWith(`${path}/`));
  if (mounted.length === 0) return true;
  if (path === places.netnsDir) return await mountedOnItself(disk, path);
  return (await disk.list('verify', path)).some(
    (name) => !mounted.some((point) => `${point}/`.startsWith(`${path}/${name}/`)),
  );
}

async function present(machine: Machine, entry: Entry, places: Places): Promise<boolean> {
  const { spawn, disk } = machine;
  const succeeds = async (command: string[]): Promise<boolean> =>
    (await spawn.run('verify', command).catch(() => ({ code: 1 }))).code === 0;
  switch (entry.kind) {
    case 'dir':
      return await ownDirLeft(machine, entry.name, places);
    case 'file':
    case 'link-file':
      return (await disk.stat('verify', entry.name)) !== undefined;
    case 'nft-table':
      return await succeeds(['nft', 'list', 'table', ...entry.name.split(' ')]);
    case 'link':
      return await succeeds(['ip', 'link', 'show', entry.name]);
    case 'address': {
      const [device = '', address = ''] = entry.name.split(' ');
      const shown = await spawn.run('verify', ['ip', '-o', 'address', 'show', 'dev', device]);
      return shown.stdout.toString().includes(`${address} `);
    }
    case 'route':
      return (
        (await spawn.run('verify', ['ip', 'route', 'show', ...entry.name.split(' ')])).stdout
          .toString()
          .trim() !== ''
      );
    case 'sysctl': {
      const [name = '', before = ''] = entry.name.split('=');
      const now = await disk.readIfThere('verify', `/proc/sys/${name}`);
      return now !== undefined && now.toString().trim() !== before;
    }
    case 'mount':
      return (await mountPoints(disk)).includes(entry.name);
    case 'cgroup':
      return (await disk.stat('verify', `/sys/fs/cgroup/${entry.name}`)) !== undefined;
    case 'unit':
    case 'package':
      return false;
  }
}
