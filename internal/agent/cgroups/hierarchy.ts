import { dirname } from 'node:path';
import { IoError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Tree } from '../../io/tree.ts';

/** Where this process may make cgroups: one folder for v2, one for each controller set for v1. */
export interface Hierarchy {
  version: 1 | 2;
  /** Folders that show the root of our cgroup namespace, with the controllers each has. */
  roots: { path: string; controllers: string[] }[];
}

const op = 'cgroups';
/** Accounting and limits that pods need; others are left to the system. */
const wanted = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'io',
]);

/** Reads what is mounted. Mixed machines (v2 mounted beside v1 with no controllers) count as v1. */
export async function findHierarchy(disk: Disk): Promise<Hierarchy> {
  const table = (await disk.read(op, '/proc/self/mountinfo')).toString().split('\n');
  const v1 = new Map<string, string[]>();
  let v2: string | undefined;
  for (const line of table) {
    const [before = '', after = ''] = line.split(' - ');
    const path = before.split(' ')[4] ?? '';
    const [kind, , options = ''] = after.split(' ');
    if (kind === 'cgroup2') v2 ??= path;
    if (kind !== 'cgroup') continue;
    const names = options.split(',');
    const controllers = names.filter((name) => wanted.has(name));
    const systemd = names.includes('name=systemd');
    if (
      (controllers.length > 0 || systemd) &&
      ![...v1.values()].some((c) => c.join() === (systemd ? 'name=systemd' : controllers.join()))
    ) {
      v1.set(path, systemd ? ['name=systemd'] : controllers);
    }
  }
  const main = [...v1.values()].flat().includes('memory') || v2 === undefined;
  if (main)
    return { version: 1, roots: [...v1].map(([path, controllers]) => ({ path, controllers })) };
  const controllers = ((await disk.readIfThere(op, `${v2}/cgroup.controllers`)) ?? '')
    .toString()
    .trim()
    .split(/\s+/)
    .filter((name) => wanted.has(name));
  return { version: 2, roots: [{ path: v2 ?? '', controllers }] };
}

/**
 * Makes `group` (`/kubepods/burstable`) in every hierarchy; on v2 its parents hand their
 * controllers down.
 */
export async function makeGroup(
  group: string,
  hierarchy: Hierarchy,
  doors: { disk: Disk; tree: Tree },
): Promise<void> {
  await Promise.all(
    hierarchy.roots.map(async (root) => {
      if (hierarchy.version === 2 || !(await makeLast(root, group, doors)))
        await makeAll(root, group, hierarchy.version, doors);
    }),
  );
}

type Root = Hierarchy['roots'][number];

/** The groups above nearly always stand. False when one does not, and nothing was made. */
async function makeLast(
  root: Root,
  group: string,
  doors: { disk: Disk; tree: Tree },
): Promise<boolean> {
  const at = root.path + group;
  try {
    const made = await doors.tree.makeDir(op, at, 0o755);
    if (made && root.controllers.includes('cpuset')) await inheritCpus(dirname(at), at, doors);
    return true;
  } catch (error) {
    if (error instanceof IoError && error.code === 'ENOENT') return false;
    throw error;
  }
}

async function makeAll(
  root: Root,
  group: string,
  version: 1 | 2,
  doors: { disk: Disk; tree: Tree },
): Promise<void> {
  let at = root.path;
  for (const part of group.split('/').filter(Boolean)) {
    if (version === 2) await handDown(at, root.controllers, doors);
    const parent = at;
    at += `/${part}`;
    const made = await doors.tree.makeDir(op, at, 0o755);
    if (made && version === 1 && root.controllers.includes('cpuset'))
      await inheritCpus(parent, at, doors);
  }
}

async function handDown(
  path: string,
  controllers: string[],
  { disk, tree }: { disk: Disk; tree: Tree },
): Promise<void> {
  const given = ((await disk.readIfThere(op, `${path}/cgroup.subtree_control`)) ?? '')
    .toString()
    .trim()
    .split(/\s+/);
  for (const controller of controllers) {
    // One by one: a controller that cannot be given must not keep the others back.
    if (!given.includes(controller))
      await tree.put(op, `${path}/cgroup.subtree_control`, `+${controller}`).catch(() => undefined);
  }
}

/** A new cpuset is empty and takes no process until it is filled. */
async function inheritCpus(
  parent: string,
  child: string,
  { disk, tree }: { disk: Disk; tree: Tree },
): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const value = ((await disk.readIfThere(op, `${parent}/${file}`)) ?? '').toString().trim();
    if (value) await tree.put(op, `${child}/${file}`, value);
  }
}

/**
 * Removes a group and what is left below it, deepest first. False while a process is still in it.
 */
export async function removeGroup(
  group: string,
  hierarchy: Hierarchy,
  doors: { disk: Disk; tree: Tree },
): Promise<boolean> {
  let gone = true;
  for (const root of hierarchy.roots) gone = (await removeTree(root.path + group, doors)) && gone;
  return gone;
}

async function removeTree(path: string, doors: { disk: Disk; tree: Tree }): Promise<boolean> {
  if (await doors.tree.removeDir(op, path)) return true;
  for (const name of await doors.disk.list(op, path)) {
    const stat = await doors.disk.stat(op, `${path}/${name}`);
    if (stat?.kind === 'dir') await removeTree(`${path}/${name}`, doors);
  }
  return doors.tree.removeDir(op, path);
}
