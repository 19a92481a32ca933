import { statfs as nodeStatfs } from 'node:fs/promises';
import { IoError, messageOf } from '../base/errors.ts';

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
    return { capacityBytes: s.blocks * s.bsize, availableBytes: s.bavail * s.bsize, inodes: s.files, inodesFree: s.ffree };
  } catch (cause) {
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, { op, cause });
  }
}
