import { BlockList, isIP } from 'node:net';
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';

const family = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4');

function holderOf(ranges: Iterable<ServiceCIDR>): (address: string) => boolean {
  const list = new BlockList();
  for (const { spec } of ranges) {
    for (const cidr of spec?.cidrs ?? []) {
      const [base = '', bits = ''] = cidr.split('/');
      list.addSubnet(base, Number(bits), family(base));
    }
  }
  return (address) => isIP(address) > 0 && list.check(address, family(address));
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
