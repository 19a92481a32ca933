import { own } from '../../base/own.ts';
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { isPromisedTo, sizeOfVolume, wishesOf } from '../../api/storage/claims.ts';

export function isMadeFor(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.uid === pod.metadata.uid,
  );
}

/** Bound by the volume controller; a claim that only names its volume is not. */
export const isBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec.volumeName) &&
  (claim.status?.phase === 'Bound' ||
    own(claim.metadata.annotations, 'pv.kubernetes.io/bind-completed') !== undefined);

/** The class of a claim that says no volume can be made for it. */
const noProvisioner = 'kubernetes.io/no-provisioner';

/**
 * The smallest volume that could be given to this claim and is reached from this node. `taken` says
 * which volumes are promised to other claims.
 */
export function volumeFor(
  claim: PersistentVolumeClaim,
  node: Node,
  volumes: Iterable<PersistentVolume>,
  taken: (volume: string) => boolean,
): PersistentVolume | undefined {
  const { fits, selects } = wishesOf(claim);
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    const { spec, metadata } = volume;
    const mine = isPromisedTo(volume, claim);
    if (
      metadata.deletionTimestamp ||
      taken(metadata.name ?? '') ||
      (spec.claimRef ? !mine : volume.status?.phase !== 'Available')
    )
      continue;
    if (!selects(volume) || !fits(volume)) continue;
    if (spec.nodeAffinity?.required && !matchesNodeSelector(spec.nodeAffinity.required, node))
      continue;
    if (mine) return volume;
    if (!best || sizeOfVolume(volume).cmp(sizeOfVolume(best)) < 0) best = volume;
  }
  return best;
}

/** Whether a volume can be made for a claim of this class on this node. */
export function canProvision(storageClass: StorageClass | undefined, node: Node): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === noProvisioner) return false;
  const topologies = storageClass.allowedTopologies ?? [];
  const labels = node.metadata.labels ?? {};
  return (
    topologies.length === 0 ||
    topologies.some((term) =>
      (term.matchLabelExpressions ?? []).every((e) => e.values.includes(own(labels, e.key) ?? '')),
    )
  );
}
