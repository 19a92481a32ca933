import {
  baseOf,
  cidrHas,
  cidrHolds,
  cidrOf,
  familyOf,
  isMapped,
  isGlobalUnicast,
  isLinkLocal,
  isLinkLocalMulticast,
  isLoopback,
  isUnspecified,
  parseStrictIp,
  widthOf,
  type Cidr,
  type Ip,
} from '../../../base/addresses.ts';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { Opaque, type Value } from '../values.ts';

class IpValue extends Opaque {
  readonly typeName = 'net.IP';
  readonly ip: Ip;

  constructor(ip: Ip) {
    super();
    this.ip = ip;
  }

  equals(other: Value): boolean {
    return other instanceof IpValue && other.ip === this.ip;
  }
}

/** Host bits stay until masked() takes them away. */
class CidrValue extends Opaque {
  readonly typeName = 'net.CIDR';
  readonly ip: Ip;
  readonly prefix: number;

  constructor(ip: Ip, prefix: number) {
    super();
    this.ip = ip;
    this.prefix = prefix;
  }

  equals(other: Value): boolean {
    return other instanceof CidrValue && other.prefix === this.prefix && other.ip === this.ip;
  }

  get network(): Cidr {
    return cidrOf(this.ip, this.prefix);
  }
}

/** No leading zeroes, zones or IPv4 that stands as IPv6: one address has few spellings. */
function parseIp(text: string): IpValue | undefined {
  const ip = parseStrictIp(text);
  return ip && !isMapped(ip) ? new IpValue(ip) : undefined;
}

function parseCidr(text: string): CidrValue | undefined {
  const [address = '', prefix = '', ...more] = text.split('/');
  const ip = parseIp(address)?.ip;
  if (
    !ip ||
    more.length ||
    !/^(?:0|[1-9]\d{0,2})$/.test(prefix) ||
    Number(prefix) > widthOf(familyOf(ip))
  )
    return undefined;
  return new CidrValue(ip, Number(prefix));
}

function mustIp(text: string): IpValue {
  const ip = parseIp(text);
  if (!ip)
    throw new CelError(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: unable ` +
        'to parse IP',
    );
  return ip;
}

function mustCidr(text: string): CidrValue {
  const cidr = parseCidr(text);
  if (!cidr)
    throw new CelError(
      `network address parse error during conversion from string: ${JSON.stringify(text)}`,
    );
  return cidr;
}

const of =
  (holds: (ip: Ip) => boolean) =>
  ({ ip }: IpValue): boolean =>
    holds(ip);
const containsIp = (cidr: CidrValue, { ip }: IpValue): boolean => cidrHas(cidr.network, ip);
const containsCidr = (cidr: CidrValue, other: CidrValue): boolean =>
  cidrHolds(cidr.network, other.network);

export function addresses(registry: Registry): void {
  registry.define('ip(string): net.IP', mustIp);
  registry.define('isIP(string): bool', (text: string) => parseIp(text) !== undefined);
  registry.define('ip.isCanonical(string): bool', (text: string) => mustIp(text).ip === text);
  registry.define('string(net.IP): string', ({ ip }: IpValue) => ip);
  registry.define('net.IP->family(): int', ({ ip }: IpValue) => BigInt(familyOf(ip)));
  registry.define('net.IP->isUnspecified(): bool', of(isUnspecified));
  registry.define('net.IP->isLoopback(): bool', of(isLoopback));
  registry.define('net.IP->isLinkLocalMulticast(): bool', of(isLinkLocalMulticast));
  registry.define('net.IP->isLinkLocalUnicast(): bool', of(isLinkLocal));
  registry.define('net.IP->isGlobalUnicast(): bool', of(isGlobalUnicast));
  registry.define('cidr(string): net.CIDR', mustCidr);
  registry.define('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined);
  registry.define('string(net.CIDR): string', (cidr: CidrValue) => `${cidr.ip}/${cidr.prefix}`);
  registry.define('net.CIDR->containsIP(net.IP): bool', containsIp);
  registry.define('net.CIDR->containsIP(string): bool', (cidr: CidrValue, text: string) =>
    containsIp(cidr, mustIp(text)),
  );
  registry.define('net.CIDR->containsCIDR(net.CIDR): bool', containsCidr);
  registry.define('net.CIDR->containsCIDR(string): bool', (cidr: CidrValue, text: string) =>
    containsCidr(cidr, mustCidr(text)),
  );
  registry.define('net.CIDR->ip(): net.IP', (cidr: CidrValue) => new IpValue(cidr.ip));
  registry.define(
    'net.CIDR->masked(): net.CIDR',
    ({ network, prefix }: CidrValue) => new CidrValue(baseOf(network), prefix),
  );
  registry.define('net.CIDR->prefixLength(): int', (cidr: CidrValue) => BigInt(cidr.prefix));
}
