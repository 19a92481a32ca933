import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import {
  cidrHas,
  cidrHolds,
  cidrsOverlap,
  familyOf,
  parseCidr,
  type Cidr,
  type Ip,
} from '../../base/addresses.ts';
import type { LeftOut } from './service-ports.ts';

export interface RangeContext {
  configured: Cidr;
  clusterCidr: Cidr;
  nodeIp: Ip | undefined;
  leftOut: LeftOut;
}

/**
 * The networks whose addresses are services': the configured one and every ServiceCIDR's, none
 * inside another, in one order. What goes to an address of theirs that no service has is refused,
 * so a range with pods or this node in it is left out.
 */
export function serviceRanges(
  objects: Iterable<ServiceCIDR>,
  { configured, clusterCidr, nodeIp, leftOut }: RangeContext,
): Cidr[] {
  const found = new Set([configured]);
  for (const { metadata, spec } of objects) {
    for (const text of spec?.cidrs ?? []) {
      const range = parseCidr(text);
      if (range === configured) continue;
      if (range && familyOf(range) !== familyOf(configured)) continue;
      if (range && !cidrsOverlap(range, clusterCidr) && !(nodeIp && cidrHas(range, nodeIp)))
        found.add(range);
      else if (range || !text.includes(':'))
        leftOut(
          `ServiceCIDR ${metadata.name}: ${JSON.stringify(text).slice(0, 80)} is not a network ` +
            'of services alone',
        );
    }
  }
  const all = [...found].sort();
  return all.filter((one) => !all.some((other) => other !== one && cidrHolds(other, one)));
}
