import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { IoError, messageOf } from '../base/errors.ts';

/** The control group file systems. A hierarchy is a version 1 controller, or '' for the one hierarchy of version 2. */
export interface CgroupFiles {
  isUnified(): Promise<boolean>;
  /** Which of these version 1 controllers have a hierarchy here. */
  mounted(controllers: string[]): Promise<string[]>;
  make(hierarchy: string, path: string): Promise<void>;
  write(hierarchy: string, path: string, file: string, value: string): Promise<void>;
  read(hierarchy: string, path: string, file: string): Promise<string | undefined>;
  children(hierarchy: string, path: string): Promise<string[]>;
  /** Removes a group and the empty groups below it. */
  remove(hierarchy: string, path: string): Promise<void>;
}

const mountPoint = '/sys/fs/cgroup';

export const realCgroupFiles: CgroupFiles = {
  isUnified: async () => (await readOrUndefined(join(mountPoint, 'cgroup.controllers'))) !== undefined,
  async mounted(controllers) {
    const found: string[] = [];
    for (const name of controllers) {
      const stat = await fs.stat(join(mountPoint, name, 'cgroup.procs')).catch(() => undefined);
      if (stat) found.push(name);
    }
    return found;
  },
  make: (hierarchy, path) =>
    guard('cgroup.make', path, async () => {
      let at = join(mountPoint, hierarchy);
      for (const part of path.split('/').filter(Boolean)) {
        const parent = at;
        at = join(at, part);
        const made = await fs.mkdir(at).then(
          () => true,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'EEXIST') return false;
            throw error;
          },
        );
        // A version 1 cpuset refuses tasks until it has cpus and memory nodes; version 2 must hand its controllers down.
        if (made && hierarchy === 'cpuset') for (const file of ['cpuset.cpus', 'cpuset.mems']) await fs.writeFile(join(at, file), await fs.readFile(join(parent, file)));
        if (hierarchy === '') await delegate(parent);
      }
    }),
  write: (hierarchy, path, file, value) => guard('cgroup.write', `${path}/${file}`, () => fs.writeFile(join(mountPoint, hierarchy, path, file), value)),
  read: (hierarchy, path, file) => readOrUndefined(join(mountPoint, hierarchy, path, file)),
  async children(hierarchy, path) {
    const entries = await fs.readdir(join(mountPoint, hierarchy, path), { withFileTypes: true }).catch(() => []);
    return entries.filter((e) => e.isDirectory()).map((e) => e.name);
  },
  remove: (hierarchy, path) => guard('cgroup.remove', path, () => removeTree(join(mountPoint, hierarchy, path))),
};

async function delegate(parent: string): Promise<void> {
  const available = ((await readOrUndefined(join(parent, 'cgroup.controllers'))) ?? '').trim().split(/\s+/).filter(Boolean);
  const on = new Set(((await readOrUndefined(join(parent, 'cgroup.subtree_control'))) ?? '').trim().split(/\s+/));
  for (const controller of available) {
    // One that cannot be handed down (threads, real time tasks) must not keep the others back.
    if (!on.has(controller)) await fs.writeFile(join(parent, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined);
  }
}

async function removeTree(path: string): Promise<void> {
  const entries = await fs.readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await fs.rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  return fs.readFile(path, 'utf8').catch(() => undefined);
}

async function guard<T>(op: string, path: string, effect: () => Promise<T>): Promise<T> {
  try {
    return await effect();
  } catch (cause) {
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, { op, code: (cause as NodeJS.ErrnoException).code ?? 'IO', cause });
  }
}
