import type { Tree } from '../../io/tree.ts';
import { stopLeftovers, type LeftoverDoors, type LeftoverPlaces } from './leftovers.ts';

export interface RebuildDoors extends LeftoverDoors {
  tree: Tree;
}

export interface RebuildPlaces extends LeftoverPlaces {
  /** containerd's root directory. */
  root: string;
  /** `<data-dir>/agent/pods`: image volumes show snapshots there. */
  podsDir: string;
}

const op = 'containerd.rebuild';
const database = 'io.containerd.metadata.v1.bolt/meta.db';

/**
 * The database is gone while what it spoke of is still there: nothing of that can be found by a new
 * one, only stumbled over.
 */
export async function isOrphaned(
  { disk }: RebuildDoors,
  { root }: RebuildPlaces,
): Promise<boolean> {
  const size = (await disk.stat(op, `${root}/${database}`))?.size ?? 0;
  if (size > 0) return false;
  const left = (await disk.list(op, root)).filter(
    (name) =>
      name.startsWith('io.containerd.snapshotter.v1.') ||
      name.startsWith('io.containerd.grpc.v1.cri'),
  );
  for (const name of left) if ((await disk.list(op, `${root}/${name}`)).length > 0) return true;
  return false;
}

/**
 * Makes room for a database that starts over, while containerd is down: what still runs is ended,
 * the old file is put aside (`damaged/meta.db`; one is kept), and the snapshots, which only it
 * could name, go. Blobs stay: an image that is imported or pulled again does not write them a
 * second time, and containerd removes those that nobody asks for.
 */
export async function clearForNew(
  doors: RebuildDoors,
  places: RebuildPlaces,
): Promise<{ stopped: number; aside: string }> {
  const { disk, tree, mounts } = doors;
  const { root, state, podsDir } = places;
  const stopped = await stopLeftovers(doors, places, () => Promise.resolve(new Set()));
  const imageVolume = (point: string): boolean =>
    point.startsWith(`${podsDir}/`) && point.includes('/volumes/kubernetes.io~image/');
  const points = [
    ...(await mounts.below(op, state)),
    ...(await mounts.below(op, podsDir)).filter(imageVolume),
    ...(await mounts.below(op, root)).filter((p) => p !== root),
  ];
  for (const point of points) await mounts.unmount(op, point);
  const aside = `${root}/damaged`;
  await disk.remove(op, aside);
  await disk.makeDir(op, aside, 0o700);
  if (await disk.stat(op, `${root}/${database}`))
    await tree.rename(op, `${root}/${database}`, `${aside}/meta.db`);
  for (const name of await disk.list(op, root))
    if (/^io\.containerd\.(snapshotter\.v1\.|grpc\.v1\.cri|runtime\.v2\.task)/.test(name))
      await disk.remove(op, `${root}/${name}`);
  for (const name of await disk.list(op, state))
    if (name.startsWith('io.containerd.')) await disk.remove(op, `${state}/${name}`);
  return { stopped: stopped.length, aside: `${aside}/meta.db` };
}
