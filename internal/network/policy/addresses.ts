import { isIPv6 } from 'node:net';
import { ipv4Number, parseIpv4 } from '../../base/ipv4.ts';

declare const made: unique symbol;

export type Family = 4 | 6;

/**
 * The one spelling of an address that is used here: dotted, or eight groups of hexadecimal digits.
 * Only this file makes one.
 */
export type AddressText = string & { readonly [made]: 'address' };

export interface Address {
  readonly family: Family;
  readonly value: bigint;
  readonly text: AddressText;
}

/** Addresses of one family, both ends included. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** Undefined for anything but an address of either family, without a zone. */
export function parseAddress(text: unknown): Address | undefined {
  const v4 = parseIpv4(text);
  if (v4) return { family: 4, value: BigInt(ipv4Number(v4)), text: v4 as string as AddressText };
  const value =
    typeof text === 'string' && text.length <= 45 && isIPv6(text) ? ipv6Value(text) : undefined;
  return value === undefined ? undefined : { family: 6, value, text: addressText(6, value) };
}

/** `address/bits`; host bits are taken away. Undefined for anything else. */
export function parseRange(text: unknown): Range | undefined {
  if (typeof text !== 'string') return undefined;
  const [head, bits = '', ...rest] = text.split('/');
  const address = parseAddress(head);
  if (
    !address ||
    rest.length > 0 ||
    !/^\d{1,3}$/.test(bits) ||
    Number(bits) > bitsOf(address.family)
  )
    return undefined;
  const hostBits = BigInt(bitsOf(address.family) - Number(bits));
  const first = (address.value >> hostBits) << hostBits;
  return { family: address.family, first, last: first + (1n << hostBits) - 1n };
}

export function rangeHas(range: Range, address: Address): boolean {
  return (
    range.family === address.family && address.value >= range.first && address.value <= range.last
  );
}

/** The same addresses as ranges in order, none touching the next. Both families may be given. */
export function merged(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  for (const range of [...ranges].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0),
  )) {
    const last = out.at(-1);
    if (!last || last.family !== range.family || range.first > last.last + 1n) out.push(range);
    else if (range.last > last.last) out[out.length - 1] = { ...last, last: range.last };
  }
  return out;
}

/** What is left of a range without others. */
export function without(range: Range, others: readonly Range[]): Range[] {
  let left = [range];
  for (const other of others) {
    if (other.family !== range.family) continue;
    left = left.flatMap((r) => {
      if (other.last < r.first || other.first > r.last) return [r];
      const parts: Range[] = [];
      if (other.first > r.first) parts.push({ ...r, last: other.first - 1n });
      if (other.last < r.last) parts.push({ ...r, first: other.last + 1n });
      return parts;
    });
  }
  return left;
}

export function isWhole(range: Range): boolean {
  return range.first === 0n && range.last === (1n << BigInt(bitsOf(range.family))) - 1n;
}

export function addressText(family: Family, value: bigint): AddressText {
  const size = family === 4 ? 8n : 16n;
  const count = family === 4 ? 4 : 8;
  const parts = Array.from(
    { length: count },
    (_, i) => (value >> (size * BigInt(count - 1 - i))) & ((1n << size) - 1n),
  );
  return parts
    .map((part) => part.toString(family === 4 ? 10 : 16))
    .join(family === 4 ? '.' : ':') as AddressText;
}

/** Of a text that isIPv6 has taken; undefined with a zone. */
function ipv6Value(text: string): bigint | undefined {
  if (text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = tail === undefined ? [] : Array<bigint>(8 - left.length - right.length).fill(0n);
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    const v4 = group.includes('.') ? parseIpv4(group) : undefined;
    if (v4) return [BigInt(ipv4Number(v4)) >> 16n, BigInt(ipv4Number(v4)) & 0xffffn];
    return [BigInt(`0x${group}`)];
  });
}
