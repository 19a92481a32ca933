import type { Backend } from './endpoints.ts';

/**
 * What clients of a service port with session affinity are pinned to: numbers, each of which leads
 * to an endpoint. The kernel remembers for a client its number, and for each number its endpoint,
 * so an endpoint that goes takes nobody's promise along but its own clients'.
 */
export interface Buckets {
  /** The number that a new client gets, by a random slot. */
  readonly pick: readonly number[];
  /** Every number that some client may still have, the longest unused first. */
  readonly backends: ReadonlyMap<number, Backend>;
}

export interface Affinity {
  /** How long a client keeps its endpoint after its last connection began. */
  timeoutS: number;
  /** For traffic to all endpoints, and for what stays on the node. */
  all: Buckets;
  local: Buckets;
}

/** Slots of new clients: enough that 10 endpoints differ by less than a tenth in their share. */
export const pickSlots = 64;
/** Numbers of one service port: 15 times all its endpoints may be replaced by others. */
export const mostNumbers = 1024;

export const noBuckets: Buckets = { pick: [], backends: new Map() };

const keyOf = (b: Backend): string => `${b.ip}:${b.port}`;

/**
 * The buckets for the endpoints that there are now. A number stays with its endpoint while that is
 * there; those of an endpoint that went are spread over the others. One that came gets its share of
 * new clients, under numbers that nobody has.
 */
export function nextBuckets(before: Buckets, live: readonly Backend[]): Buckets {
  // There is no endpoint: session affinity waits for one.
  if (live.length === 0) return before;
  const there = new Map(live.map((b) => [keyOf(b), b]));
  const backends = new Map<number, Backend>();
  let lost = 0;
  for (const [number, b] of before.backends)
    backends.set(number, there.get(keyOf(b)) ?? (live[lost++ % live.length] as Backend));
  return { pick: picks(before, backends, live), backends };
}

/** Fills the slots evenly; those of endpoints with more than their share are given to others. */
function picks(
  before: Buckets,
  backends: Map<number, Backend>,
  live: readonly Backend[],
): number[] {
  const share = Math.floor(pickSlots / live.length);
  let larger = pickSlots % live.length;
  const counts = new Map(live.map((b) => [keyOf(b), 0]));
  const take = (b: Backend): boolean => {
    const count = counts.get(keyOf(b)) ?? 0;
    if (count > share || (count === share && larger === 0)) return false;
    if (count === share) larger -= 1;
    counts.set(keyOf(b), count + 1);
    return true;
  };
  const pick = Array.from({ length: pickSlots }, (_, slot) => {
    const number = before.pick[slot];
    const b = number === undefined ? undefined : backends.get(number);
    return b && take(b) ? number : undefined;
  });
  const used = new Set(pick.filter((number) => number !== undefined));
  const numbers = new Numbers(backends, used);
  let at = 0;
  return pick.map((number) => {
    if (number !== undefined) return number;
    while (!take(live[at % live.length] as Backend)) at += 1;
    return numbers.for(live[at++ % live.length] as Backend);
  });
}

/** Numbers for new clients: one that the endpoint had before, a fresh one, or the oldest. */
class Numbers {
  readonly #backends: Map<number, Backend>;
  readonly #used: Set<number>;
  #fresh = 0;

  constructor(backends: Map<number, Backend>, used: Set<number>) {
    this.#backends = backends;
    this.#used = used;
  }

  for(backend: Backend): number {
    const number = this.#known(backend) ?? this.#unused() ?? this.#oldest();
    this.#used.add(number);
    this.#backends.delete(number);
    this.#backends.set(number, backend);
    return number;
  }

  #known(backend: Backend): number | undefined {
    for (const [number, b] of this.#backends)
      if (!this.#used.has(number) && keyOf(b) === keyOf(backend)) return number;
    return undefined;
  }

  #unused(): number | undefined {
    if (this.#backends.size >= mostNumbers) return undefined;
    while (this.#backends.has(this.#fresh)) this.#fresh += 1;
    return this.#fresh;
  }

  #oldest(): number {
    for (const number of this.#backends.keys()) if (!this.#used.has(number)) return number;
    throw new Error('fewer numbers than slots');
  }
}
