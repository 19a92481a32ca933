/** The name under which a plug-in keeps its state; it carries the state's type. */
export class StateKey<T extends object> {
  readonly name: string;
  declare private readonly holds: T;

  constructor(name: string) {
    this.name = name;
  }
}

/** State that a trial changes copies itself (preemption, nominated pods); other state is shared. */
export interface Cloneable {
  clone(): object;
}

const copyOf = (data: object): object => ('clone' in data ? (data as Cloneable).clone() : data);

/** The memory of one scheduling cycle: written in PreFilter and PreScore, read afterwards. */
export class CycleState {
  readonly #data = new Map<object, object>();
  /** Plug-ins that have nothing to filter for this pod. */
  readonly skipFilter: Set<string>;
  /** Plug-ins that have nothing to score for this pod. */
  readonly skipScore: Set<string>;

  constructor(from?: CycleState) {
    this.skipFilter = new Set(from?.skipFilter);
    this.skipScore = new Set(from?.skipScore);
    if (from) for (const [key, data] of from.#data) this.#data.set(key, copyOf(data));
  }

  write<T extends object>(key: StateKey<T>, data: T): void {
    this.#data.set(key, data);
  }

  read<T extends object>(key: StateKey<T>): T | undefined {
    return this.#data.get(key) as T | undefined;
  }

  /** A state of its own for a trial. */
  clone(): CycleState {
    return new CycleState(this);
  }
}
