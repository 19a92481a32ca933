import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import { refs } from '../../../client/refs.ts';
import { plain, type VolumePlugin } from '../plugin.ts';
import { setUpClaim, type BoundVolumes } from './bound-volume.ts';

/** A claim of the pod's namespace, bound to a hostPath or local PersistentVolume. */
export function persistentVolumeClaim(bound: BoundVolumes): VolumePlugin {
  return {
    ...plain,
    name: 'persistentVolumeClaim',
    supports: (volume) => Boolean(volume.persistentVolumeClaim),
    async setUp({ pod, volume }, { adopted }) {
      const { claimName, readOnly = false } = volume.persistentVolumeClaim!;
      const claim = await bound.client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
        namespace: pod.metadata.namespace ?? '',
        name: claimName,
      });
      return await setUpClaim(bound, { pod, name: volume.name, claim, readOnly, adopted });
    },
    tearDown: (uid) => Promise.resolve(bound.soleUse.release(uid)),
  };
}
