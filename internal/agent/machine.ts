import type { Disk } from '../io/disk.ts';
import { isReadOnly, statfs, type FilesystemRoom } from '../io/filesystem.ts';
import { makeMounts, type Mounts } from '../io/mounts.ts';
import type { Spawn } from '../io/spawn.ts';
import { realTree, type Tree } from '../io/tree.ts';

/**
 * What an agent reaches its machine through besides its files and programs. A simulation puts twins
 * in the places of all of them.
 */
export interface Machine {
  tree: Tree;
  mounts: Mounts;
  /** Room on the file system that holds a path. */
  room(op: string, path: string): Promise<FilesystemRoom>;
  isReadOnly(path: string): Promise<boolean>;
}

export function realMachine(doors: { spawn: Spawn; disk: Disk }): Machine {
  return { tree: realTree, mounts: makeMounts(doors.spawn, doors.disk), room: statfs, isReadOnly };
}
