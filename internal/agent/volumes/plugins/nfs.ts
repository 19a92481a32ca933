import type { NFSVolumeSource } from '../../../api/generated/types/core-v1.ts';
import { messageOf } from '../../../base/errors.ts';
import { plain, volumeDir, type VolumeDoors, type VolumePlugin } from '../plugin.ts';

const op = 'volume.nfs';
/** A name or address: what begins with a dash would be an option of mount.nfs. */
const host = /^\[?[A-Za-z0-9:][\w.:%-]*\]?$/;
const programs = ['/sbin/mount.nfs', '/usr/sbin/mount.nfs'];

/** A share of another machine, mounted by this machine's own mount.nfs. */
export async function mountNfs(
  { server, path, readOnly }: NFSVolumeSource,
  { doors, dir, options }: { doors: VolumeDoors; dir: string; options: string[] },
): Promise<string> {
  const { disk, mounts, tree } = doors;
  if (!host.test(server))
    throw new Error(`server ${JSON.stringify(server)} is not a name or an address`);
  if (!path.startsWith('/') || /\p{Cc}/u.test(path))
    throw new Error(`path ${JSON.stringify(path)} is not absolute`);
  if ((await mounts.below(op, dir)).includes(dir)) return dir;
  const found = await Promise.all(programs.map((one) => tree.statTarget(op, one)));
  if (!found.some(Boolean))
    throw new Error('this node has no mount.nfs: install nfs-common (nfs-utils)');
  // Two colons in a row are an address of IPv6, which mount.nfs wants in brackets.
  const from = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server;
  await disk.makeDir(op, dir);
  const all = [...(readOnly && !options.includes('ro') ? ['ro'] : []), ...options];
  try {
    await mounts.attach(op, { kind: 'nfs', from: `${from}:${path}` }, dir, all);
  } catch (error) {
    throw new Error(`mount failed: ${messageOf(error)}`, { cause: error });
  }
  return dir;
}

/** A share that the pod names itself. */
export function nfs({ podsDir, doors }: { podsDir: string; doors: VolumeDoors }): VolumePlugin {
  return {
    ...plain,
    name: 'nfs',
    supports: (volume) => Boolean(volume.nfs),
    async setUp({ pod, volume }) {
      const dir = volumeDir(podsDir, pod.metadata.uid ?? '', 'nfs', volume.name);
      const path = await mountNfs(volume.nfs!, { doors, dir, options: [] });
      return { name: volume.name, path, readOnly: volume.nfs!.readOnly === true };
    },
  };
}
