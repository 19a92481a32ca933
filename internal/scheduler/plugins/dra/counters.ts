import type { Device } from '../../../api/generated/types/resource-v1.ts';
import { Quantity, quantityOf } from '../../../api/quantity.ts';
import type { Pool, PoolDevice } from './pools.ts';

/** What is left of the counters that the devices of a pool share (KEP-4815). */
export class SharedCounters {
  /** `pool counterSet counter` -> what is left. */
  readonly #left = new Map<string, Quantity>();
  readonly #known = new Set<string>();
  readonly #isAllocated: (id: string) => boolean;

  constructor(isAllocated: (id: string) => boolean) {
    this.#isAllocated = isAllocated;
  }

  /** Takes what a device draws, or nothing when it is not there. */
  take({ device, pool }: PoolDevice): boolean {
    this.#learn(pool);
    const drawn = [...draws(pool, device)];
    if (drawn.some(([key, amount]) => this.#of(key).cmp(amount) < 0)) return false;
    for (const [key, amount] of drawn) this.#left.set(key, this.#of(key).sub(amount));
    return true;
  }

  give({ device, pool }: PoolDevice): void {
    for (const [key, amount] of draws(pool, device)) this.#left.set(key, this.#of(key).add(amount));
  }

  #learn(pool: Pool): void {
    if (this.#known.has(pool.id)) return;
    this.#known.add(pool.id);
    for (const { name, counters = {} } of pool.counterSets)
      for (const [counter, { value }] of Object.entries(counters))
        this.#left.set(`${pool.id} ${name} ${counter}`, quantityOf(value));
    for (const { id, device } of [...pool.devices, ...pool.others]) {
      if (!this.#isAllocated(id)) continue;
      for (const [key, amount] of draws(pool, device))
        this.#left.set(key, this.#of(key).sub(amount));
    }
  }

  #of(key: string): Quantity {
    return this.#left.get(key) ?? Quantity.of(0);
  }
}

/** Each counter once, with all that the device draws of it. */
function draws({ id }: Pool, { consumesCounters = [] }: Device): Map<string, Quantity> {
  const drawn = new Map<string, Quantity>();
  for (const { counterSet, counters = {} } of consumesCounters)
    for (const [counter, { value }] of Object.entries(counters)) {
      const key = `${id} ${counterSet} ${counter}`;
      drawn.set(key, (drawn.get(key) ?? Quantity.of(0)).add(quantityOf(value)));
    }
  return drawn;
}
