import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { Opaque, type Value } from '../values.ts';

/** An IP address as a number of 32 or 128 bits. */
export class IpValue extends Opaque {
  readonly typeName = 'net.IP';
  readonly bits: bigint;
  readonly width: 32 | 128;

  constructor(bits: bigint, width: 32 | 128) {
    super();
    this.bits = bits;
    this.width = width;
  }

  equals(other: Value): boolean {
    return other instanceof IpValue && other.width === this.width && other.bits === this.bits;
  }
}

export class CidrValue extends Opaque {
  readonly typeName = 'net.CIDR';
  readonly ip: IpValue;
  readonly prefix: number;

  constructor(ip: IpValue, prefix: number) {
    super();
    this.ip = ip;
    this.prefix = prefix;
  }

  equals(other: Value): boolean {
    return other instanceof CidrValue && other.prefix === this.prefix && other.ip.equals(this.ip);
  }

  network(bits: bigint): bigint {
    return bits >> BigInt(this.ip.width - this.prefix);
  }
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (
    parts.length !== 4 ||
    parts.some((part) => !/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)
  )
    return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function groups(text: string): bigint[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))
    ? parts.map((part) => BigInt(`0x${part}`))
    : undefined;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '');
  const tail = groups(halves[1] ?? '');
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array<bigint>(missing).fill(0n), ...tail].reduce(
    (bits, group) => (bits << 16n) | group,
    0n,
  );
}

/** No leading zeroes, zones or IPv4 inside IPv6: one address has few spellings. */
export function parseIp(text: string): IpValue | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return new IpValue(v4, 32);
  const v6 = text.includes(':') ? parseV6(text) : undefined;
  return v6 === undefined ? undefined : new IpValue(v6, 128);
}

export function showIp({ bits, width }: IpValue): string {
  if (width === 32)
    return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
  const parts = Array.from({ length: 8 }, (_, i) =>
    ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const zeroes = [...parts.join(':').matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)].sort(
    (a, b) => b[0].length - a[0].length,
  )[0];
  const text = parts.join(':');
  if (!zeroes) return text;
  return (
    `${text.slice(0, zeroes.index).replace(/:$/, '')}` +
    `::${text.slice(zeroes.index + zeroes[0].length).replace(/^:/, '')}`
  );
}

function parseCidr(text: string): CidrValue | undefined {
  const [address = '', prefix = '', ...more] = text.split('/');
  const ip = parseIp(address);
  if (!ip || more.length || !/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > ip.width)
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

function inRange(ip: IpValue, v4: string | undefined, v6: string | undefined): boolean {
  const range = ip.width === 32 ? v4 : v6;
  return range !== undefined && containsIp(mustCidr(range), ip);
}

function containsIp(cidr: CidrValue, ip: IpValue): boolean {
  return cidr.ip.width === ip.width && cidr.network(cidr.ip.bits) === cidr.network(ip.bits);
}

const containsCidr = (cidr: CidrValue, other: CidrValue): boolean =>
  other.prefix >= cidr.prefix && containsIp(cidr, other.ip);
const isLoopback = (ip: IpValue): boolean => inRange(ip, '127.0.0.0/8', '::1/128');
const isLocalUnicast = (ip: IpValue): boolean => inRange(ip, '169.254.0.0/16', 'fe80::/10');
const isMulticast = (ip: IpValue): boolean => inRange(ip, '224.0.0.0/4', 'ff00::/8');
const isGlobal = (ip: IpValue): boolean =>
  ip.bits !== 0n &&
  ip.bits !== 0xffffffffn &&
  !isLoopback(ip) &&
  !isLocalUnicast(ip) &&
  !isMulticast(ip);

function masked(cidr: CidrValue): CidrValue {
  const host = BigInt(cidr.ip.width - cidr.prefix);
  return new CidrValue(new IpValue((cidr.ip.bits >> host) << host, cidr.ip.width), cidr.prefix);
}

export function addresses(registry: Registry): void {
  registry.define('ip(string): net.IP', mustIp);
  registry.define('isIP(string): bool', (text: string) => parseIp(text) !== undefined);
  registry.define('ip.isCanonical(string): bool', (text: string) => showIp(mustIp(text)) === text);
  registry.define('string(net.IP): string', showIp);
  registry.define('net.IP->family(): int', (ip: IpValue) => (ip.width === 32 ? 4n : 6n));
  registry.define('net.IP->isUnspecified(): bool', (ip: IpValue) => ip.bits === 0n);
  registry.define('net.IP->isLoopback(): bool', isLoopback);
  registry.define('net.IP->isLinkLocalMulticast(): bool', (ip: IpValue) =>
    inRange(ip, '224.0.0.0/24', 'ff02::/16'),
  );
  registry.define('net.IP->isLinkLocalUnicast(): bool', isLocalUnicast);
  registry.define('net.IP->isGlobalUnicast(): bool', isGlobal);
  registry.define('cidr(string): net.CIDR', mustCidr);
  registry.define('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined);
  registry.define(
    'string(net.CIDR): string',
    (cidr: CidrValue) => `${showIp(cidr.ip)}/${cidr.prefix}`,
  );
  registry.define('net.CIDR->containsIP(net.IP): bool', containsIp);
  registry.define('net.CIDR->containsIP(string): bool', (cidr: CidrValue, text: string) =>
    containsIp(cidr, mustIp(text)),
  );
  registry.define('net.CIDR->containsCIDR(net.CIDR): bool', containsCidr);
  registry.define('net.CIDR->containsCIDR(string): bool', (cidr: CidrValue, text: string) =>
    containsCidr(cidr, mustCidr(text)),
  );
  registry.define('net.CIDR->ip(): net.IP', (cidr: CidrValue) => cidr.ip);
  registry.define('net.CIDR->masked(): net.CIDR', masked);
  registry.define('net.CIDR->prefixLength(): int', (cidr: CidrValue) => BigInt(cidr.prefix));
}
