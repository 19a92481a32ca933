import type { ServiceSpec } from '../../api/generated/types/core-v1.ts';

export const needsIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName';

export const isHeadless = (spec: ServiceSpec): boolean =>
  spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';

export function ipsOf(spec: ServiceSpec | undefined): string[] {
  return spec && needsIp(spec) && !isHeadless(spec)
    ? (spec.clusterIPs ?? []).filter((ip) => ip && ip !== 'None')
    : [];
}
