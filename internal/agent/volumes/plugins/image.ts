import { IoError } from '../../../base/errors.ts';
import type { Disk } from '../../../io/disk.ts';
import type { Mounts } from '../../../io/mounts.ts';
import { runOk, type Spawn } from '../../../io/spawn.ts';
import { plain, volumeDir, type PluginContext, type VolumePlugin } from '../plugin.ts';

const op = 'volume.image';
const kind = 'image';

/** The files of an image, read-only. */
export function image({
  podsDir,
  doors,
  images,
}: Pick<PluginContext, 'podsDir' | 'doors' | 'images'>): VolumePlugin {
  return {
    ...plain,
    name: 'image',
    supports: (volume) => Boolean(volume.image),
    async setUp({ pod, volume }) {
      if (!images) throw new Error('image volumes are not supported by the container runtime');
      const { name } = volume;
      const path = volumeDir(podsDir, pod.metadata.uid ?? '', kind, name);
      // An adopted pod has its image already, and its registry may be away.
      if (!(await doors.mounts.below(op, path)).includes(path))
        await images.mount(pod, volume, path);
      return { name, path, readOnly: true };
    },
    async tearDown(uid) {
      for (const name of await doors.disk.list(op, volumeDir(podsDir, uid, kind, '')))
        await images?.forget(volumeDir(podsDir, uid, kind, name));
    },
  };
}

export interface ImageVolumeDoors {
  spawn: Spawn;
  disk: Disk;
  mounts: Mounts;
  /** How ctr reaches our containerd: `['ctr', '--address', socket, '--namespace', 'k8s.io']`. */
  ctr: string[];
}

/** A runtime that hangs must not hold a pod forever. */
const limit = { timeoutMs: 120_000 };

/**
 * Shows the files of a pulled image at `dir`, read-only. Older runtimes know no image mounts, so
 * this mounts a view of its snapshot, which works on all of them. The mount needs nothing but the
 * image's own layers, which live while it is in use.
 */
export async function mountImage(
  image: string,
  dir: string,
  doors: ImageVolumeDoors,
): Promise<string> {
  if ((await doors.mounts.below(op, dir)).includes(dir)) return dir;
  await doors.disk.makeDir(op, dir, 0o755);
  const command = [...doors.ctr, 'images', 'mount', image, dir];
  const first = await doors.spawn.run(op, command, limit);
  if (first.code === 0) return dir;
  // A view that an earlier life of this pod left: its key is the folder.
  if (!first.stderr.includes('already exists'))
    throw new IoError(`failed to mount image ${image}: ${first.stderr.trim()}`, {
      op,
      code: 'EXIT',
    });
  await forgetImageMount(dir, doors);
  await runOk(doors.spawn, op, command, limit);
  return dir;
}

/** Lets go of the view behind an image mount that has been unmounted. */
export async function forgetImageMount(
  dir: string,
  doors: Pick<ImageVolumeDoors, 'spawn' | 'ctr'>,
): Promise<void> {
  await doors.spawn.run(op, [...doors.ctr, 'images', 'unmount', '--rm', dir], limit);
  await doors.spawn.run(op, [...doors.ctr, 'leases', 'delete', dir], limit);
}
