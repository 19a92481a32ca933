/**
 * Pod ranges of nodes out of the cluster's range. IPv4 only; ranges are numbered from the lowest
 * address.
 */
export class CidrPool {
  readonly #base: number;
  readonly #count: number;
  readonly #maskSize: number;
  readonly #used = new Set<number>();

  constructor(clusterCidr: string, maskSize: number) {
    const [address, size] = clusterCidr.split('/');
    const clusterSize = Number(size);
    this.#maskSize = maskSize;
    this.#count = 2 ** Math.max(0, maskSize - clusterSize);
    this.#base =
      Math.floor(toNumber(address ?? '') / 2 ** (32 - clusterSize)) * 2 ** (32 - clusterSize);
  }

  /** Marks a range that a node already has. */
  occupy(cidr: string): void {
    const at = this.#indexOf(cidr);
    if (at !== undefined) this.#used.add(at);
  }

  release(cidr: string): void {
    const at = this.#indexOf(cidr);
    if (at !== undefined) this.#used.delete(at);
  }

  /** The lowest free range, now used; undefined when all are taken. */
  allocate(): string | undefined {
    for (let i = 0; i < this.#count; i += 1) {
      if (this.#used.has(i)) continue;
      this.#used.add(i);
      return `${toText(this.#base + i * 2 ** (32 - this.#maskSize))}/${this.#maskSize}`;
    }
    return undefined;
  }

  #indexOf(cidr: string): number | undefined {
    const [address, size] = cidr.split('/');
    if (Number(size) !== this.#maskSize || !address || address.includes(':')) return undefined;
    const at = (toNumber(address) - this.#base) / 2 ** (32 - this.#maskSize);
    return Number.isInteger(at) && at >= 0 && at < this.#count ? at : undefined;
  }
}

function toNumber(address: string): number {
  return address.split('.').reduce((n, part) => n * 256 + Number(part), 0);
}

function toText(n: number): string {
  return [n / 2 ** 24, n / 2 ** 16, n / 2 ** 8, n].map((x) => Math.floor(x) % 256).join('.');
}
