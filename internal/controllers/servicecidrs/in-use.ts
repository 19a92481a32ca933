import { cidrHas, parseCidr, parseIp } from '../../base/addresses.ts';
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';

function holderOf(ranges: Iterable<ServiceCIDR>): (address: string) => boolean {
  const cidrs = [...ranges].flatMap(({ spec }) =>
    (spec?.cidrs ?? []).flatMap((text) => parseCidr(text) ?? []),
  );
  return (address) => {
    const ip = parseIp(address);
    return ip !== undefined && cidrs.some((cidr) => cidrHas(cidr, ip));
  };
}

/**
 * An address in use that would belong to no range without this one; undefined when `object` may go.
 */
export function blockingAddress(
  object: ServiceCIDR,
  all: Iterable<ServiceCIDR>,
  addresses: Iterable<IPAddress>,
): string | undefined {
  const own = holderOf([object]);
  const elsewhere = holderOf(
    [...all].filter(
      (one) => one.metadata.uid !== object.metadata.uid && !one.metadata.deletionTimestamp,
    ),
  );
  for (const { metadata } of addresses)
    if (own(metadata.name ?? '') && !elsewhere(metadata.name ?? '')) return metadata.name;
  return undefined;
}
