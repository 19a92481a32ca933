import { join, relative } from 'node:path';
import { endOrphans } from '../etcd/managed.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import { mountLines, type MountLine } from '../io/mount-table.ts';
import type { ProcessInfo, Processes } from '../io/processes.ts';
import type { Spawn } from '../io/spawn.ts';
import { endAllHaproxies } from '../network/ingress/haproxy.ts';
import { ingressDir } from './node-ingress.ts';
import { ownSandboxes, type Places } from './sandboxes.ts';

export interface Machine {
  disk: Disk;
  spawn: Spawn;
  processes: Processes;
  clock: Clock;
  log: Log;
}

const endedWithinMs = 20_000;
const looksEveryMs = 20;

export interface Ended {
  /** Processes of the server: itself, and the script that keeps it running. */
  server: number;
  /** Pods whose containers ended. */
  pods: number;
}

/**
 * Ends the server, its etcd, our HAProxy, our containerd and its containers, and takes down what
 * they mounted. Data stays.
 */
export async function killAll(machine: Machine, places: Places): Promise<Ended> {
  const server = await stopServer(machine, places);
  await endOrphans({ ...machine, dir: `${places.dataDir}/server/db/etcd` });
  await endAllHaproxies({ ...machine, dir: ingressDir(places.runDir) });
  const sandboxes = await ownSandboxes(machine.disk, places);
  const pods = await killContainers(machine, places);
  await removeRuntimeState(machine, places);
  const netns = [...sandboxes.netns].map((name) => `${places.netnsDir}/${name}`);
  await unmountOwn(machine, places, netns);
  for (const path of [...netns, ...sandboxes.notes]) await machine.disk.remove('sandboxes', path);
  await removeCgroups(machine, 'kubepods');
  return { server, pods };
}

/**
 * SIGTERM to the process of the pid file; SIGKILL when it takes too long. Returns how many ended.
 */
async function stopServer(machine: Machine, places: Places): Promise<number> {
  const { processes, disk } = machine;
  let ended = 0;
  for (const file of [`${places.runDir}/supervise.pid`, `${places.runDir}/skiff.pid`]) {
    const pid = Number((await disk.readIfThere('pid file', file))?.toString().trim());
    if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) continue;
    const ours = (await processes.list('server')).find((p) => p.pid === pid);
    // A pid file may have outlived its process and name a stranger.
    if (!ours?.command.some((word) => word.includes('skiff'))) continue;
    processes.kill('stop server', pid, 'SIGTERM');
    await untilGone(machine, [pid]);
    ended++;
  }
  return ended;
}

/**
 * Our containerd and its shims: by their arguments, and in our view of the files, because a node in
 * a container has the same paths.
 */
export async function ownRuntime(machine: Machine, places: Places): Promise<ProcessInfo[]> {
  const { processes } = machine;
  const args = [
    `${places.dataDir}/agent/etc/containerd/config.toml`,
    `${places.runDir}/containerd/containerd.sock`,
  ];
  const view = await processes.mountNamespace(process.pid);
  const found: ProcessInfo[] = [];
  for (const p of await processes.list('runtime')) {
    if (
      !/containerd(-shim[\w-]*)?$/.test(p.command[0] ?? '') ||
      !p.command.some((word) => args.includes(word))
    )
      continue;
    if ((await processes.mountNamespace(p.pid)) === view) found.push(p);
  }
  return found;
}

/** Returns how many pods there were: each has a shim. */
async function killContainers(machine: Machine, places: Places): Promise<number> {
  const { processes } = machine;
  const ours = await ownRuntime(machine, places);
  const all = await processes.list('containers');
  const doomed = new Set<number>();
  const take = (pid: number): void => {
    if (doomed.has(pid)) return;
    doomed.add(pid);
    for (const p of all) if (p.parent === pid) take(p.pid);
  };
  for (const p of ours) take(p.pid);
  doomed.delete(process.pid);
  for (const pid of doomed) processes.kill('kill container', pid, 'SIGKILL');
  await untilGone(machine, [...doomed]);
  return ours.filter((p) => /containerd-shim/.test(p.command[0] ?? '')).length;
}

/**
 * runc and the shims keep notes in /run/containerd whatever containerd is told; other containerds
 * keep theirs there too.
 */
async function removeRuntimeState(machine: Machine, places: Places): Promise<void> {
  const { disk, spawn } = machine;
  const bundles = `${places.runDir}/containerd/io.containerd.runtime.v2.task/k8s.io`;
  for (const id of await disk.list('runtime state', bundles)) {
    const address = (await disk.readIfThere('runtime state', `${bundles}/${id}/address`))
      ?.toString()
      .trim()
      .replace(/^unix:\/\//, '');
    if (address?.startsWith('/run/containerd/s/')) await disk.remove('runtime state', address);
    await disk.remove('runtime state', `/run/containerd/runc/k8s.io/${id}`);
  }
  // rmdir removes only empty folders: somebody else may have files in there.
  for (const dir of ['runc/k8s.io', 'runc', 's', 'fifo', ''])
    await spawn.run('runtime state', ['rmdir', `/run/containerd/${dir}`]).catch(() => undefined);
}

async function untilGone(machine: Machine, pids: number[]): Promise<void> {
  const { clock, processes } = machine;
  const end = clock.monotonicMs() + endedWithinMs;
  // A process that is only waiting for its parent to take notice is as good as gone, so the wait
  // has an end.
  while (pids.some((pid) => processes.alive(pid)) && clock.monotonicMs() < end)
    await clock.sleep('process end', looksEveryMs);
  for (const pid of pids) if (processes.alive(pid)) processes.kill('kill', pid, 'SIGKILL');
}

/**
 * Unmounts what skiff and its containers mounted, the deepest first: what is below the run
 * directory and the agent's part of the data directory, and what is named. A disk that the operator
 * mounted for all of the data, or for images, is not ours.
 */
export async function unmountOwn(
  machine: Machine,
  places: Places,
  named: string[] = [],
): Promise<void> {
  const agent = `${places.dataDir}/agent`;
  const own = (point: string): boolean =>
    named.includes(point) ||
    point.startsWith(`${places.runDir}/`) ||
    (point.startsWith(`${agent}/`) && point !== `${agent}/containerd`);
  for (const point of (await mountPoints(machine.disk)).filter(own).toReversed())
    await machine.spawn.run('unmount', ['umount', '-l', point]);
}

async function mounts(disk: Disk): Promise<MountLine[]> {
  return mountLines((await disk.read('mounts', '/proc/self/mountinfo')).toString());
}

/**
 * Mount points that can be reached, in the order of their mounting: what was later mounted over a
 * folder hides those below it.
 */
export async function mountPoints(disk: Disk): Promise<string[]> {
  const all = (await mounts(disk)).map(({ point }) => point);
  return all.filter(
    (point, i) =>
      !all
        .slice(i + 1)
        .some((later) => later !== point && point.startsWith(later === '/' ? '/' : `${later}/`)),
  );
}

/** Whether a folder is bound over itself: the mount shows what would be there without it. */
export async function mountedOnItself(disk: Disk, path: string): Promise<boolean> {
  const all = await mounts(disk);
  const own = all.findLast(({ point }) => point === path);
  const around = all
    .filter(({ point }) => path !== point && path.startsWith(point === '/' ? '/' : `${point}/`))
    .reduce<MountLine | undefined>(
      (deepest, one) => (deepest && deepest.point.length > one.point.length ? deepest : one),
      undefined,
    );
  if (!own || !around || own.device !== around.device) return false;
  return join(own.root, '/') === join(around.root, relative(around.point, path), '/');
}

/** Removes `name` and all below it in every cgroup hierarchy. */
export async function removeCgroups(machine: Machine, name: string): Promise<void> {
  const roots = [
    '/sys/fs/cgroup',
    ...(await machine.disk.list('cgroups', '/sys/fs/cgroup')).map((h) => `/sys/fs/cgroup/${h}`),
  ];
  for (const root of roots) {
    if (!(await machine.disk.stat('cgroup', `${root}/${name}`))) continue;
    // rmdir from the leaves: the files of a cgroup cannot be removed, only the folder.
    await machine.spawn.run('cgroup', [
      'find',
      `${root}/${name}`,
      '-depth',
      '-type',
      'd',
      '-exec',
      'rmdir',
      '{}',
      ';',
    ]);
  }
}
