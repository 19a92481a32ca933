import { bitsOf, indexOfSubnet, nthSubnet, parseCidr, type Cidr } from '../../base/addresses.ts';

/** Pod ranges of nodes out of the cluster's range, numbered from the lowest address. */
export class CidrPool {
  readonly #cluster: Cidr;
  readonly #maskSize: number;
  readonly #used = new Set<number>();
  /** No range before this one is free. */
  #lowest = 0;

  constructor(cluster: Cidr, maskSize: number) {
    this.#cluster = cluster;
    this.#maskSize = Math.max(maskSize, bitsOf(cluster));
  }

  /** Marks a range that a node already has. */
  occupy(cidr: string): void {
    const at = this.#indexOf(cidr);
    if (at !== undefined) this.#used.add(at);
  }

  release(cidr: string): void {
    const at = this.#indexOf(cidr);
    if (at === undefined || !this.#used.delete(at)) return;
    this.#lowest = Math.min(this.#lowest, at);
  }

  /** The lowest free range, now used; undefined when all are taken. */
  allocate(): Cidr | undefined {
    while (this.#used.has(this.#lowest)) this.#lowest += 1;
    const cidr = nthSubnet(this.#cluster, this.#maskSize, this.#lowest);
    if (cidr) this.#used.add(this.#lowest);
    return cidr;
  }

  #indexOf(text: string): number | undefined {
    const cidr = parseCidr(text);
    return cidr && bitsOf(cidr) === this.#maskSize ? indexOfSubnet(this.#cluster, cidr) : undefined;
  }
}
