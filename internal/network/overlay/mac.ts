import { baseOf, type Ipv4Cidr } from '../../base/addresses.ts';

declare const made: unique symbol;
/** `0a:58:0a:2a:01:00`: of one device, in lower case. Only this module makes one. */
export type Mac = string & { readonly [made]: 'mac' };

/** What is not an address of a single device is none: the lowest bit of the first byte says so. */
export function parseMac(text: unknown): Mac | undefined {
  if (typeof text !== 'string' || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return undefined;
  const single = (parseInt(text.slice(0, 2), 16) & 1) === 0;
  return single && !/^[0:]+$/.test(text) ? (text.toLowerCase() as Mac) : undefined;
}

/**
 * The address of a skiff node's VXLAN device: 0a:58 and the four bytes of the pod network's
 * address.
 */
export function vtepMac(podCidr: Ipv4Cidr): Mac {
  const bytes = baseOf(podCidr)
    .split('.')
    .map((b) => Number(b).toString(16).padStart(2, '0'));
  return `0a:58:${bytes.join(':')}` as Mac;
}
