import type { AffinityTerm } from '../cache/affinity-term.ts';
import type { NodeInfo } from '../cache/node-info.ts';

/** How often something holds for each pair of topology key and value. Zero is not kept. */
export class TopologyCounts {
  readonly #byKey = new Map<string, Map<string, number>>();

  constructor(from?: TopologyCounts) {
    if (from) for (const [key, values] of from.#byKey) this.#byKey.set(key, new Map(values));
  }

  get empty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Counts for the value that the node has of the term's topology key. */
  add(node: NodeInfo, { topologyKey }: AffinityTerm, by: number): void {
    const value = node.label(topologyKey);
    if (value === undefined) return;
    let values = this.#byKey.get(topologyKey);
    if (!values) this.#byKey.set(topologyKey, (values = new Map()));
    const count = (values.get(value) ?? 0) + by;
    if (count !== 0) values.set(value, count);
    else {
      values.delete(value);
      if (values.size === 0) this.#byKey.delete(topologyKey);
    }
  }

  has(node: NodeInfo, { topologyKey }: AffinityTerm): boolean {
    const value = node.label(topologyKey);
    return value !== undefined && (this.#byKey.get(topologyKey)?.get(value) ?? 0) > 0;
  }

  /** Whether any pair of the node's labels is counted. */
  hasAny(node: NodeInfo): boolean {
    for (const [key, values] of this.#byKey) {
      const value = node.label(key);
      if (value !== undefined && (values.get(value) ?? 0) > 0) return true;
    }
    return false;
  }

  /** The sum over all pairs of the node's labels. */
  sum(node: NodeInfo): number {
    let sum = 0;
    for (const [key, values] of this.#byKey) {
      const value = node.label(key);
      if (value !== undefined) sum += values.get(value) ?? 0;
    }
    return sum;
  }
}
