import type { Disk } from '../../io/disk.ts';
import type { Spawn } from '../../io/spawn.ts';

/** The devices of the backends that have one, under Flannel's names. */
export const devices = { vxlan: 'flannel.1', 'wireguard-native': 'flannel-wg' } as const;

/**
 * A node that had another backend before: its device would keep its routes, and wireguard-go its
 * process. With `none` the pods' network is somebody else's, who may be Flannel.
 */
export async function removeOtherDevices(
  { disk, spawn }: { disk: Disk; spawn: Spawn },
  backend: string,
): Promise<void> {
  if (backend === 'none') return;
  for (const [of, device] of Object.entries(devices))
    if (of !== backend && (await disk.stat('overlay.clean', `/sys/class/net/${device}`)))
      await spawn.run('overlay.clean', ['ip', 'link', 'delete', device]);
}
