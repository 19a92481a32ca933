import type { Disk } from '../../io/disk.ts';
import type { Tree } from '../../io/tree.ts';

export interface OwnershipOptions {
  disk: Disk;
  tree: Tree;
  /** Nobody in the pod writes here: the group only gets to read. */
  readOnly: boolean;
  /** Skip the walk when the root folder already has the group and the bits. */
  onRootMismatch?: boolean;
}

const groupReadWrite = 0o660;
const groupRead = 0o440;
const groupExecute = 0o110;
const setGid = 0o2000;

/** Gives a whole tree to the pod's fsGroup: group owner, group bits, and setgid on folders so that new files follow. */
export async function giveToGroup(root: string, gid: number, options: OwnershipOptions): Promise<void> {
  const { disk } = options;
  if (options.onRootMismatch) {
    const stat = await disk.stat('volume.ownership', root);
    const wanted = wantedMode('dir', 0, options.readOnly);
    if (stat && stat.gid === gid && (stat.mode & wanted) === wanted) return;
  }
  await give(root, gid, options);
}

async function give(path: string, gid: number, options: OwnershipOptions): Promise<void> {
  const { disk, tree } = options;
  const op = 'volume.ownership';
  const stat = await disk.stat(op, path);
  if (!stat) return;
  // Children first: a folder that shows the right owner has been done completely.
  if (stat.kind === 'dir') for (const name of await disk.list(op, path)) await give(`${path}/${name}`, gid, options);
  await tree.chown(op, path, -1, gid);
  if (stat.kind !== 'link') await tree.chmod(op, path, wantedMode(stat.kind, stat.mode, options.readOnly));
}

function wantedMode(kind: string, mode: number, readOnly: boolean): number {
  const base = mode | (readOnly ? groupRead : groupReadWrite);
  return kind === 'dir' ? base | setGid | groupExecute : base;
}
