import type { Pod } from '../../../api/generated/types/core-v1.ts';
import type { ResourceClaim } from '../../../api/generated/types/resource-v1.ts';
import type { Lister } from '../../framework/handle.ts';

/** ResourceClaimReservedForMaxSize. */
const mostUsers = 256;

/** The ResourceClaims of a pod, or why one of them cannot be used yet. */
export function podClaims(pod: Pod, lister: Lister<ResourceClaim>): ResourceClaim[] | string {
  const { namespace, name: podName, uid } = pod.metadata;
  const found: ResourceClaim[] = [];
  for (const { name, resourceClaimName, resourceClaimTemplateName } of pod.spec.resourceClaims ??
    []) {
    let claimName = resourceClaimName;
    if (!claimName && resourceClaimTemplateName) {
      const status = (pod.status?.resourceClaimStatuses ?? []).find((s) => s.name === name);
      if (!status) return `pod "${namespace}/${podName}": ResourceClaim not created yet`;
      // None was needed.
      if (!status.resourceClaimName) continue;
      claimName = status.resourceClaimName;
    }
    const claim = lister.get(`${namespace}/${claimName}`);
    if (!claim) return `could not find ResourceClaim "${namespace}/${claimName}"`;
    if (claim.metadata.deletionTimestamp) return `resourceclaim "${claimName}" is being deleted`;
    const owned = (claim.metadata.ownerReferences ?? []).some((o) => o.controller && o.uid === uid);
    if (!resourceClaimName && !owned)
      return (
        `ResourceClaim ${namespace}/${claimName} was not created for Pod ` +
        `${namespace}/${podName} (Pod is not owner)`
      );
    found.push(claim);
  }
  return found;
}

export const isReservedFor = (claim: ResourceClaim, uid: string): boolean =>
  (claim.status?.reservedFor ?? []).some((user) => user.uid === uid);

export const canBeReserved = (claim: ResourceClaim): boolean =>
  (claim.status?.reservedFor ?? []).length < mostUsers;

/** Whether the event's claim is one that the pod names. */
export function namesClaim({ metadata, spec, status }: Pod, claim: ResourceClaim): boolean {
  if (claim.metadata.namespace !== metadata.namespace) return false;
  const { name } = claim.metadata;
  return (
    (spec.resourceClaims ?? []).some((c) => c.resourceClaimName === name) ||
    (status?.resourceClaimStatuses ?? []).some((c) => c.resourceClaimName === name) ||
    (claim.metadata.ownerReferences ?? []).some((o) => o.uid === metadata.uid)
  );
}
