import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Disk } from '../../io/disk.ts';
import type { Held, Tree } from '../../io/tree.ts';

export interface OwnershipOptions {
  disk: Disk;
  tree: Tree;
  /** Nobody in the pod writes here: the group only gets to read. */
  readOnly: boolean;
  /** Skip the walk when the root folder already has the group and the bits. */
  onRootMismatch?: boolean;
}

const op = 'volume.ownership';
/** Each level holds a handle; no path that a program can name is much deeper. */
const mostDepth = 512;
const groupReadWrite = 0o660;
const groupRead = 0o440;
const groupExecute = 0o110;
const setGid = 0o2000;

/**
 * Gives a whole tree to the pod's fsGroup: group owner, group bits, and setgid on folders so that
 * new files follow. Containers may write there now.
 */
export async function giveToGroup(
  root: string,
  gid: number,
  options: OwnershipOptions,
): Promise<void> {
  const { disk } = options;
  if (options.onRootMismatch) {
    const stat = await disk.stat(op, root);
    const wanted = wantedMode('dir', 0, options.readOnly);
    if (stat && stat.gid === gid && (stat.mode & wanted) === wanted) return;
  }
  const held = await options.tree.hold(op, root, { follow: false });
  if (!held) return;
  try {
    await give(held, 0, { gid, readOnly: options.readOnly });
  } finally {
    await held.release();
  }
}

/** As the pod's security context says; an administrator's path may be a link to the volume. */
export async function giveToPodsGroup(
  path: string,
  { spec }: Pod,
  options: Omit<OwnershipOptions, 'onRootMismatch'>,
): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = spec.securityContext ?? {};
  if (fsGroup === undefined) return;
  await giveToGroup(await options.tree.realPath(op, path), fsGroup, {
    ...options,
    onRootMismatch: fsGroupChangePolicy === 'OnRootMismatch',
  });
}

/** Children first: a folder that shows the right owner has been done completely. */
async function give(
  held: Held,
  depth: number,
  to: { gid: number; readOnly: boolean },
): Promise<void> {
  const { kind, mode } = await held.stat();
  if (depth > mostDepth) throw new Error(`the volume has folders deeper than ${mostDepth}`);
  if (kind === 'dir') {
    for (const name of await held.list()) {
      const child = await held.child(name);
      if (!child) continue;
      try {
        await give(child, depth + 1, to);
      } finally {
        await child.release();
      }
    }
  }
  await held.chown(-1, to.gid);
  if (kind !== 'link') await held.chmod(wantedMode(kind, mode, to.readOnly));
}

function wantedMode(kind: string, mode: number, readOnly: boolean): number {
  const base = mode | (readOnly ? groupRead : groupReadWrite);
  return kind === 'dir' ? base | setGid | groupExecute : base;
}
