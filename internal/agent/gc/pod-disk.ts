import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Spawn } from '../../io/spawn.ts';
import type { Usage } from './eviction.ts';

export interface PodDiskOptions {
  spawn: Spawn;
  /** The volumes whose files lie on the node's disk and go with the pod (Volumes.localUsage). */
  localVolumes(pod: Pod): { path: string | undefined }[];
  /** The folder of a pod's logs. */
  logFolder(pod: Pod): string;
}

/**
 * Adds to what the runtime knows of pods (writable layers) what lies in their logs and emptyDir
 * volumes.
 */
export async function withPodDisks(
  pods: Pod[],
  usage: ReadonlyMap<string, Usage>,
  options: PodDiskOptions,
): Promise<Map<string, Usage>> {
  const all = new Map<string, Usage>();
  for (const pod of pods) {
    const uid = pod.metadata.uid ?? '';
    const known = usage.get(uid) ?? { memoryBytes: 0, diskBytes: 0, containers: [] };
    const folders = [
      options.logFolder(pod),
      ...options.localVolumes(pod).map(({ path }) => path),
    ].filter((path) => path !== undefined);
    const { bytes, inodes } = await sizeOf(folders, options.spawn);
    all.set(uid, {
      ...known,
      diskBytes: known.diskBytes + bytes,
      inodes: (known.inodes ?? 0) + inodes,
    });
  }
  return all;
}

async function sizeOf(folders: string[], spawn: Spawn): Promise<{ bytes: number; inodes: number }> {
  const sum = async (...flags: string[]): Promise<number> => {
    // A folder that is not there, or goes meanwhile, counts for nothing.
    const done = await spawn.run('gc.du', [
      'du',
      '--summarize',
      '--one-file-system',
      ...flags,
      '--',
      ...folders,
    ]);
    return done.stdout
      .toString()
      .split('\n')
      .reduce((n, line) => n + (Number(line.split('\t')[0]) || 0), 0);
  };
  if (folders.length === 0) return { bytes: 0, inodes: 0 };
  return { bytes: await sum('--block-size=1'), inodes: await sum('--inodes') };
}
