import type { PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Lister } from '../framework/handle.ts';
import { isMadeFor } from './volume-matching.ts';

/** The claims of a pod, or why one of them cannot be used (VolumeBinding's words). */
export function claimsFor(
  { pod, namespace, name, claims }: PodInfo,
  lister: Lister<PersistentVolumeClaim>,
): PersistentVolumeClaim[] | string {
  const found: PersistentVolumeClaim[] = [];
  for (const { name: claimName, ephemeral } of claims) {
    const claim = lister.get(`${namespace}/${claimName}`);
    if (!claim && ephemeral)
      return (
        'waiting for ephemeral volume controller to create the persistentvolumeclaim ' +
        `"${claimName}"`
      );
    if (!claim) return `persistentvolumeclaim "${claimName}" not found`;
    if (claim.status?.phase === 'Lost')
      return (
        `persistentvolumeclaim "${claimName}" bound to non-existent persistentvolume ` +
        `"${claim.spec.volumeName ?? ''}"`
      );
    if (claim.metadata.deletionTimestamp)
      return `persistentvolumeclaim "${claimName}" is being deleted`;
    if (ephemeral && !isMadeFor(claim, pod))
      return (
        `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${name} ` +
        '(pod is not owner)'
      );
    found.push(claim);
  }
  return found;
}

/** Whether the object of an event is a claim that the pod mounts. */
export function isClaimOf(pod: PodInfo, claim: object): boolean {
  const { namespace, name } = (claim as PersistentVolumeClaim).metadata;
  return namespace === pod.namespace && pod.claims.some((c) => c.name === name);
}
