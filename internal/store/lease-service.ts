import type { Clock, Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import { leaseExists, StoreError } from './errors.ts';
import type { Lease, LeaseBook } from './leases.ts';

/** etcd's bounds: the lower comes from its election timeout, the upper from its source. */
const minLeaseTtlSeconds = 2;
const maxLeaseTtlSeconds = 9_000_000_000;
/** Leases are looked at no more often than this, as etcd does. */
const expiryGrainMs = 500;

/** What the book of leases needs from the store to make its changes last. */
export interface LeaseWriter {
  /** Adds the lease's row, resolves when it is durable. */
  save(lease: Lease, undo: () => void): Promise<void>;
  /**
   * Deletes the keys of a lease and its row; resolves when that is durable. `lazily`: without a
   * commit if all is soft.
   */
  end(lease: Lease, lazily: boolean): Promise<void>;
}

/** Grants, keeps and ends leases, with one timer for the next that expires. */
export class LeaseService {
  readonly #book: LeaseBook;
  readonly #writer: LeaseWriter;
  readonly #clock: Clock;
  readonly #random: Random;
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  #stopped = false;

  constructor(parts: { book: LeaseBook; writer: LeaseWriter; clock: Clock; random: Random }) {
    this.#book = parts.book;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.arm(parts.book.nextExpiryMs());
  }

  async grant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }> {
    if (request.ttlSeconds > maxLeaseTtlSeconds)
      throw new StoreError('LEASE_TTL_TOO_LARGE', 'too large lease TTL');
    const id = request.id === undefined || request.id === '0' ? this.#newId() : request.id;
    if (this.#book.get(id)) throw leaseExists();
    const ttlSeconds = Math.max(minLeaseTtlSeconds, request.ttlSeconds);
    const lease: Lease = {
      id,
      ttlSeconds,
      grantedAtMs: this.#clock.now(),
      expiresAtMs: this.#clock.monotonicMs() + ttlSeconds * 1000,
      kept: false,
      keys: new Set(),
      seq: 0,
    };
    this.#book.add(lease);
    await this.#writer.save(lease, () => this.#book.remove(id));
    this.arm(lease.expiresAtMs);
    return { id, ttlSeconds };
  }

  async revoke(id: string): Promise<void> {
    await this.#writer.end(this.#book.must(id), false);
  }

  async keepAlive(id: string): Promise<{ ttlSeconds: number }> {
    const lease = this.#book.must(id);
    lease.expiresAtMs = this.#clock.monotonicMs() + lease.ttlSeconds * 1000;
    if (!lease.kept) {
      lease.kept = true;
      await this.#writer.save(lease, () => (lease.kept = false));
    }
    return { ttlSeconds: lease.ttlSeconds };
  }

  timeToLive(
    id: string,
    keys: boolean,
  ): { ttlSeconds: number; grantedTtlSeconds: number; keys: string[] } {
    const lease = this.#book.must(id);
    // etcd cuts fractions off: a lease of 60 seconds has 59 left at once.
    const leftMs = lease.expiresAtMs - this.#clock.monotonicMs();
    return {
      ttlSeconds: Math.max(0, Math.floor(leftMs / 1000)),
      grantedTtlSeconds: lease.ttlSeconds,
      keys: keys ? [...lease.keys].sort() : [],
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Sees to a lease that ends at this time. */
  arm(atMs: number | undefined): void {
    if (atMs === undefined || this.#stopped || atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(
      'store.lease',
      Math.max(expiryGrainMs, atMs - this.#clock.monotonicMs()),
      () => this.#expire(),
    );
  }

  #expire(): void {
    this.#timerAtMs = Infinity;
    for (const lease of this.#book.expired(this.#clock.monotonicMs())) {
      // A commit that fails leaves the lease in the book; it is tried again with the next one that
      // is due.
      void this.#writer
        .end(lease, true)
        .catch(() => this.arm(this.#clock.monotonicMs() + expiryGrainMs));
    }
    this.arm(this.#book.nextExpiryMs());
  }

  #newId(): string {
    for (;;) {
      const id = Buffer.from(this.#random.bytes(8)).readBigInt64BE(0) & 0x7fffffffffffffffn;
      if (id !== 0n && this.#book.get(id.toString()) === undefined) return id.toString();
    }
  }
}
