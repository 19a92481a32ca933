import type { StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type {
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  Volume,
} from '../../api/generated/types/core-v1.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import { refs } from '../../client/refs.ts';
import { controllerRef } from '../owners.ts';
import { podFromTemplate } from '../pod-control.ts';

const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';
const revisionLabel = 'controller-revision-hash';

export const startOrdinal = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0;
export const replicasOf = (set: StatefulSet): number => set.spec.replicas ?? 1;
export const revisionNameOf = (pod: Pod): string => pod.metadata.labels?.[revisionLabel] ?? '';

/** The ordinal in the pod's name if it is one of the set's; -1 otherwise. */
export function ordinalOf(set: StatefulSet, pod: Pod): number {
  const prefix = `${set.metadata.name}-`;
  const name = pod.metadata.name ?? '';
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^\d+$/.test(rest) ? Number(rest) : -1;
}

export function podOf(
  set: StatefulSet,
  template: PodTemplateSpec,
  ordinal: number,
  revision: string,
): Pod {
  const pod = podFromTemplate(template, { ref: refs.statefulSets, object: set });
  const name = `${set.metadata.name}-${ordinal}`;
  pod.metadata.name = name;
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [podNameLabel]: name,
    [indexLabel]: String(ordinal),
    [revisionLabel]: revision,
  };
  const claims: Volume[] = (set.spec.volumeClaimTemplates ?? []).map((c) => ({
    name: c.metadata.name!,
    persistentVolumeClaim: { claimName: claimName(set, c, ordinal) },
  }));
  const own = (pod.spec.volumes ?? []).filter((v) => !claims.some((c) => c.name === v.name));
  const volumes = [...claims, ...own];
  pod.spec = {
    ...pod.spec,
    hostname: name,
    ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
  };
  return pod as Pod;
}

/** Labels that tell who the pod is, as far as they are missing or wrong. */
export function wrongLabels(pod: Pod, ordinal: number): Record<string, string> | undefined {
  const wanted = { [podNameLabel]: pod.metadata.name!, [indexLabel]: String(ordinal) };
  return pod.metadata.labels?.[podNameLabel] === pod.metadata.name ? undefined : wanted;
}

function claimName(set: StatefulSet, claim: PersistentVolumeClaim, ordinal: number): string {
  return `${claim.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The claims a replica needs, as they should be made. */
export function claimsOf(
  set: StatefulSet,
  ordinal: number,
): { metadata: PersistentVolumeClaim['metadata']; spec: PersistentVolumeClaim['spec'] }[] {
  return (set.spec.volumeClaimTemplates ?? []).map((c) => ({
    metadata: {
      name: claimName(set, c, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...c.metadata.labels, ...set.spec.selector?.matchLabels },
      ...(c.metadata.annotations ? { annotations: c.metadata.annotations } : {}),
    },
    spec: c.spec,
  }));
}

/**
 * Who a claim must be owned by under the set's retention policy. `pod` is given while the replica
 * is beyond the set's size.
 */
export function claimOwners(
  set: StatefulSet,
  present: OwnerReference[],
  condemned: Pod | undefined,
): OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const others = present.filter(
    (o) =>
      o.uid !== set.metadata.uid &&
      !(o.kind === 'Pod' && o.apiVersion === 'v1' && o.name.startsWith(`${set.metadata.name}-`)),
  );
  if (whenScaled === 'Delete' && condemned?.metadata.uid)
    return [...others, controllerRef(refs.pods, condemned)];
  return whenDeleted === 'Delete' ? [...others, controllerRef(refs.statefulSets, set)] : others;
}
