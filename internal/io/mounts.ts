import { IoError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import { mountLines } from './mount-table.ts';
import { runOk, type Spawn } from './spawn.ts';

/** The mount table, by way of mount(8) and umount(8): Node has no such system calls. */
export interface Mounts {
  /** Mounts a new file system of a kind (`tmpfs`, `hugetlbfs`) on an existing folder. */
  create(op: string, kind: string, path: string, options: string[]): Promise<void>;
  /** Shows `from`, which may be a /proc path of a held place, at `to` as well. */
  bind(op: string, from: string, to: string): Promise<void>;
  /** Unmounts; what is busy is detached now and freed when its last user ends. */
  unmount(op: string, path: string): Promise<void>;
  /** Every mount point at or below `path`, deepest first. */
  below(op: string, path: string): Promise<string[]>;
}

export function makeMounts(spawn: Spawn, disk: Disk): Mounts {
  return {
    create: async (op, kind, path, options) => {
      await runOk(spawn, op, ['mount', '-t', kind, '-o', options.join(','), kind, path]);
    },
    bind: async (op, from, to) => {
      await runOk(spawn, op, ['mount', '--no-canonicalize', '--bind', from, to]);
    },
    unmount: async (op, path) => {
      const plain = await spawn.run(op, ['umount', '--no-canonicalize', path]);
      if (plain.code === 0) return;
      const lazy = await spawn.run(op, ['umount', '--no-canonicalize', '--lazy', path]);
      if (lazy.code !== 0)
        throw new IoError(`${op}: umount ${path}: ${lazy.stderr.trim()}`, { op, code: 'UMOUNT' });
    },
    below: async (op, path) => {
      const table = (await disk.read(op, '/proc/self/mountinfo')).toString();
      const points = mountLines(table).map(({ point }) => point);
      return points.filter((point) => point === path || point.startsWith(`${path}/`)).reverse();
    },
  };
}
