import type { PodInfo } from './pod-info.ts';

/** Pods of one namespace with the very same labels, and how many of them each node has. */
export interface LabelGroup {
  readonly namespace: string;
  readonly labels: Record<string, string>;
  /** These pods are being deleted. */
  readonly terminating: boolean;
  readonly nodes: Map<string, number>;
  /** By topology key what was asked for: how many are on nodes with each value of that label. */
  readonly spread: Map<string, Map<string | undefined, number>>;
}

/** A label of a node: no node = null, no such label = undefined. */
type LabelOf = (node: string, key: string) => string | undefined | null;

const none: ReadonlyMap<string, LabelGroup> = new Map();

/**
 * All pods with a node, grouped by labels. A selector is asked once for each group rather than for
 * each pod: the pods of a ReplicaSet are one group.
 */
export class LabelGroups {
  readonly #byNamespace = new Map<string, Map<string, LabelGroup>>();
  readonly #labelOf: LabelOf;
  /** Those of which somebody asked how they are spread. */
  readonly #spread = new Set<LabelGroup>();

  constructor(labelOf: LabelOf) {
    this.#labelOf = labelOf;
  }

  add(pod: PodInfo, node: string): void {
    let groups = this.#byNamespace.get(pod.namespace);
    if (!groups) this.#byNamespace.set(pod.namespace, (groups = new Map()));
    const key = keyOf(pod);
    let group = groups.get(key);
    if (!group) {
      const { namespace, labels, terminating } = pod;
      groups.set(
        key,
        (group = { namespace, labels, terminating, nodes: new Map(), spread: new Map() }),
      );
    }
    group.nodes.set(node, (group.nodes.get(node) ?? 0) + 1);
    this.#move(group, node, 1);
  }

  remove(pod: PodInfo, node: string): void {
    const groups = this.#byNamespace.get(pod.namespace);
    const key = keyOf(pod);
    const group = groups?.get(key);
    if (!groups || !group) return;
    this.#move(group, node, -1);
    const left = (group.nodes.get(node) ?? 0) - 1;
    if (left > 0) group.nodes.set(node, left);
    else group.nodes.delete(node);
    if (group.nodes.size > 0) return;
    groups.delete(key);
    this.#spread.delete(group);
    if (groups.size === 0) this.#byNamespace.delete(pod.namespace);
  }

  in(namespace: string): Iterable<LabelGroup> {
    return (this.#byNamespace.get(namespace) ?? none).values();
  }

  /** How many of the group are on nodes with each value of a label; undefined = without it. */
  spreadOf(group: LabelGroup, topologyKey: string): ReadonlyMap<string | undefined, number> {
    let spread = group.spread.get(topologyKey);
    if (spread) return spread;
    this.#spread.add(group);
    group.spread.set(topologyKey, (spread = new Map()));
    for (const [node, count] of group.nodes) {
      const value = this.#labelOf(node, topologyKey);
      if (value !== null) spread.set(value, (spread.get(value) ?? 0) + count);
    }
    return spread;
  }

  /** Nodes came, went or have other labels. */
  forgetSpread(): void {
    for (const group of this.#spread) group.spread.clear();
    this.#spread.clear();
  }

  #move({ spread }: LabelGroup, node: string, by: number): void {
    for (const [key, counts] of spread) {
      const value = this.#labelOf(node, key);
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + by);
    }
  }

  namespaces(): Iterable<string> {
    return this.#byNamespace.keys();
  }
}

function keyOf({ labels, terminating }: PodInfo): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  let key = terminating ? 't' : '';
  for (const [name, value] of pairs) key += `\0${name}\x01${value}`;
  return key;
}
