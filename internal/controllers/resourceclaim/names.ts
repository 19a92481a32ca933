import type { Pod, PodResourceClaim } from '../../api/generated/types/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/types/resource-v1.ts';
import { isFinished } from '../pod-facts.ts';
import { controllerOf } from '../owners.ts';

/** The claim of a pod that was made for this entry of its spec. */
export const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name';
/** Holds a claim while it is allocated. */
export const claimFinalizer = 'resource.kubernetes.io/delete-protection';

/**
 * Which claim stands behind an entry of a pod: `named` by the user, `generated` from a template and
 * told in the pod's status, `none` when the status says that none is needed, `unknown` when it has
 * yet to be made.
 */
export type ClaimOfPod =
  | { is: 'named'; name: string }
  | { is: 'generated'; name: string }
  | { is: 'none' }
  | { is: 'unknown' };

export function claimOfPod(pod: Pod, entry: PodResourceClaim): ClaimOfPod {
  if (entry.resourceClaimName !== undefined) return { is: 'named', name: entry.resourceClaimName };
  const told = (pod.status?.resourceClaimStatuses ?? []).find((s) => s.name === entry.name);
  if (!told) return { is: 'unknown' };
  return told.resourceClaimName === undefined
    ? { is: 'none' }
    : { is: 'generated', name: told.resourceClaimName };
}

/** The names of all claims a pod is known to use, those for extended resources too. */
export function claimNamesOf(pod: Pod): string[] {
  const names = (pod.spec.resourceClaims ?? []).flatMap((entry) => {
    const claim = claimOfPod(pod, entry);
    return 'name' in claim ? [claim.name] : [];
  });
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  return [...new Set(extended ? [...names, extended] : names)];
}

/** None of its containers runs, or ever will. */
export function isDone(pod: Pod): boolean {
  return isFinished(pod) || Boolean(pod.metadata.deletionTimestamp && !pod.spec.nodeName);
}

/** The pod that a claim was made for. */
export function owningPod(claim: ResourceClaim): { name: string; uid: string } | undefined {
  const owner = controllerOf(claim);
  return owner?.apiVersion === 'v1' && owner.kind === 'Pod' ? owner : undefined;
}

export function isForPod(claim: ResourceClaim, pod: Pod): boolean {
  return owningPod(claim)?.uid === pod.metadata.uid;
}

export function isReservedFor(claim: ResourceClaim, pod: Pod): boolean {
  return (claim.status?.reservedFor ?? []).some((r) => r.uid === pod.metadata.uid);
}
