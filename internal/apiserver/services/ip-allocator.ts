import type { Random } from '../../io/random.ts';
import {
  cidrHas,
  familyOf,
  nthAddress,
  parseIp,
  sizeOf,
  type Cidr,
  type Family,
  type Ip,
} from '../../base/addresses.ts';
import type { ServiceRanges } from './service-ranges.ts';

/**
 * Which cluster addresses are taken. Built from the stored services at start; never stored itself.
 */
export class IpAllocator {
  readonly ranges: ServiceRanges;
  readonly #taken = new Set<Ip>();
  readonly #random: Random;
  /** Addresses that only those get who name them: the API server's and the cluster DNS. */
  readonly #reserved: Set<Ip>;

  constructor(ranges: ServiceRanges, random: Random) {
    this.ranges = ranges;
    this.#random = random;
    this.#reserved = new Set(
      ranges.own.flatMap((range) => [1, 10].flatMap((n) => nthAddress(range, n) ?? [])),
    );
  }

  /** Why an address cannot be taken, or undefined once it is. */
  take(ip: string): string | undefined {
    const value = parseIp(ip);
    if (value === undefined || !this.ranges.open.some((range) => isUsable(range, value))) {
      return 'the provided network does not match the current range';
    }
    if (this.#taken.has(value)) return 'provided IP is already allocated';
    this.#taken.add(value);
    return undefined;
  }

  /** A stored service has it, whatever ranges there are now. False when another has it too. */
  hold(ip: string): boolean {
    const value = parseIp(ip);
    if (value === undefined || !this.ranges.families.includes(familyOf(value))) return true;
    const free = !this.#taken.has(value);
    this.#taken.add(value);
    return free;
  }

  /** A free address of a family, or undefined when all are taken. */
  next(family: Family): string | undefined {
    for (const range of this.ranges.open) {
      if (familyOf(range) !== family) continue;
      const ip = this.#nextOf(range);
      if (ip !== undefined) return ip;
    }
    return undefined;
  }

  #nextOf(range: Cidr): string | undefined {
    const usable = usableOf(range);
    if (usable <= 0n) return undefined;
    const space = usable > 0xffffn ? 0xffffn : usable;
    const start = BigInt(this.#random.int(Number(space)));
    for (let i = 0n; i < space; i++) {
      const value = nthAddress(range, 1n + ((start + i) % space));
      if (!value || this.#taken.has(value) || this.#reserved.has(value)) continue;
      this.#taken.add(value);
      return value;
    }
    return undefined;
  }

  free(ip: string): void {
    const value = parseIp(ip);
    if (value !== undefined) this.#taken.delete(value);
  }

  clear(): void {
    this.#taken.clear();
  }
}

/**
 * How many addresses after the first of a network services may have: a network of IPv4 ends with
 * its broadcast address.
 */
const usableOf = (range: Cidr): bigint => sizeOf(range) - (familyOf(range) === 4 ? 2n : 1n);

const isUsable = (range: Cidr, ip: Ip): boolean =>
  cidrHas(range, ip) &&
  ip !== nthAddress(range, 0) &&
  (familyOf(range) === 6 || ip !== nthAddress(range, sizeOf(range) - 1n));

/** Node ports in use, counted: one port serves TCP and UDP of one service. */
export class PortAllocator {
  readonly from: number;
  readonly to: number;
  readonly #taken = new Set<number>();
  readonly #random: Random;

  constructor(range: { from: number; to: number }, random: Random) {
    this.from = range.from;
    this.to = range.to;
    this.#random = random;
  }

  take(port: number): string | undefined {
    if (port < this.from || port > this.to)
      return (
        'provided port is not in the valid range. The range of valid ports is ' +
        `${this.from}-${this.to}`
      );
    if (this.#taken.has(port)) return 'provided port is already allocated';
    this.#taken.add(port);
    return undefined;
  }

  next(): number | undefined {
    const size = this.to - this.from + 1;
    const start = this.#random.int(size);
    for (let i = 0; i < size; i++) {
      const port = this.from + ((start + i) % size);
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      return port;
    }
    return undefined;
  }

  free(port: number): void {
    this.#taken.delete(port);
  }

  clear(): void {
    this.#taken.clear();
  }
}
