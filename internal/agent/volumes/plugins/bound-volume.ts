import type { PersistentVolume, Pod } from '../../../api/generated/types/core-v1.ts';
import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import type { Client } from '../../../client/client.ts';
import { refs } from '../../../client/refs.ts';
import type { MountedVolume } from '../container-mounts.ts';
import { giveToGroup } from '../ownership.ts';
import type { VolumeDoors } from '../plugin.ts';
import { csiDriverMissing } from './csi.ts';
import { checkHostPath } from './host-path.ts';
import { checkLocal } from './local.ts';

/** PersistentVolumes that one pod alone may use (ReadWriteOncePod), and the pod that does. */
export class SoleUse {
  readonly #users = new Map<string, string>();

  /**
   * The scheduler sees to it too, but not for pods that name their node. A pod that runs already
   * keeps what it has.
   */
  take(volume: string, uid: string, adopted: boolean): void {
    if (!adopted && (this.#users.get(volume) ?? uid) !== uid)
      throw new Error(
        'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
      );
    this.#users.set(volume, uid);
  }

  release(uid: string): void {
    for (const [volume, user] of this.#users) if (user === uid) this.#users.delete(volume);
  }
}

export interface BoundVolumes {
  client: Client;
  doors: VolumeDoors;
  soleUse: SoleUse;
}

/** Makes the PersistentVolume behind a claim of the pod's namespace stand. */
export async function setUpClaim(
  { client, doors, soleUse }: BoundVolumes,
  of: { pod: Pod; name: string; claim: PersistentVolumeClaim; readOnly: boolean; adopted: boolean },
): Promise<MountedVolume> {
  const { pod, name, claim, readOnly, adopted } = of;
  const { volumeName } = claim.spec;
  if (claim.status?.phase !== 'Bound' || !volumeName)
    throw new Error(
      `error processing PVC ${claim.metadata.namespace}/${claim.metadata.name}: PVC is not bound`,
    );
  const bound = await client.get<PersistentVolume>(refs.persistentVolumes, { name: volumeName });
  if (bound.spec.volumeMode === 'Block') throw new Error('no block volume plugin matched');
  const { path, manage } = await placeOf(bound, doors);
  // Of several modes nobody knows which one the pod means (kubelet's operation_generator.go).
  const { accessModes = [] } = bound.spec;
  if (accessModes.length === 1 && accessModes[0] === 'ReadWriteOncePod')
    soleUse.take(volumeName, pod.metadata.uid ?? '', adopted);
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
  if (manage && fsGroup !== undefined)
    await giveToGroup(path, fsGroup, {
      ...doors,
      readOnly,
      onRootMismatch: fsGroupChangePolicy === 'OnRootMismatch',
    });
  return { name, path, readOnly };
}

/** `manage`: its files may be given to the pod's group. */
async function placeOf(
  { spec }: PersistentVolume,
  doors: VolumeDoors,
): Promise<{ path: string; manage: boolean }> {
  if (spec.hostPath) return { path: await checkHostPath(spec.hostPath, doors), manage: false };
  if (spec.local) return { path: await checkLocal(spec.local, doors), manage: true };
  if (spec.csi) throw csiDriverMissing(spec.csi.driver);
  throw new Error('no volume plugin matched');
}
