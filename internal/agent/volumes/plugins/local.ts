import type { LocalVolumeSource } from '../../../api/generated/types/core-v1.ts';
import type { VolumeDoors } from '../plugin.ts';

/** A folder of this node that an administrator has made; it is never made here. */
export async function checkLocal(
  { path }: LocalVolumeSource,
  { tree }: Pick<VolumeDoors, 'tree'>,
): Promise<string> {
  if (!(await tree.statTarget('volume.local', path)))
    throw new Error(`path ${JSON.stringify(path)} does not exist`);
  return path;
}
