import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import { refs } from '../../../client/refs.ts';
import { plain, type PodVolume, type VolumePlugin } from '../plugin.ts';
import { refreshClaim, setUpClaim, type BoundVolumes, type UsedClaim } from './bound-volume.ts';

/** A claim that a controller has made for this pod alone, and that goes with it. */
export function ephemeral(bound: BoundVolumes): VolumePlugin {
  const usedClaim = async (of: PodVolume): Promise<UsedClaim> => {
    const { pod, volume } = of;
    const namespace = pod.metadata.namespace ?? '';
    const name = `${pod.metadata.name ?? ''}-${volume.name}`;
    const claim = await bound.client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
      namespace,
      name,
    });
    // Another client may have made a claim of this name.
    const owned = (claim.metadata.ownerReferences ?? []).some(
      (owner) => owner.controller === true && owner.uid === pod.metadata.uid,
    );
    if (!owned)
      throw new Error(
        `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} ` +
          '(pod is not owner)',
      );
    return { of, claim, readOnly: false };
  };
  return {
    ...plain,
    name: 'ephemeral',
    supports: (volume) => Boolean(volume.ephemeral),
    setUp: async (of, { adopted }) => await setUpClaim(bound, await usedClaim(of), adopted),
    refresh: async (of, mounted) => {
      if (mounted.room || mounted.grow) await refreshClaim(bound, await usedClaim(of), mounted);
    },
    tearDown: (uid) => Promise.resolve(bound.soleUse.release(uid)),
  };
}
