import { killAll, mountPoints, ownRuntime, removeCgroups, unmountBelow, type Machine, type Places } from './killall.ts';
import { ledgerPath, readLedger, type Entry } from './ledger.ts';

/** Paths that are ours by name whatever the ledger says, so that a lost ledger does not leave a lost machine. */
function ownPaths(places: Places & { configDir: string }): string[] {
  return [places.runDir, places.configDir, places.dataDir];
}

/** Ends everything and undoes every change to the machine, the newest first. Returns what could not be undone. */
export async function uninstall(machine: Machine, places: Places & { configDir: string }): Promise<string[]> {
  const entries = await readLedger(machine.disk, ledgerPath(places.dataDir));
  await killAll(machine, places);
  for (const entry of entries.toReversed()) {
    const done = await undo(machine, entry, places).catch((error: unknown) => String(error));
    if (typeof done === 'string') machine.log.warn('could not undo', { kind: entry.kind, name: entry.name, error: done });
  }
  await unmountBelow(machine, [places.dataDir]);
  for (const path of ownPaths(places)) await machine.disk.remove('uninstall', path);
  return await remains(machine, entries, places);
}

/** Whatever of `entries` is still there: an empty list is a clean machine. */
export async function remains(machine: Machine, entries: Entry[], places: Places & { configDir: string }): Promise<string[]> {
  const left: string[] = [];
  for (const entry of entries) if (await present(machine, entry, places)) left.push(`${entry.kind} ${entry.name}`);
  for (const path of ownPaths(places)) if (await machine.disk.stat('verify', path)) left.push(`path ${path}`);
  for (const point of await mountPoints(machine.disk)) {
    if ([places.runDir, places.dataDir].some((dir) => point.startsWith(`${dir}/`))) left.push(`mount ${point}`);
  }
  for (const p of await ownRuntime(machine, places)) left.push(`process ${p.pid} ${p.command[0]}`);
  return left;
}

async function undo(machine: Machine, entry: Entry, places: Places): Promise<void> {
  const { spawn, disk } = machine;
  const words = entry.name.split(' ');
  switch (entry.kind) {
    case 'dir':
      // Others may have come to keep their namespaces there; what was ours in it is gone by now.
      if (entry.name === places.netnsDir) return void (await spawn.run('undo', ['rmdir', entry.name]));
      return await disk.remove('undo', entry.name);
    case 'file':
    case 'link-file':
      return await disk.remove('undo', entry.name);
    case 'nft-table':
      return void (await spawn.run('undo', ['nft', 'delete', 'table', ...words]));
    case 'link':
      return void (await spawn.run('undo', ['ip', 'link', 'delete', entry.name]));
    case 'address':
      return void (await spawn.run('undo', ['ip', 'address', 'delete', words[1] ?? '', 'dev', words[0] ?? '']));
    case 'route':
      return void (await spawn.run('undo', ['ip', 'route', 'delete', ...words]));
    case 'sysctl': {
      const [name = '', before = ''] = entry.name.split('=');
      return await disk.append('undo', `/proc/sys/${name}`, before);
    }
    case 'mount':
      return await unmountBelow(machine, [entry.name]);
    case 'cgroup':
      return await removeCgroups(machine, entry.name.replace(/^\/+/, ''));
    case 'unit':
      await spawn.run('undo', ['systemctl', 'disable', '--now', entry.name]).catch(() => undefined);
      return void (await spawn.run('undo', ['systemctl', 'daemon-reload']).catch(() => undefined));
    case 'package':
      return;
  }
}

async function present(machine: Machine, entry: Entry, places: Places): Promise<boolean> {
  const { spawn, disk } = machine;
  const succeeds = async (command: string[]): Promise<boolean> => (await spawn.run('verify', command).catch(() => ({ code: 1 }))).code === 0;
  switch (entry.kind) {
    case 'dir':
      if (entry.name === places.netnsDir && (await disk.list('verify', entry.name)).length > 0) return false;
      return (await disk.stat('verify', entry.name)) !== undefined;
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
      return (await spawn.run('verify', ['ip', 'route', 'show', ...entry.name.split(' ')])).stdout.toString().trim() !== '';
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
