import type { HostPathVolumeSource } from '../../../api/generated/types/core-v1.ts';
import { table } from '../../../base/own.ts';
import type { FileStat } from '../../../io/held.ts';
import { plain, type VolumeDoors, type VolumePlugin } from '../plugin.ts';

const op = 'volume.host-path';

/** A path of the host, as it is. */
export function hostPath({ doors }: { doors: VolumeDoors }): VolumePlugin {
  return {
    ...plain,
    name: 'hostPath',
    supports: (volume) => Boolean(volume.hostPath),
    setUp: async ({ volume }) => ({
      name: volume.name,
      path: await checkHostPath(volume.hostPath!, doors),
      readOnly: false,
    }),
  };
}

const kindChecks: Record<string, { kind: FileStat['kind']; what: string }> = table({
  Directory: { kind: 'dir', what: 'a directory' },
  DirectoryOrCreate: { kind: 'dir', what: 'a directory' },
  File: { kind: 'file', what: 'a file' },
  FileOrCreate: { kind: 'file', what: 'a file' },
  Socket: { kind: 'socket', what: 'a socket file' },
  CharDevice: { kind: 'char', what: 'a character device' },
  BlockDevice: { kind: 'block', what: 'a block device' },
});

/**
 * Checks that a path of the host is what the pod thinks it is, and makes it where the pod says so.
 */
export async function checkHostPath(
  source: HostPathVolumeSource,
  { disk, tree }: VolumeDoors,
): Promise<string> {
  const { path, type = '' } = source;
  if (type === '') return path;
  const check = kindChecks[type];
  if (!check) throw new Error(`unknown hostPath type ${type}`);
  const stat = await tree.statTarget(op, path);
  if (!stat && type === 'DirectoryOrCreate') await disk.makeDir(op, path, 0o755);
  else if (!stat && type === 'FileOrCreate') await tree.makeFile(op, path, 0o644);
  else if (stat?.kind !== check.kind)
    throw new Error(`hostPath type check failed: ${path} is not ${check.what}`);
  return path;
}
