import type { PodInfo } from './pod-info.ts';

/** Pods of one namespace with the very same labels, and how many of them each node has. */
export interface LabelGroup {
  readonly namespace: string;
  readonly labels: Record<string, string>;
  /** These pods are being deleted. */
  readonly terminating: boolean;
  readonly nodes: Map<string, number>;
}

const none: ReadonlyMap<string, LabelGroup> = new Map();

/**
 * All pods with a node, grouped by labels. A selector is asked once for each group rather than for
 * each pod: the pods of a ReplicaSet are one group.
 */
export class LabelGroups {
  readonly #byNamespace = new Map<string, Map<string, LabelGroup>>();

  add(pod: PodInfo, node: string): void {
    let groups = this.#byNamespace.get(pod.namespace);
    if (!groups) this.#byNamespace.set(pod.namespace, (groups = new Map()));
    const key = keyOf(pod);
    let group = groups.get(key);
    if (!group) {
      const { namespace, labels, terminating } = pod;
      groups.set(key, (group = { namespace, labels, terminating, nodes: new Map() }));
    }
    group.nodes.set(node, (group.nodes.get(node) ?? 0) + 1);
  }

  remove(pod: PodInfo, node: string): void {
    const groups = this.#byNamespace.get(pod.namespace);
    const key = keyOf(pod);
    const group = groups?.get(key);
    if (!groups || !group) return;
    const left = (group.nodes.get(node) ?? 0) - 1;
    if (left > 0) group.nodes.set(node, left);
    else group.nodes.delete(node);
    if (group.nodes.size > 0) return;
    groups.delete(key);
    if (groups.size === 0) this.#byNamespace.delete(pod.namespace);
  }

  in(namespace: string): Iterable<LabelGroup> {
    return (this.#byNamespace.get(namespace) ?? none).values();
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
