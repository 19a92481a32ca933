import * as fs from 'node:fs/promises';
import { guarded, ifThere } from './guarded.ts';
import { watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { IoError } from '../base/errors.ts';
import { toStat, type FileStat } from './held.ts';
import { readBytes } from './read-bytes.ts';
import { removeTree } from './remove-tree.ts';

/**
 * Files as the program sees them. Every call names its operation, so that a test can fail exactly
 * that one.
 */
export interface Disk {
  read(op: string, path: string): Promise<Buffer>;
  /** The bytes, or undefined when there is no such file. */
  readIfThere(op: string, path: string): Promise<Buffer | undefined>;
  /**
   * Replaces the file at once (temporary file, fsync, rename): a reader sees the old or the new
   * bytes, never half. Nobody but the owner may read it, unless `mode` says so.
   * `durable`: the new name, too, is on the disk when it resolves; without it, some file systems
   * may show the old bytes after a power cut.
   */
  writeAtomic(
    op: string,
    path: string,
    data: string | Uint8Array,
    options?: { mode?: number; uid?: number; gid?: number; durable?: boolean },
  ): Promise<void>;
  /** A new file is its owner's alone. */
  append(op: string, path: string, data: string | Uint8Array): Promise<void>;
  /**
   * With all folders above it. Nobody but the owner may look into what it makes, unless `mode` says
   * so.
   */
  makeDir(op: string, path: string, mode?: number): Promise<void>;
  list(op: string, path: string): Promise<string[]>;
  /** A file or a whole folder, without following any link in it; nothing there is no error. */
  remove(op: string, path: string): Promise<void>;
  stat(op: string, path: string): Promise<FileStat | undefined>;
  /** The path with every link followed. */
  realPath(op: string, path: string): Promise<string>;
  /**
   * Calls `changed` (debounced by the caller) when something in the folder changes. Returns how to
   * stop.
   */
  watch(op: string, path: string, changed: (name: string) => void): () => void;
}

export const realDisk: Disk = {
  read: (op, path) => guarded(op, path, () => readBytes(path)),
  readIfThere: (op, path) => guarded(op, path, () => ifThere(readBytes(path))),
  writeAtomic: (op, path, data, options = {}) =>
    guarded(op, path, async () => {
      try {
        await replace(path, data, options);
      } catch (error) {
        // A disk that takes nothing more is good enough for a file that is as it should be.
        if (
          !takesNothing.has((error as NodeJS.ErrnoException).code ?? '') ||
          !(await holds(path, data, options))
        )
          throw error;
      }
    }),
  append: (op, path, data) => guarded(op, path, () => fs.appendFile(path, data, { mode: 0o600 })),
  makeDir: (op, path, mode) =>
    guarded(op, path, async () => {
      await fs.mkdir(path, { recursive: true, mode: mode ?? 0o700 });
    }),
  list: (op, path) => guarded(op, path, async () => (await ifThere(fs.readdir(path))) ?? []),
  remove: (op, path) => guarded(op, path, () => removeTree(op, path)),
  stat: (op, path) =>
    guarded(op, path, async () => {
      const s = await ifThere(fs.lstat(path));
      return s && toStat(s);
    }),
  realPath: (op, path) => guarded(op, path, () => fs.realpath(path)),
  watch(_op, path, changed) {
    const watcher = watch(path, { persistent: false }, (_event, name) => changed(name ?? ''));
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  },
};

let counter = 0;
const takesNothing = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** Whether a write failed because the disk is full or read-only: later it may succeed. */
export function tookNothing(error: unknown): boolean {
  return error instanceof IoError && takesNothing.has(error.code);
}

type WriteOptions = NonNullable<Parameters<Disk['writeAtomic']>[3]>;

async function replace(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const temporary = join(dirname(path), `.${process.pid}-${counter++}.tmp`);
  try {
    const file = await fs.open(temporary, 'w', options.mode ?? 0o600);
    try {
      await file.writeFile(data);
      await file.chmod(options.mode ?? 0o600);
      if (options.uid !== undefined) await file.chown(options.uid, options.gid ?? options.uid);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  if (options.durable === true) await syncFolder(dirname(path));
}

/** True when the file is there with these bytes, mode and owner. */
async function holds(
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, uid, gid }: WriteOptions,
): Promise<boolean> {
  const stat = await fs.lstat(path).catch(() => undefined);
  if (!stat?.isFile() || (stat.mode & 0o7777) !== mode) return false;
  if (uid !== undefined && (stat.uid !== uid || stat.gid !== (gid ?? uid))) return false;
  return Buffer.from(data).equals(await fs.readFile(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await fs.open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some file systems cannot sync a folder, or need not.
    if (
      !['EINVAL', 'ENOTSUP', 'EACCES', 'EPERM'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      throw error;
  } finally {
    await folder.close();
  }
}
