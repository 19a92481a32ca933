import { leaseExists, leaseNotFound } from './errors.ts';

export interface Lease {
  readonly id: string;
  readonly ttlSeconds: number;
  /** Wall clock of the grant, for the log. */
  readonly grantedAtMs: number;
  /** Monotonic. */
  expiresAtMs: number;
  /** True once it was kept alive: after an unclean stop it starts again with its full time. */
  kept: boolean;
  readonly keys: Set<string>;
  /** Its row in the log; 0 while it has none. */
  seq: number;
}

/**
 * The leases and what hangs on them, at the head. Times are monotonic milliseconds given by the
 * caller.
 */
export class LeaseBook {
  readonly #leases = new Map<string, Lease>();

  get(id: string): Lease | undefined {
    return this.#leases.get(id);
  }

  must(id: string): Lease {
    const lease = this.#leases.get(id);
    if (!lease) throw leaseNotFound();
    return lease;
  }

  all(): Iterable<Lease> {
    return this.#leases.values();
  }

  get size(): number {
    return this.#leases.size;
  }

  add(lease: Lease): void {
    if (this.#leases.has(lease.id)) throw leaseExists();
    this.#leases.set(lease.id, lease);
  }

  remove(id: string): void {
    this.#leases.delete(id);
  }

  attach(id: string, key: string): void {
    this.#leases.get(id)?.keys.add(key);
  }

  detach(id: string, key: string): void {
    this.#leases.get(id)?.keys.delete(key);
  }

  /** The moment the next lease expires, or undefined. */
  nextExpiryMs(): number | undefined {
    let next: number | undefined;
    for (const lease of this.#leases.values())
      if (next === undefined || lease.expiresAtMs < next) next = lease.expiresAtMs;
    return next;
  }

  expired(nowMs: number): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.expiresAtMs <= nowMs);
  }
}
