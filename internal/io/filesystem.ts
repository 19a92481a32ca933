import { access, constants, stat, statfs as nodeStatfs } from 'node:fs/promises';
import { IoError, messageOf } from '../base/errors.ts';
import { hasBroken } from './mount-table.ts';
import { readBytes } from './read-bytes.ts';

/** Room on the file system that holds a path. */
export interface FilesystemRoom {
  capacityBytes: number;
  /** For users other than root. */
  availableBytes: number;
  inodes: number;
  inodesFree: number;
}

export async function statfs(op: string, path: string): Promise<FilesystemRoom> {
  try {
    const s = await nodeStatfs(path);
    return {
      capacityBytes: s.blocks * s.bsize,
      availableBytes: s.bavail * s.bsize,
      inodes: s.files,
      inodesFree: s.ffree,
    };
  } catch (cause) {
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, { op, cause });
  }
}

/**
 * True when nothing can be written below a path because its file system is read-only or has broken,
 * whoever asks.
 */
export async function isReadOnly(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    const [table, { dev }] = await Promise.all([readBytes('/proc/self/mountinfo'), stat(path)]);
    return hasBroken(table.toString(), dev);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
