import type { Node, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import {
  namespaceOf,
  refuse,
  refuseFinally,
  type Filter,
  type Refusal,
  type View,
} from '../plugin.ts';
import { canProvision, claimsOf, isBound, isMadeFor, volumeFor } from './claims.ts';

/** A claim with the access mode ReadWriteOncePod belongs to one pod of the whole cluster. */
export const volumeRestrictions: Filter = {
  name: 'VolumeRestrictions',
  prepare(view) {
    const namespace = namespaceOf(view.pod.pod);
    const alone = new Set(
      claimsOf(view.pod.pod).flatMap(({ name }) =>
        view.claim(namespace, name)?.spec.accessModes?.includes('ReadWriteOncePod') ? [name] : [],
      ),
    );
    if (alone.size === 0) return undefined;
    const taken = view.nodes.some((node) =>
      [...node.pods.values()].some(
        ({ pod }) =>
          namespaceOf(pod) === namespace && claimsOf(pod).some(({ name }) => alone.has(name)),
      ),
    );
    return taken
      ? () =>
          refuse(
            'node has pod using PersistentVolumeClaim with the same name and ' +
              'ReadWriteOncePod access mode',
          )
      : undefined;
  },
};

/**
 * Bound volumes must be reached from the node; a claim that waits for its consumer needs a volume
 * there, or somebody who makes one.
 */
export const volumeBinding: Filter = {
  name: 'VolumeBinding',
  prepare(view) {
    const found = claimsFor(view);
    if (typeof found === 'string') return found;
    if (found.length === 0) return undefined;
    const bound = found.filter(isBound);
    const unbound = found.filter((claim) => !isBound(claim));
    if (
      unbound.some(
        (claim) =>
          view.storageClass(claim.spec.storageClassName ?? '')?.volumeBindingMode !==
          'WaitForFirstConsumer',
      )
    )
      return 'pod has unbound immediate PersistentVolumeClaims';
    return ({ node }) => reachable(view, bound, node) ?? bindable(view, unbound, node);
  },
};

function claimsFor(view: View): PersistentVolumeClaim[] | string {
  const { pod } = view.pod;
  const namespace = namespaceOf(pod);
  const found: PersistentVolumeClaim[] = [];
  for (const { name, ephemeral } of claimsOf(pod)) {
    const claim = view.claim(namespace, name);
    if (!claim && ephemeral)
      return `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    if (claim.status?.phase === 'Lost')
      return (
        `persistentvolumeclaim "${name}" bound to non-existent persistentvolume ` +
        `"${claim.spec.volumeName ?? ''}"`
      );
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (ephemeral && !isMadeFor(claim, pod))
      return (
        `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} ` +
        '(pod is not owner)'
      );
    found.push(claim);
  }
  return found;
}

function reachable(view: View, claims: PersistentVolumeClaim[], node: Node): Refusal | undefined {
  for (const claim of claims) {
    const volume = view.volume(claim.spec.volumeName ?? '');
    if (!volume)
      return refuseFinally(
        'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
      );
    const required = volume.spec.nodeAffinity?.required;
    if (required && !matchesNodeSelector(required, node))
      return refuseFinally("node(s) didn't match PersistentVolume's node affinity");
  }
  return undefined;
}

function bindable(view: View, claims: PersistentVolumeClaim[], node: Node): Refusal | undefined {
  const taken = new Set<string>();
  for (const claim of claims) {
    const volume = volumeFor(claim, node, view.volumes(), taken);
    if (volume) taken.add(volume.metadata.name ?? '');
    else if (!canProvision(view.storageClass(claim.spec.storageClassName ?? ''), node))
      return refuseFinally("node(s) didn't find available persistent volumes to bind");
  }
  return undefined;
}
