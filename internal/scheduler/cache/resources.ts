import type { Amounts } from '../../api/scheduling/pod-resources.ts';

/** Amounts of resources with a field for each common one: they are read for every node. */
export class Resources {
  milliCpu = 0;
  memory = 0;
  ephemeralStorage = 0;
  /** Everything else, by name. */
  readonly scalars = new Map<string, number>();

  static of(amounts: Amounts): Resources {
    const made = new Resources();
    for (const [name, value] of amounts) made.#put(name, value);
    return made;
  }

  get(name: string): number {
    switch (name) {
      case 'cpu':
        return this.milliCpu;
      case 'memory':
        return this.memory;
      case 'ephemeral-storage':
        return this.ephemeralStorage;
      default:
        return this.scalars.get(name) ?? 0;
    }
  }

  /** Adds `other` once, or takes it away with `sign` -1. */
  add(other: Resources, sign: 1 | -1 = 1): void {
    this.milliCpu += sign * other.milliCpu;
    this.memory += sign * other.memory;
    this.ephemeralStorage += sign * other.ephemeralStorage;
    for (const [name, value] of other.scalars)
      this.scalars.set(name, (this.scalars.get(name) ?? 0) + sign * value);
  }

  get nothing(): boolean {
    return (
      this.milliCpu === 0 &&
      this.memory === 0 &&
      this.ephemeralStorage === 0 &&
      this.scalars.size === 0
    );
  }

  #put(name: string, value: number): void {
    if (name === 'cpu') this.milliCpu = value;
    else if (name === 'memory') this.memory = value;
    else if (name === 'ephemeral-storage') this.ephemeralStorage = value;
    else this.scalars.set(name, value);
  }
}
