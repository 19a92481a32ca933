import { isIP, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * IP addresses and networks of both families. What comes from outside becomes one of the types here
 * first, and then has one spelling: dotted, or RFC 5952. Nothing else makes one, so no other text
 * can stand where one is asked for.
 */

declare const made: unique symbol;

export type Family = 4 | 6;
export type Ipv4 = string & { readonly [made]: 'ipv4' };
export type Ipv6 = string & { readonly [made]: 'ipv6' };
export type Ip = Ipv4 | Ipv6;
/** A network, host bits zero: `10.42.0.0/16`. */
export type Ipv4Cidr = string & { readonly [made]: 'ipv4-cidr' };
/** A network, host bits zero: `fd42::/56`. */
export type Ipv6Cidr = string & { readonly [made]: 'ipv6-cidr' };
export type Cidr = Ipv4Cidr | Ipv6Cidr;
/** An address of a network of this type. */
export type IpOf<C extends Cidr> = C extends Ipv4Cidr ? Ipv4 : Ipv6;
/** A port from 1 to 65535. Only parsePort makes one. */
export type Port = number & { readonly [made]: 'port' };

/** Bits of an address. */
export const widthOf = (family: Family): 32 | 128 => (family === 4 ? 32 : 128);

export const familyOf = (address: Ip | Cidr): Family => (address.includes(':') ? 6 : 4);

/**
 * Undefined for anything but a dotted quad. Leading zeros are decimal, as Kubernetes reads them in
 * old objects.
 */
export function parseIpv4(text: unknown): Ipv4 | undefined {
  if (typeof text !== 'string') return undefined;
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d+$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.map(Number).join('.') as Ipv4;
}

/**
 * Undefined for anything but an IPv6 address without a zone. It may end with an IPv4 address. One
 * that stands for an IPv4 address (`::ffff:10.0.0.1`) is not that address: see unmapped().
 */
export function parseIpv6(text: unknown): Ipv6 | undefined {
  if (typeof text !== 'string' || text.includes('%')) return undefined;
  const [, head, tail] = /^([\da-f:]*:)(\d+\.[\d.]+)$/i.exec(text) ?? [];
  const v4 = parseIpv4(tail);
  if (tail !== undefined && !v4) return undefined;
  // Leading zeros of a group count for nothing, as many as there are.
  const plain = (v4 ? `${head}${groupsOf(v4)}` : text).replace(/(^|:)0+(?=[\da-f])/gi, '$1');
  if (!isIPv6(plain)) return undefined;
  const parsed = ipaddr.IPv6.parse(plain);
  return (
    parsed.isIPv4MappedAddress()
      ? `::ffff:${parsed.toIPv4Address().toString()}`
      : parsed.toRFC5952String()
  ) as Ipv6;
}

/** An address of either family, without a zone; Go's netutils.ParseIPSloppy takes the same. */
export function parseIp(text: unknown): Ip | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

/** As Go's netip.ParseAddr takes it: no leading zeros, no zone. */
export function parseStrictIp(text: string): Ip | undefined {
  if (isIP(text) === 0) return undefined;
  return parseIp(text);
}

/** The IPv4 address that an IPv4-mapped one stands for; any other as it is. */
export function unmapped(ip: Ip): Ip {
  return isMapped(ip) ? (ip.slice(ip.lastIndexOf(':') + 1) as Ipv4) : ip;
}

/** `::ffff:10.0.0.1`: RFC 4291 2.5.5.2. */
export const isMapped = (ip: Ip): boolean => ip.startsWith('::ffff:') && ip.includes('.');

/**
 * Whether a host is an address and not a name, as sockets and certificates see it. A zone may
 * follow: `fe80::1%eth0`.
 */
export const isAddress = (host: string): boolean => isIP(host) !== 0;

/** `10.0.0.1:80`, `[fd00::1]:80`: Go's net.JoinHostPort. */
export const joinHostPort = (host: string, port: number | string): string =>
  `${hostInUrl(host)}:${port}`;

/** A host as a URL has it: an IPv6 address stands in brackets. */
export const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** `address/bits` of IPv4; host bits are taken away. Undefined for anything else. */
export const parseIpv4Cidr = (text: unknown): Ipv4Cidr | undefined => network(text, parseIpv4);

/** `address/bits` of IPv6; host bits are taken away. Undefined for anything else. */
export const parseIpv6Cidr = (text: unknown): Ipv6Cidr | undefined => network(text, parseIpv6);

/** `address/bits` of either family; host bits are taken away. Undefined for anything else. */
export const parseCidr = (text: unknown): Cidr | undefined => network(text, parseIp);

/** Networks with commas between them; undefined when one of them is none. */
export function parseCidrs(text: string): Cidr[] | undefined {
  const all = text.split(',').map((one) => parseCidr(one.trim()));
  return all.every((one) => one !== undefined) ? all : undefined;
}

/** As parseCidr, of what was checked before: throws RangeError. */
export function mustCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) throw new RangeError(`${JSON.stringify(text)} is not a network such as 10.42.0.0/16`);
  return cidr;
}

function network<C extends Cidr>(
  text: unknown,
  parse: (text: unknown) => Ip | undefined,
): C | undefined {
  const found = parseInterface(text, parse);
  return found && (cidrOf(found.ip, found.bits) as C);
}

/** `address/bits`, host bits kept. Undefined for anything else. */
export function parseInterface(
  text: unknown,
  parse: (text: unknown) => Ip | undefined = parseIp,
): { ip: Ip; bits: number } | undefined {
  if (typeof text !== 'string') return undefined;
  const [address, bits = '', ...rest] = text.split('/');
  const ip = parse(address);
  if (!ip || rest.length > 0 || !/^\d+$/.test(bits)) return undefined;
  return Number(bits) <= widthOf(familyOf(ip)) ? { ip, bits: Number(bits) } : undefined;
}

/** The network of `bits` bits that an address lies in. */
export function cidrOf(ip: Ip, bits: number): Cidr {
  const family = familyOf(ip);
  const host = BigInt(widthOf(family) - bits);
  return `${ipOf(family, (numberOf(ip) >> host) << host)}/${bits}` as Cidr;
}

export function parsePort(value: unknown): Port | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535
    ? (value as Port)
    : undefined;
}

/** The bytes of an address in network order: 4 or 16. */
export function bytesOf(ip: Ip): number[] {
  return familyOf(ip) === 4 ? ip.split('.').map(Number) : ipaddr.IPv6.parse(ip).toByteArray();
}

/** Of 4 or 16 bytes; undefined for any other number of them. */
export function ipOfBytes(bytes: Iterable<number>): Ip | undefined {
  const all = [...bytes];
  if (all.length === 4) return parseIpv4(all.join('.'));
  return all.length === 16 ? parseIpv6(ipaddr.fromByteArray(all).toString()) : undefined;
}

export function numberOf(ip: Ip): bigint {
  if (familyOf(ip) === 4) return BigInt(small(ip as Ipv4));
  return BigInt(
    `0x${bytesOf(ip)
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')}`,
  );
}

const small = (ip: Ipv4): number =>
  ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** `value` must lie inside the family: from 0 to 2^32 or 2^128, without. */
export function ipOf(family: 4, value: bigint): Ipv4;
export function ipOf(family: Family, value: bigint): Ip;
export function ipOf(family: Family, value: bigint): Ip {
  const hex = value.toString(16).padStart(family === 4 ? 8 : 32, '0');
  const bytes = (hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16));
  const ip = hex.length * 4 === widthOf(family) ? ipOfBytes(bytes) : undefined;
  if (!ip) throw new RangeError(`no address of IPv${family}: ${value}`);
  return ip;
}

function groupsOf(v4: Ipv4): string {
  const [a = 0, b = 0, c = 0, d = 0] = bytesOf(v4);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** The network's first address. */
export function baseOf<C extends Cidr>(cidr: C): IpOf<C> {
  return cidr.slice(0, cidr.indexOf('/')) as IpOf<C>;
}

/** The length of the network's prefix, in bits. */
export const bitsOf = (cidr: Cidr): number => Number(cidr.slice(cidr.indexOf('/') + 1));

/** How many addresses a network has. */
export const sizeOf = (cidr: Cidr): bigint => 1n << BigInt(widthOf(familyOf(cidr)) - bitsOf(cidr));

/** The n-th address of a network, its first one being the 0th; undefined beyond its end. */
export function nthAddress<C extends Cidr>(cidr: C, n: number | bigint): IpOf<C> | undefined {
  if (n < 0 || BigInt(n) >= sizeOf(cidr)) return undefined;
  return ipOf(familyOf(cidr), numberOf(baseOf(cidr)) + BigInt(n)) as IpOf<C>;
}

/**
 * The n-th address of a network that was checked before. Throws RangeError when it is not one, or
 * when it has no such address.
 */
export function addressIn(cidr: string, n: number): Ip {
  const ip = nthAddress(mustCidr(cidr), n);
  if (!ip) throw new RangeError(`${cidr} has no address number ${n}`);
  return ip;
}

/** The n-th part of a network, each of `bits` bits; undefined beyond its end. */
export function nthSubnet<C extends Cidr>(cidr: C, bits: number, n: number): C | undefined {
  const each = BigInt(widthOf(familyOf(cidr)) - bits);
  const ip = nthAddress(cidr, BigInt(n) << each);
  return ip && (`${ip}/${bits}` as C);
}

/** Which part of a network another is, counted in parts of that size; undefined outside. */
export function indexOfSubnet(cidr: Cidr, part: Cidr): number | undefined {
  if (!cidrHolds(cidr, part)) return undefined;
  const each = BigInt(widthOf(familyOf(cidr)) - bitsOf(part));
  return Number((numberOf(baseOf(part)) - numberOf(baseOf(cidr))) >> each);
}

/** An address of the other family is never inside. */
export function cidrHas(cidr: Cidr, ip: Ip): boolean {
  const family = familyOf(cidr);
  if (family !== familyOf(ip)) return false;
  const [base, host] = [baseOf(cidr), widthOf(family) - bitsOf(cidr)];
  if (family === 4)
    return Math.floor(small(ip as Ipv4) / 2 ** host) === small(base as Ipv4) / 2 ** host;
  return numberOf(ip) >> BigInt(host) === numberOf(base) >> BigInt(host);
}

/** Whether `outer` holds all of `inner`. */
export function cidrHolds(outer: Cidr, inner: Cidr): boolean {
  return bitsOf(inner) >= bitsOf(outer) && cidrHas(outer, baseOf(inner));
}

/** Networks that share an address: of two CIDRs one then holds the other. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrHolds(a, b) || cidrHolds(b, a);
}

const oneOf = (...texts: string[]): ((ip: Ip) => boolean) => {
  const cidrs = texts.map(mustCidr);
  return (ip) => cidrs.some((cidr) => cidrHas(cidr, ip));
};

/** These are Go's netip.Addr.IsLoopback and so on, of addresses that are not IPv4-mapped. */
export const isLoopback = oneOf('127.0.0.0/8', '::1/128');
export const isUnspecified = oneOf('0.0.0.0/32', '::/128');
export const isLinkLocal = oneOf('169.254.0.0/16', 'fe80::/10');
export const isMulticast = oneOf('224.0.0.0/4', 'ff00::/8');
export const isGlobalUnicast = (ip: Ip): boolean =>
  !isUnspecified(ip) &&
  ip !== '255.255.255.255' &&
  !isLoopback(ip) &&
  !isLinkLocal(ip) &&
  !isMulticast(ip);

/** To the machines of this link, whatever the flags of an IPv6 group say. */
export const isLinkLocalMulticast = (ip: Ip): boolean =>
  familyOf(ip) === 4 ? ip.startsWith('224.0.0.') : /^ff[\da-f]2:/.test(ip);

/** What lies in no network: of this machine, IPv4 written in old ways, reserved. */
const reserved = oneOf('0.0.0.0/8', '240.0.0.0/4', '::/96', '::ffff:0.0.0.0/96');

/**
 * Whether packets for somebody else may be sent to this address: not to the machine itself, its
 * link or everybody. No endpoint and no service is at any other.
 */
export const isUnicast = (ip: Ip): boolean => isGlobalUnicast(ip) && !reserved(ip);
