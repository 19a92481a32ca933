import { BlockList, isIP } from 'node:net';

/**
 * Everything that is no global unicast address (Go's net.IP.IsGlobalUnicast): the server's own
 * loopback, link-local with its metadata services, multicast.
 */
const special = new BlockList();
special.addSubnet('0.0.0.0', 8, 'ipv4');
special.addSubnet('127.0.0.0', 8, 'ipv4');
special.addSubnet('169.254.0.0', 16, 'ipv4');
special.addSubnet('224.0.0.0', 4, 'ipv4');
special.addAddress('255.255.255.255', 'ipv4');
// The first 96 bits zero: unspecified, loopback, and IPv4 written the old way.
special.addSubnet('::', 96, 'ipv6');
special.addSubnet('fe80::', 10, 'ipv6');
special.addSubnet('ff00::', 8, 'ipv6');

/**
 * Whether the server connects to an address on somebody's word (kube-apiserver's proxy/util
 * IsProxyableIP).
 */
export function isProxyable(address: string): boolean {
  const [plain = ''] = address.split('%');
  const family = isIP(plain);
  return family !== 0 && !special.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}
