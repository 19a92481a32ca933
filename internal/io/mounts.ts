import { IoError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import { mountLines } from './mount-table.ts';
import { runOk, type Spawn } from './spawn.ts';

/** The mount table, by way of mount(8) and umount(8): Node has no such system calls. */
export interface Mounts {
  /** Mounts a new file system of a kind (`tmpfs`, `hugetlbfs`) on an existing folder. */
  create(op: string, kind: string, path: string, options: string[]): Promise<void>;
  /**
   * Mounts what is there (a device, a share of another machine) on an existing folder; for the
   * kind's own program (mount.nfs), too.
   */
  attach(
    op: string,
    source: { kind: string; from: string },
    path: string,
    options: string[],
  ): Promise<void>;
  /** The kind of file system on a device; a blank one gets `kind`. Something else stays. */
  prepare(op: string, device: string, kind: string): Promise<string>;
  /** The file system, mounted at `path`, takes all of its device, which has grown. */
  grow(op: string, source: { kind: string; from: string }, path: string): Promise<void>;
  /** Shows `from`, which may be a /proc path of a held place, at `to` as well. */
  bind(op: string, from: string, to: string): Promise<void>;
  /** Unmounts; what is busy is detached now and freed when its last user ends. */
  unmount(op: string, path: string): Promise<void>;
  /** Every mount point at or below `path`, deepest first. */
  below(op: string, path: string): Promise<string[]>;
}

/** A share that does not answer must not hold up everything else forever. */
const attachMs = 120_000;
const formatMs = 600_000;
/** blkid(8): nothing that is known. */
const blank = 2;

export function makeMounts(spawn: Spawn, disk: Disk): Mounts {
  return {
    create: async (op, kind, path, options) => {
      await runOk(spawn, op, ['mount', '-t', kind, '-o', options.join(','), kind, path]);
    },
    attach: async (op, { kind, from }, path, options) => {
      const said = options.length > 0 ? ['-o', options.join(',')] : [];
      await runOk(spawn, op, ['mount', '-t', kind, ...said, '--', from, path], {
        timeoutMs: attachMs,
      });
    },
    prepare: async (op, device, kind) => {
      const ask = ['blkid', '-p', '-o', 'value', '-s', 'TYPE', '-s', 'PTTYPE', '--', device];
      const found = await spawn.run(op, ask);
      const there = found.stdout.toString().trim();
      if (found.code === 0) return there;
      if (found.code !== blank || there !== '')
        throw new IoError(`${op}: blkid ${device}: ${found.stderr.trim()}`, { op, code: 'BLKID' });
      await runOk(spawn, op, [`mkfs.${kind}`, device], { timeoutMs: formatMs });
      return kind;
    },
    grow: async (op, { kind, from }, path) => {
      await runOk(spawn, op, growing(kind, from, path), { timeoutMs: formatMs });
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

/** The program that makes a mounted file system as large as its device. */
function growing(kind: string, device: string, path: string): string[] {
  if (kind === 'xfs') return ['xfs_growfs', path];
  if (kind === 'btrfs') return ['btrfs', 'filesystem', 'resize', 'max', path];
  return ['resize2fs', device];
}
