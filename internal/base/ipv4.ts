declare const made: unique symbol;

/**
 * An IPv4 address in its one canonical spelling. Only parseIpv4 makes one, so no other text can
 * stand where one is asked for.
 */
export type Ipv4 = string & { readonly [made]: 'ipv4' };
/**
 * An IPv4 network in its canonical spelling, host bits zero: `10.42.0.0/16`. Only parseIpv4Cidr
 * makes one.
 */
export type Ipv4Cidr = string & { readonly [made]: 'ipv4-cidr' };
/** A port from 1 to 65535. Only parsePort makes one. */
export type Port = number & { readonly [made]: 'port' };

const octet = /^\d{1,3}$/;

/**
 * Undefined for anything but a dotted quad. Leading zeros are decimal, as Kubernetes reads them in
 * old objects.
 */
export function parseIpv4(text: unknown): Ipv4 | undefined {
  if (typeof text !== 'string') return undefined;
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => octet.test(part) && Number(part) <= 255))
    return undefined;
  return parts.map(Number).join('.') as Ipv4;
}

/** `address/bits`; host bits are taken away. Undefined for anything else. */
export function parseIpv4Cidr(text: unknown): Ipv4Cidr | undefined {
  if (typeof text !== 'string') return undefined;
  const [address, bits = '', ...rest] = text.split('/');
  const ip = parseIpv4(address);
  if (!ip || rest.length > 0 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  const size = 2 ** (32 - Number(bits));
  return `${fromNumber(Math.floor(ipv4Number(ip) / size) * size)}/${Number(bits)}` as Ipv4Cidr;
}

export function parsePort(value: unknown): Port | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535
    ? (value as Port)
    : undefined;
}

export function ipv4Number(ip: Ipv4): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The network's first address. */
export function baseOf(cidr: Ipv4Cidr): Ipv4 {
  return cidr.slice(0, cidr.indexOf('/')) as Ipv4;
}

const bounds = (cidr: Ipv4Cidr): [number, number] => {
  const first = ipv4Number(baseOf(cidr));
  return [first, first + 2 ** (32 - Number(cidr.slice(cidr.indexOf('/') + 1))) - 1];
};

export function cidrHas(cidr: Ipv4Cidr, ip: Ipv4): boolean {
  const [first, last] = bounds(cidr);
  const n = ipv4Number(ip);
  return n >= first && n <= last;
}

/** Whether `outer` holds all of `inner`. */
export function cidrHolds(outer: Ipv4Cidr, inner: Ipv4Cidr): boolean {
  const [outerFirst, outerLast] = bounds(outer);
  const [first, last] = bounds(inner);
  return first >= outerFirst && last <= outerLast;
}

/** Networks that share an address: of two CIDRs one then holds the other. */
export function cidrsOverlap(a: Ipv4Cidr, b: Ipv4Cidr): boolean {
  return cidrHolds(a, b) || cidrHolds(b, a);
}

const cidr = (text: string): Ipv4Cidr => parseIpv4Cidr(text) as Ipv4Cidr;
const thisNetwork = cidr('0.0.0.0/8');
export const loopback = cidr('127.0.0.0/8');
/** Link-local, multicast, reserved and broadcast addresses: no endpoint and no service is there. */
const special = [
  thisNetwork,
  loopback,
  cidr('169.254.0.0/16'),
  cidr('224.0.0.0/4'),
  cidr('240.0.0.0/4'),
];

/**
 * Whether packets for somebody else may be sent to this address: not to the machine itself, its
 * link or everybody.
 */
export function isUnicast(ip: Ipv4): boolean {
  return !special.some((range) => cidrHas(range, ip));
}

function fromNumber(n: number): Ipv4 {
  return [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.') as Ipv4;
}
