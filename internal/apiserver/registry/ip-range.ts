import { isIPv4, isIPv6 } from 'node:net';

/** Addresses of a CIDR, as whole numbers: IPv4 and IPv6 alike. */
export interface IpRange {
  base: bigint;
  /** Number of addresses, network address included. */
  size: bigint;
  family: 4 | 6;
  text: string;
}

export function parseIp(text: string): bigint | undefined {
  if (isIPv4(text)) return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  if (!isIPv6(text)) return undefined;
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let plain = text;
  if (embedded) {
    const v4 = parseIp(embedded[2] ?? '') ?? 0n;
    plain = `${embedded[1]}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  }
  const [head = '', tail] = plain.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const middle =
    tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce(
    (sum, part) => (sum << 16n) | BigInt(`0x${part || '0'}`),
    0n,
  );
}

export function formatIp(value: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === '0') length++;
    if (length > best.length) best = { at: i, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

export function parseRange(cidr: string): IpRange {
  const [address = '', bits = ''] = cidr.split('/');
  const family = isIPv4(address) ? 4 : 6;
  const width = family === 4 ? 32 : 128;
  const size = 1n << BigInt(width - Number(bits));
  const base = ((parseIp(address) ?? 0n) / size) * size;
  return { base, size, family, text: cidr };
}

export function inRange(range: IpRange, ip: string): boolean {
  const value = parseIp(ip);
  return (
    value !== undefined &&
    (isIPv4(ip) ? 4 : 6) === range.family &&
    value >= range.base &&
    value < range.base + range.size
  );
}

/** The first usable address: that of the `kubernetes` service. */
export function firstAddress(cidr: string): string {
  const range = parseRange(cidr);
  return formatIp(range.base + 1n, range.family);
}

export const defaultServiceCidr = '10.43.0.0/16';
