import {
  cidrHas,
  isGlobalUnicast,
  mustCidr,
  parseStrictIp,
  unmapped,
} from '../../base/addresses.ts';

/** This machine, and IPv4 addresses written the old way. */
const never = ['0.0.0.0/8', '::/96'].map(mustCidr);

/**
 * Whether the server connects to an address on somebody's word: not to its own loopback, a metadata
 * service or many machines (kube-apiserver's proxy/util IsProxyableIP).
 */
export function isProxyable(address: string): boolean {
  const written = parseStrictIp(address.split('%')[0] ?? '');
  const ip = written && unmapped(written);
  return ip !== undefined && isGlobalUnicast(ip) && !never.some((range) => cidrHas(range, ip));
}
