import type { PersistentVolume } from '../../../api/generated/types/core-v1.ts';
import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import { annotationOf, annotations } from '../../../api/storage/claims.ts';
import type { Client } from '../../../client/client.ts';
import { refs } from '../../../client/refs.ts';
import type { MountedVolume } from '../container-mounts.ts';
import { giveToPodsGroup } from '../ownership.ts';
import type { CsiVolumes } from '../../csi/csi-volumes.ts';
import { claimGrown, growthOf } from '../../csi/growth.ts';
import { volumeDir, type PodVolume, type VolumeDoors } from '../plugin.ts';
import { csiDriverMissing } from './csi.ts';
import { checkHostPath } from './host-path.ts';
import { setUpLocal } from './local.ts';
import { mountNfs } from './nfs.ts';

/** The server's own provisioner. */
const localPath = 'rancher.io/local-path';

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
  /** `<data-dir>/agent/pods`. */
  podsDir: string;
  client: Client;
  doors: VolumeDoors;
  soleUse: SoleUse;
  csi?: CsiVolumes;
}

/** A claim of the pod's namespace, as the pod uses it. */
export interface UsedClaim {
  of: PodVolume;
  claim: PersistentVolumeClaim;
  readOnly: boolean;
}

async function volumeOf(client: Client, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
  const { volumeName } = claim.spec;
  if (claim.status?.phase !== 'Bound' || !volumeName)
    throw new Error(
      `error processing PVC ${claim.metadata.namespace}/${claim.metadata.name}: PVC is not bound`,
    );
  return await client.get<PersistentVolume>(refs.persistentVolumes, { name: volumeName });
}

/** Sets up the PersistentVolume behind a claim. */
export async function setUpClaim(
  { client, doors, soleUse, podsDir, csi }: BoundVolumes,
  used: UsedClaim,
  adopted: boolean,
): Promise<MountedVolume> {
  const { of, claim, readOnly } = used;
  const { pod } = of;
  const { name } = of.volume;
  const volume = await volumeOf(client, claim);
  const uid = pod.metadata.uid ?? '';
  const place: Place | undefined = volume.spec.csi
    ? await csi?.setUpPersistent({ volume, claim, readOnly }, { of, adopted })
    : await placeOf(volume, { doors, podsDir, uid, readOnly });
  if (!place) throw csiDriverMissing(volume.spec.csi?.driver ?? '');
  // Of several modes nobody knows which one the pod means (kubelet's operation_generator.go).
  const { accessModes = [] } = volume.spec;
  if (accessModes.length === 1 && accessModes[0] === 'ReadWriteOncePod')
    soleUse.take(volume.metadata.name ?? '', uid, adopted);
  const { path, manage, device, room, grow } = place;
  if (grow && !readOnly) await growBound(client, { volume, claim, of }, grow);
  if (manage) await giveToPodsGroup(path, pod, { ...doors, readOnly });
  return {
    name,
    path,
    readOnly,
    ...(device && { device }),
    ...(room && { room }),
    ...(grow && { grow }),
  };
}

/** What a driver gets again while the pod runs (republish). */
export async function refreshClaim(
  { client, csi }: BoundVolumes,
  used: UsedClaim,
  { grow }: MountedVolume,
): Promise<void> {
  const volume = await volumeOf(client, used.claim);
  if (volume.spec.csi) await csi?.refreshPersistent({ ...used, volume }, used.of);
  if (grow && !used.readOnly) await growBound(client, { ...used, volume }, grow);
}

/**
 * The volume was given more room than its claim knows of: the file system first, then the claim.
 */
async function growBound(
  client: Client,
  { volume, claim, of }: { volume: PersistentVolume; claim: PersistentVolumeClaim; of: PodVolume },
  grow: () => Promise<void>,
): Promise<void> {
  // An administrator's device may grow at any time, and nobody says so.
  of.stale();
  const size = growthOf(volume, claim);
  if (size === undefined) return;
  await grow();
  await claimGrown(client, claim, size);
}

interface Place {
  path: string;
  /** Its files may be given to the pod's group. */
  manage: boolean;
  device?: boolean;
  room?: MountedVolume['room'];
  grow?: () => Promise<void>;
}

async function placeOf(
  { metadata, spec }: PersistentVolume,
  of: { doors: VolumeDoors; podsDir: string; uid: string; readOnly: boolean },
): Promise<Place> {
  const { doors, podsDir, uid } = of;
  const name = metadata.name ?? '';
  const block = spec.volumeMode === 'Block';
  const options = [...(of.readOnly ? ['ro'] : []), ...(spec.mountOptions ?? [])];
  if (spec.local) {
    const dir = volumeDir(podsDir, uid, 'local-volume', name);
    const place = await setUpLocal(spec.local, { doors, dir, block, options });
    // The server tells a claim of its own class how large it is. An administrator's folder, or a
    // device that is used as it is, has the room already, and only its claim does not know.
    const own = annotationOf({ metadata }, annotations.provisionedBy) === localPath;
    return own ? place : { grow: () => Promise.resolve(), ...place };
  }
  if (block) throw new Error('no block volume plugin matched');
  if (spec.nfs) {
    const dir = volumeDir(podsDir, uid, 'nfs', name);
    return { path: await mountNfs(spec.nfs, { doors, dir, options }), manage: false };
  }
  if (!spec.hostPath) throw new Error('no volume plugin matched');
  if (options.length > (of.readOnly ? 1 : 0))
    throw new Error('Mount options are not supported by the hostPath plug-in');
  return { path: await checkHostPath(spec.hostPath, doors), manage: false };
}
