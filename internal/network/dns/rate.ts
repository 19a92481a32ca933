import type { Clock } from '../../io/clock.ts';

/**
 * Questions of one address: far above what a pod asks (a lookup is up to ten of them with all
 * search domains), far below what keeps us busy.
 */
export const perAddress = { perSecond: 1000, burst: 2000 };
/**
 * Addresses remembered, more than a node has pods and addresses of its own. The one that asked
 * longest ago is forgotten: its bucket is full again by then.
 */
const mostAddresses = 4096;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * A token bucket for each address, taken from before anything of a message is read: to drop it
 * costs a microsecond.
 */
export class AskRate {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #limits: typeof perAddress;

  constructor(clock: Clock, limits = perAddress) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more message of this address is looked at now. */
  take(address: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { perSecond, burst } = this.#limits;
    const bucket = this.#buckets.get(address) ?? { tokens: burst, atMs: nowMs };
    // Set again, so that the map is in the order of the last question.
    this.#buckets.delete(address);
    const oldest =
      this.#buckets.size >= mostAddresses ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    this.#buckets.set(address, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}
