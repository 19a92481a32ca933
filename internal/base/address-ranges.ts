import {
  baseOf,
  familyOf,
  ipOf,
  numberOf,
  parseCidr,
  sizeOf,
  widthOf,
  type Cidr,
  type Family,
  type Ip,
} from './addresses.ts';

/** Addresses of one family from `first` to `last`, both included. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

export function rangeOf(cidr: Cidr): Range {
  const first = numberOf(baseOf(cidr));
  return { family: familyOf(cidr), first, last: first + sizeOf(cidr) - 1n };
}

/** `address/bits`; host bits are taken away. Undefined for anything else. */
export function parseRange(text: unknown): Range | undefined {
  const cidr = parseCidr(text);
  return cidr && rangeOf(cidr);
}

export const firstOf = (range: Range): Ip => ipOf(range.family, range.first);
export const lastOf = (range: Range): Ip => ipOf(range.family, range.last);

export function rangeHas(range: Range, ip: Ip): boolean {
  if (range.family !== familyOf(ip)) return false;
  const value = numberOf(ip);
  return value >= range.first && value <= range.last;
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
  return range.first === 0n && range.last === (1n << BigInt(widthOf(range.family))) - 1n;
}
