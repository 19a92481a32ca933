import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts';
import { refs } from '../../../client/refs.ts';
import { plain, type VolumePlugin } from '../plugin.ts';
import { setUpClaim, type BoundVolumes } from './bound-volume.ts';

/** A claim that a controller has made for this pod alone, and that goes with it. */
export function ephemeral(bound: BoundVolumes): VolumePlugin {
  return {
    ...plain,
    name: 'ephemeral',
    supports: (volume) => Boolean(volume.ephemeral),
    async setUp({ pod, volume }, { adopted }) {
      const namespace = pod.metadata.namespace ?? '';
      const name = `${pod.metadata.name ?? ''}-${volume.name}`;
      const claim = await bound.client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
        namespace,
        name,
      });
      // Somebody else may have made a claim of this name.
      const owned = (claim.metadata.ownerReferences ?? []).some(
        (owner) => owner.controller === true && owner.uid === pod.metadata.uid,
      );
      if (!owned)
        throw new Error(
          `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} ` +
            '(pod is not owner)',
        );
      return await setUpClaim(bound, { pod, name: volume.name, claim, readOnly: false, adopted });
    },
    tearDown: (uid) => Promise.resolve(bound.soleUse.release(uid)),
  };
}
