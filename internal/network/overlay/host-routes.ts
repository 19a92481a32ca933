import { parseIpv4, type Ipv4 } from '../../base/addresses.ts';

const wholeMask = 'FFFFFFFF';
const byteDigits = /../g;

/**
 * The routes to single addresses in the text of /proc/net/route: address to device. Its numbers
 * are of this machine's byte order, and both architectures are little endian.
 */
export function hostRoutes(text: string): Map<Ipv4, string> {
  const routes = new Map<Ipv4, string>();
  for (const line of text.split('\n').slice(1)) {
    const fields = line.split('\t').map((field) => field.trim());
    const [device = '', destination = ''] = fields;
    if (fields[7] !== wholeMask) continue;
    const bytes = (destination.match(byteDigits) ?? []).map((hex) => Number.parseInt(hex, 16));
    const ip = parseIpv4(bytes.reverse().join('.'));
    if (ip !== undefined) routes.set(ip, device);
  }
  return routes;
}
