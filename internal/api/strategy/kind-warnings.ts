import { own } from '../../base/own.ts';
import type {
  Endpoints,
  NodeSpec,
  PersistentVolumeClaimSpec,
  ResourceQuotaSpec,
  ServiceSpec,
} from '../generated/types/core-v1.ts';
import type { EndpointSlice } from '../generated/types/discovery-v1.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { parseQuantity } from '../quantity.ts';
import { cidrWarnings, ipWarnings } from './ip-warnings.ts';

const quoted = JSON.stringify;

export function serviceWarnings(object: KubeObject): string[] {
  const spec = (fieldsOf(object)['spec'] as ServiceSpec | undefined) ?? {};
  const warnings: string[] = [];
  const hints = 'service.kubernetes.io/topology-aware-hints';
  if (object.metadata.annotations?.[hints] !== undefined)
    warnings.push(
      `annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
    );
  const headless = spec.clusterIP === 'None' && spec.type !== 'ExternalName';
  if (spec.clusterIP && spec.clusterIP !== 'None')
    (spec.clusterIPs ?? []).forEach((ip, i) =>
      warnings.push(...ipWarnings(`spec.clusterIPs[${i}]`, ip)),
    );
  if (headless) {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (spec.externalIPs?.length)
      warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity && spec.sessionAffinity !== 'None')
      warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  (spec.externalIPs ?? []).forEach((ip, i) =>
    warnings.push(...ipWarnings(`spec.externalIPs[${i}]`, ip)),
  );
  if (spec.externalIPs?.length && !headless && spec.type !== 'ExternalName')
    warnings.push(
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    );
  if (spec.loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP));
  (spec.loadBalancerSourceRanges ?? []).forEach((cidr, i) =>
    warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, cidr)),
  );
  if (spec.type === 'ExternalName' && spec.externalIPs?.length)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== 'ExternalName' && spec.externalName)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === 'PreferClose')
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

export function nodeWarnings(object: KubeObject): string[] {
  const spec = (fieldsOf(object)['spec'] as NodeSpec | undefined) ?? {};
  const warnings: string[] = [];
  if (spec.configSource) warnings.push('spec.configSource: the feature is removed');
  if (spec.externalID)
    warnings.push('spec.externalID: this field is deprecated, and is unused by Kubernetes');
  (spec.podCIDRs ?? []).forEach((cidr, i) =>
    warnings.push(...cidrWarnings(`spec.podCIDRs[${i}]`, cidr)),
  );
  return warnings;
}

export function endpointsWarnings(object: KubeObject): string[] {
  if (object.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller')
    return [];
  const warnings: string[] = [];
  ((object as Endpoints).subsets ?? []).forEach((subset, i) => {
    (subset.addresses ?? []).forEach((address, j) =>
      warnings.push(...ipWarnings(`subsets[${i}].addresses[${j}].ip`, address.ip)),
    );
    (subset.notReadyAddresses ?? []).forEach((address, j) =>
      warnings.push(...ipWarnings(`subsets[${i}].notReadyAddresses[${j}].ip`, address.ip)),
    );
  });
  return warnings;
}

const ourSlices = new Set([
  'endpointslice-controller.k8s.io',
  'endpointslicemirroring-controller.k8s.io',
]);

export function endpointSliceWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const slice = object as EndpointSlice;
  const warnings =
    !old && slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : [];
  if (ourSlices.has(object.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? ''))
    return warnings;
  (slice.endpoints ?? []).forEach((endpoint, i) =>
    (endpoint.addresses ?? []).forEach((ip, j) =>
      warnings.push(...ipWarnings(`endpoints[${i}].addresses[${j}]`, ip)),
    ),
  );
  return warnings;
}

export function quotaWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  if (old) return [];
  const hard = (fieldsOf(object)['spec'] as ResourceQuotaSpec | undefined)?.hard ?? {};
  const warnings: string[] = [];
  for (const name of ['cpu', 'memory', 'ephemeral-storage', 'storage']) {
    let request = `requests.${name}`;
    if (hard[request] === undefined && (name === 'cpu' || name === 'memory')) request = name;
    const limit = `limits.${name}`;
    const [asked, most] = [hard[request], hard[limit]];
    if (
      asked !== undefined &&
      most !== undefined &&
      parseQuantity(asked).cmp(parseQuantity(most)) > 0
    ) {
      warnings.push(`ResourceQuota ${request} (${asked}) should be less than ${limit} (${most})`);
    }
  }
  return warnings;
}

const mountableSecrets = 'kubernetes.io/enforce-mountable-secrets';

export function serviceAccountWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  if (
    old?.metadata.annotations?.[mountableSecrets] !== undefined ||
    object.metadata.annotations?.[mountableSecrets] === undefined
  )
    return [];
  return [
    `metadata.annotations[${mountableSecrets}]: deprecated in v1.32+; prefer separate ` +
      'namespaces to isolate access to mounted secrets',
  ];
}

export function claimWarnings(object: KubeObject): string[] {
  return claimSpecWarnings(
    'spec',
    (fieldsOf(object)['spec'] as PersistentVolumeClaimSpec | undefined) ?? {},
  );
}

export function claimSpecWarnings(
  path: string,
  spec: Partial<PersistentVolumeClaimSpec>,
): string[] {
  const warnings: string[] = [];
  for (const list of ['requests', 'limits'] as const)
    warnings.push(
      ...fractionalBytes(`${path}.resources.${list}`, spec.resources?.[list], ['storage']),
    );
  return warnings;
}

/** Half a byte cannot be stored; it is taken, with a word. */
export function fractionalBytes(
  path: string,
  list: Record<string, string> | undefined,
  names: readonly string[],
): string[] {
  return names.flatMap((name) => {
    const text = own(list, name);
    return text !== undefined && !parseQuantity(text).isWhole()
      ? [`${path}[${name}]: fractional byte value ${quoted(text)} is invalid, must be an integer`]
      : [];
  });
}
