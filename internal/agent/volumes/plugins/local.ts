import type { LocalVolumeSource } from '../../../api/generated/types/core-v1.ts';
import type { VolumeDoors } from '../plugin.ts';

const op = 'volume.local';
const defaultKind = 'ext4';
/** File systems that a blank device may be given. */
const kinds = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']);

export interface LocalOptions {
  doors: VolumeDoors;
  /** Where the file system of a device is shown to the pod. */
  dir: string;
  /** The pod wants the device itself. */
  block: boolean;
  options: string[];
}

/**
 * A folder or a block device of this node that an administrator has made; it is never made here. A
 * device that is wanted as files gets a file system when it is blank, and is mounted.
 */
export async function setUpLocal(
  { path, fsType }: LocalVolumeSource,
  { doors, dir, block, options }: LocalOptions,
): Promise<{ path: string; manage: boolean; device?: boolean; grow?: () => Promise<void> }> {
  const { disk, mounts, tree } = doors;
  const stat = await tree.statTarget(op, path);
  if (!stat) throw new Error(`path ${JSON.stringify(path)} does not exist`);
  if (block) {
    if (stat.kind !== 'block')
      throw new Error(`path ${JSON.stringify(path)} is not a block device`);
    // The runtime makes it again in the container, from its numbers: a link is of no use there.
    return { path: await tree.realPath(op, path), manage: false, device: true };
  }
  if (stat.kind !== 'block') {
    if (stat.kind !== 'dir') throw new Error(`path ${JSON.stringify(path)} is not a directory`);
    return { path, manage: true };
  }
  const wanted = fsType || defaultKind;
  if (!kinds.has(wanted)) throw new Error(`fsType ${JSON.stringify(wanted)} is not supported`);
  if (!(await mounts.below(op, dir)).includes(dir)) {
    const device = await tree.realPath(op, path);
    const kind = await mounts.prepare(op, device, wanted);
    if (fsType && kind !== fsType)
      throw new Error(`device ${device} holds ${JSON.stringify(kind)}, not ${fsType}`);
    if (!kinds.has(kind)) throw new Error(`device ${device} holds ${JSON.stringify(kind)}`);
    await disk.makeDir(op, dir);
    await mounts.attach(op, { kind, from: device }, dir, options);
  }
  return { path: dir, manage: true, grow: () => growLocal({ doors, path, dir }) };
}

/** An administrator has made the device larger. */
async function growLocal(of: { doors: VolumeDoors; path: string; dir: string }): Promise<void> {
  const { mounts, tree } = of.doors;
  const from = await tree.realPath(op, of.path);
  const kind = await mounts.prepare(op, from, defaultKind);
  await mounts.grow(op, { kind, from }, of.dir);
}
