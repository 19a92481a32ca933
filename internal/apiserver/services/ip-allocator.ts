import { isIPv4 } from 'node:net';
import type { Random } from '../../io/random.ts';
import { formatIp, inRange, parseIp, type IpRange } from '../registry/ip-range.ts';
import type { ServiceRanges } from './service-ranges.ts';

/**
 * Which cluster addresses are taken. Built from the stored services at start; never stored itself.
 */
export class IpAllocator {
  readonly ranges: ServiceRanges;
  readonly #taken = new Set<bigint>();
  readonly #random: Random;
  /** Addresses that only those get who name them: the API server's and the cluster DNS. */
  readonly #reserved: Set<bigint>;

  constructor(ranges: ServiceRanges, random: Random) {
    this.ranges = ranges;
    this.#random = random;
    this.#reserved = new Set([ranges.own.base + 1n, ranges.own.base + 10n]);
  }

  /** Why an address cannot be taken, or undefined once it is. */
  take(ip: string): string | undefined {
    const value = parseIp(ip);
    if (
      value === undefined ||
      !this.ranges.open.some(
        (range) => inRange(range, ip) && value > range.base && value <= lastOf(range),
      )
    ) {
      return 'the provided network does not match the current range';
    }
    if (this.#taken.has(value)) return 'provided IP is already allocated';
    this.#taken.add(value);
    return undefined;
  }

  /** A stored service has it, whatever ranges there are now. False when another has it too. */
  hold(ip: string): boolean {
    const value = parseIp(ip);
    if (value === undefined || (isIPv4(ip) ? 4 : 6) !== this.ranges.own.family) return true;
    const free = !this.#taken.has(value);
    this.#taken.add(value);
    return free;
  }

  /** A free address, or undefined when all are taken. */
  next(): string | undefined {
    for (const range of this.ranges.open) {
      const ip = this.#nextOf(range);
      if (ip !== undefined) return ip;
    }
    return undefined;
  }

  #nextOf(range: IpRange): string | undefined {
    const usable = lastOf(range) - range.base;
    if (usable <= 0n) return undefined;
    const space = usable > 0xffffn ? 0xffffn : usable;
    const start = BigInt(this.#random.int(Number(space)));
    for (let i = 0n; i < space; i++) {
      const value = range.base + 1n + ((start + i) % space);
      if (this.#taken.has(value) || this.#reserved.has(value)) continue;
      this.#taken.add(value);
      return formatIp(value, range.family);
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

/** The last address that a service may have: a network of IPv4 ends with its broadcast address. */
const lastOf = (range: IpRange): bigint => range.base + range.size - (range.family === 4 ? 2n : 1n);

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
