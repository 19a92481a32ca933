import type { Pod } from '../../api/generated/types/core-v1.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { namespaceOf, refuseFinally, type Filter } from '../plugin.ts';

/** Claims that a pod mounts, by name. */
export function claimNames(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((v) => {
    if (v.persistentVolumeClaim) return [v.persistentVolumeClaim.claimName];
    return v.ephemeral ? [`${pod.metadata.name}-${v.name}`] : [];
  });
}

/** Bound volumes must be reachable from the node; unbound ones must be able to wait for the pod's node. */
export const volumeBinding: Filter = {
  name: 'VolumeBinding',
  prepare(view) {
    const names = claimNames(view.pod.pod);
    if (names.length === 0) return undefined;
    const namespace = namespaceOf(view.pod.pod);
    const claims = names.map((name) => ({ name, claim: view.claim(namespace, name) }));
    const lost = claims.find((c) => !c.claim || c.claim.metadata.deletionTimestamp);
    if (lost?.claim) return `persistentvolumeclaim "${lost.name}" is being deleted`;
    if (lost) return `persistentvolumeclaim "${lost.name}" not found`;
    const waiting = claims.some(({ claim }) => !claim?.spec.volumeName && !view.waitsForConsumer(claim?.spec.storageClassName ?? ''));
    if (waiting) return 'pod has unbound immediate PersistentVolumeClaims';
    const required = claims.flatMap(({ claim }) => {
      const affinity = claim?.spec.volumeName ? view.volume(claim.spec.volumeName)?.spec.nodeAffinity?.required : undefined;
      return affinity ? [affinity] : [];
    });
    return (node) => (required.every((r) => matchesNodeSelector(r, node.node)) ? undefined : refuseFinally("node(s) didn't match PersistentVolume's node affinity"));
  },
};
