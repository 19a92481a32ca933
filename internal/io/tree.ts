import * as fs from 'node:fs/promises';
import { guarded, ifThere } from './guarded.ts';
import { constants } from 'node:fs';
import { realDisk } from './disk.ts';
import type { FileStat } from './held.ts';
import { hold, type Held } from './held.ts';

export type { Held };

/**
 * Links, owners, modes and handles: what volumes need of a file system beyond Disk. Nothing here is
 * fsynced: everything written through it can be made again from the API.
 */
export interface Tree {
  /**
   * Writes a file with exactly this mode, in place when there is one; a link under its name is an
   * error.
   */
  writeFile(op: string, path: string, data: Uint8Array, mode: number): Promise<void>;
  /** Makes an empty file with exactly this mode. False when something is there already. */
  makeFile(op: string, path: string, mode: number): Promise<boolean>;
  /** Makes one folder with exactly this mode. False when something is there already. */
  makeDir(op: string, path: string, mode: number): Promise<boolean>;
  symlink(op: string, target: string, path: string): Promise<void>;
  readLink(op: string, path: string): Promise<string | undefined>;
  rename(op: string, from: string, to: string): Promise<void>;
  /**
   * Removes an empty folder; false when it is not empty or still in use. The only way to remove a
   * cgroup.
   */
  removeDir(op: string, path: string): Promise<boolean>;
  /** Writes into a file that exists, as it is: control files of the kernel. */
  put(op: string, path: string, value: string): Promise<void>;
  chmod(op: string, path: string, mode: number): Promise<void>;
  /** Changes the owner of the thing itself, never of what a link points to. -1 keeps. */
  chown(op: string, path: string, uid: number, gid: number): Promise<void>;
  /** Follows links, unlike Disk.stat. */
  statTarget(op: string, path: string): Promise<FileStat | undefined>;
  realPath(op: string, path: string): Promise<string>;
  /** Holds on to a place: its `path` means the same thing however names are changed meanwhile. */
  hold(op: string, path: string, options: { follow: boolean }): Promise<Held | undefined>;
}

export const realTree: Tree = {
  writeFile: (op, path, data, mode) =>
    guarded(op, path, async () => {
      const file = await fs.open(
        path,
        constants.O_WRONLY |
          constants.O_CREAT |
          constants.O_TRUNC |
          constants.O_NOFOLLOW |
          constants.O_NONBLOCK,
        mode,
      );
      try {
        await file.writeFile(data);
        await file.chmod(mode); // the umask of the process must not decide
      } finally {
        await file.close();
      }
    }),
  makeFile: (op, path, mode) =>
    guarded(op, path, async () => {
      const file = await orTaken(fs.open(path, 'wx', mode));
      await file?.chmod(mode);
      await file?.close();
      return file !== undefined;
    }),
  makeDir: (op, path, mode) =>
    guarded(op, path, async () => {
      if ((await orTaken(fs.mkdir(path, { mode }).then(() => true))) === undefined) return false;
      // A pod may write in the folder above: by its name, what was made could be a link to another
      // place by now.
      const made = await hold(op, path, { follow: false });
      try {
        if ((await made?.stat())?.kind === 'dir') await made?.chmod(mode);
      } finally {
        await made?.release();
      }
      return true;
    }),
  symlink: (op, target, path) => guarded(op, path, () => fs.symlink(target, path)),
  // EINVAL: it is there, and is not a link.
  readLink: (op, path) => guarded(op, path, () => ifThere(fs.readlink(path), 'EINVAL')),
  rename: (op, from, to) => guarded(op, from, () => fs.rename(from, to)),
  removeDir: (op, path) =>
    guarded(op, path, async () => {
      try {
        await fs.rmdir(path);
        return true;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'ENOENT') return true;
        if (code === 'ENOTEMPTY' || code === 'EBUSY') return false;
        throw error;
      }
    }),
  put: (op, path, value) =>
    guarded(op, path, async () => {
      const file = await fs.open(path, constants.O_WRONLY);
      try {
        await file.write(value);
      } finally {
        await file.close();
      }
    }),
  chmod: (op, path, mode) => guarded(op, path, () => fs.chmod(path, mode)),
  chown: (op, path, uid, gid) => guarded(op, path, () => fs.lchown(path, uid, gid)),
  statTarget: (op, path) =>
    guarded(op, path, async () => {
      const real = await ifThere(fs.realpath(path));
      return real === undefined ? undefined : realDisk.stat(op, real);
    }),
  realPath: (op, path) => guarded(op, path, () => fs.realpath(path)),
  hold,
};

/** Undefined when the name is taken. */
async function orTaken<T>(effect: Promise<T>): Promise<T | undefined> {
  try {
    return await effect;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}
