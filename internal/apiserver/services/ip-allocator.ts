import type { Random } from '../../io/random.ts';
import { formatIp, inRange, parseIp, parseRange, type IpRange } from '../registry/ip-range.ts';

/** Which cluster addresses are taken. Built from the stored services at start; never stored itself. */
export class IpAllocator {
  readonly range: IpRange;
  readonly #taken = new Set<bigint>();
  readonly #random: Random;
  /** Addresses that only those get who name them: the API server's and the cluster DNS. */
  readonly #reserved: Set<bigint>;

  constructor(cidr: string, random: Random) {
    this.range = parseRange(cidr);
    this.#random = random;
    this.#reserved = new Set([this.range.base + 1n, this.range.base + 10n]);
  }

  /** Why an address cannot be taken, or undefined once it is. */
  take(ip: string): string | undefined {
    const value = parseIp(ip);
    if (value === undefined || !inRange(this.range, ip) || value === this.range.base || (this.range.family === 4 && value === this.range.base + this.range.size - 1n)) {
      return 'the provided network does not match the current range';
    }
    if (this.#taken.has(value)) return 'provided IP is already allocated';
    this.#taken.add(value);
    return undefined;
  }

  /** A free address, or undefined when all are taken. */
  next(): string | undefined {
    const usable = this.range.size - 2n;
    const space = usable > 0xffffn ? 0xffffn : usable;
    const start = BigInt(this.#random.int(Number(space)));
    for (let i = 0n; i < space; i++) {
      const value = this.range.base + 1n + ((start + i) % space);
      if (this.#taken.has(value) || this.#reserved.has(value)) continue;
      this.#taken.add(value);
      return formatIp(value, this.range.family);
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
    if (port < this.from || port > this.to) return `provided port is not in the valid range. The range of valid ports is ${this.from}-${this.to}`;
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
