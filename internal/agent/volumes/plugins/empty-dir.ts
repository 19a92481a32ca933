import type { EmptyDirVolumeSource, Pod } from '../../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../../api/quantity.ts';
import type { Mounts } from '../../../io/mounts.ts';
import { giveToGroup } from '../ownership.ts';
import {
  plain,
  volumeDir,
  type PluginContext,
  type VolumeDoors,
  type VolumePlugin,
} from '../plugin.ts';

const op = 'volume.empty-dir';
const emptyDirMode = 0o777;

/** Room of the pod's own, which goes with the pod. */
export function emptyDir({
  podsDir,
  doors,
}: Pick<PluginContext, 'podsDir' | 'doors'>): VolumePlugin {
  return {
    ...plain,
    name: 'emptyDir',
    supports: (volume) => Boolean(volume.emptyDir),
    async setUp({ pod, volume }) {
      const { name } = volume;
      const path = volumeDir(podsDir, pod.metadata.uid ?? '', 'empty-dir', name);
      await setUpEmptyDir(path, volume.emptyDir!, pod, doors);
      return { name, path, readOnly: false };
    },
    usage: ({ emptyDir: source }) =>
      source?.medium ? undefined : { limit: source?.sizeLimit as string | undefined },
  };
}

/** An empty folder, or an empty file system in memory; kept as it is when it stands already. */
async function setUpEmptyDir(
  dir: string,
  source: EmptyDirVolumeSource,
  pod: Pod,
  doors: VolumeDoors,
): Promise<void> {
  const { disk, tree, mounts } = doors;
  await disk.makeDir(op, dir, 0o750);
  const medium = source.medium ?? '';
  if (medium !== '' && (await mounts.below(op, dir)).length === 0)
    await mountMedium(dir, medium, { source, pod, mounts });
  const stat = await disk.stat(op, dir);
  const group = pod.spec.securityContext?.fsGroup;
  if (stat && (stat.mode & emptyDirMode) !== emptyDirMode) await tree.chmod(op, dir, emptyDirMode);
  if (group !== undefined)
    await giveToGroup(dir, group, { disk, tree, readOnly: false, onRootMismatch: true });
}

async function mountMedium(
  dir: string,
  medium: string,
  how: { source: EmptyDirVolumeSource; pod: Pod; mounts: Mounts },
): Promise<void> {
  if (medium === 'Memory') {
    const size = memorySize(how.source, how.pod);
    await how.mounts.create(op, 'tmpfs', dir, size > 0n ? [`size=${size}`] : ['rw']);
  } else if (medium.startsWith('HugePages')) {
    const page = medium.slice('HugePages-'.length);
    await how.mounts.create(
      op,
      'hugetlbfs',
      dir,
      page ? [`pagesize=${page.replace(/i$/, '')}`] : ['rw'],
    );
  } else {
    throw new Error(`unknown storage medium ${JSON.stringify(medium)}`);
  }
}

/**
 * The smaller of the volume's limit and what the pod's containers may use together; 0 = no limit.
 */
function memorySize(source: EmptyDirVolumeSource, pod: Pod): bigint {
  const own = quantityOf(source.sizeLimit).value();
  let ofPod = 0n;
  for (const container of pod.spec.containers) {
    const limit = quantityOf(container.resources?.limits?.['memory']).value();
    if (limit === 0n) return own;
    ofPod += limit;
  }
  return own > 0n && own < ofPod ? own : ofPod;
}
