import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import { refs } from '../../../client/refs.ts';
import { plain, type PodVolume, type VolumePlugin } from '../plugin.ts';
import { refreshClaim, setUpClaim, type BoundVolumes, type UsedClaim } from './bound-volume.ts';

/** A claim of the pod's namespace, bound to a PersistentVolume. */
export function persistentVolumeClaim(bound: BoundVolumes): VolumePlugin {
  const usedClaim = async (of: PodVolume): Promise<UsedClaim> => {
    const { claimName, readOnly = false } = of.volume.persistentVolumeClaim!;
    const claim = await bound.client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
      namespace: of.pod.metadata.namespace ?? '',
      name: claimName,
    });
    return { of, claim, readOnly };
  };
  return {
    ...plain,
    name: 'persistentVolumeClaim',
    supports: (volume) => Boolean(volume.persistentVolumeClaim),
    setUp: async (of, { adopted }) => await setUpClaim(bound, await usedClaim(of), adopted),
    refresh: async (of, mounted) => {
      if (mounted.room || mounted.grow) await refreshClaim(bound, await usedClaim(of), mounted);
    },
    tearDown: (uid) => Promise.resolve(bound.soleUse.release(uid)),
  };
}
