import type { Container, PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts';

/**
 * The API objects that a pod's spec names, by resource: what its node must be able to read (api/pod
 * VisitPodSecretNames and its kin).
 */
export interface PodReferences {
  secrets: Set<string>;
  configmaps: Set<string>;
  persistentvolumeclaims: Set<string>;
  resourceclaims: Set<string>;
  serviceaccounts: Set<string>;
}

export function referencesOf(pod: Pod): PodReferences {
  const found: PodReferences = {
    secrets: new Set(),
    configmaps: new Set(),
    persistentvolumeclaims: new Set(),
    resourceclaims: new Set(),
    serviceaccounts: new Set(),
  };
  const add = (resource: keyof PodReferences, name: string | null | undefined): void => {
    if (name) found[resource].add(name);
  };
  const { spec } = pod;
  add('serviceaccounts', spec.serviceAccountName);
  for (const secret of spec.imagePullSecrets ?? []) add('secrets', secret.name);
  for (const container of [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ]) {
    for (const from of container.envFrom ?? []) {
      add('configmaps', from.configMapRef?.name);
      add('secrets', from.secretRef?.name);
    }
    for (const env of container.env ?? []) {
      add('configmaps', env.valueFrom?.configMapKeyRef?.name);
      add('secrets', env.valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    for (const name of secretsOfSource(volume)) add('secrets', name);
    add('configmaps', volume.configMap?.name);
    add(
      'persistentvolumeclaims',
      volume.persistentVolumeClaim?.claimName ??
        (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined),
    );
    for (const source of volume.projected?.sources ?? []) {
      add('secrets', source.secret?.name);
      add('configmaps', source.configMap?.name);
    }
  }
  for (const claim of spec.resourceClaims ?? []) {
    const made = (pod.status?.resourceClaimStatuses ?? []).find(
      (one) => one.name === claim.name,
    )?.resourceClaimName;
    add('resourceclaims', claim.resourceClaimName ?? made);
  }
  add('resourceclaims', pod.status?.extendedResourceClaimStatus?.resourceClaimName);
  return found;
}

/** Secrets of a volume source of any kind: those that carry one name it in one of these fields. */
const secretFields = [
  'secretRef',
  'nodePublishSecretRef',
  'nodeStageSecretRef',
  'nodeExpandSecretRef',
] as const;

interface Source {
  secretName?: string;
  secretNamespace?: string;
  [field: string]: unknown;
}

function* sourcesOf(holder: object): Iterable<Source> {
  for (const source of Object.values(holder) as unknown[])
    if (source && typeof source === 'object' && !Array.isArray(source)) yield source as Source;
}

function* secretsOfSource(volume: object): Iterable<string | undefined> {
  for (const source of sourcesOf(volume)) {
    yield source.secretName;
    for (const field of secretFields) yield (source[field] as { name?: string } | undefined)?.name;
  }
}

/** `namespace/name` of the Secrets that a node needs for a volume of this claim. */
export function volumeSecrets(volume: PersistentVolume): string[] {
  const claimNamespace = volume.spec?.claimRef?.namespace ?? '';
  const names: string[] = [];
  for (const source of sourcesOf(volume.spec ?? {})) {
    if (source.secretName)
      names.push(`${source.secretNamespace || claimNamespace}/${source.secretName}`);
    for (const field of secretFields) {
      const ref = source[field] as { name?: string; namespace?: string } | undefined;
      if (ref?.name) names.push(`${ref.namespace || claimNamespace}/${ref.name}`);
    }
  }
  return names;
}
