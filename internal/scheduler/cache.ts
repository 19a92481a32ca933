import type { Node, Pod } from '../api/generated/types/core-v1.ts';
import { isTerminal } from '../api/scheduling/pod-resources.ts';
import { NodeInfo, podInfo, type PodInfo } from './node-info.ts';

/** The nodes with the pods that are on them, and those that were just promised to them. */
export class Cache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pods with a node, by uid, also of nodes that are not known (yet). */
  readonly #pods = new Map<string, PodInfo>();
  readonly #assumed = new Set<string>();
  /** Pods that wait for their victims to go, by uid: the room on that node is theirs. */
  readonly #nominated = new Map<string, { node: string; info: PodInfo }>();

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const info = new NodeInfo(node);
    this.#nodes.set(name, info);
    for (const pod of this.#pods.values()) if (pod.pod.spec.nodeName === name) info.add(pod);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
  }

  /** A pod as the API server has it: counts on its node unless it is over. */
  setPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (!pod.spec.nodeName) return;
    this.#assumed.delete(uid);
    this.#nominated.delete(uid);
    this.#drop(uid);
    if (!isTerminal(pod)) this.#add(podInfo(pod));
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.#nominated.delete(uid);
    this.#drop(uid);
  }

  /** Counts a pod on a node before the API server does. */
  assume(info: PodInfo, node: string): void {
    const uid = info.pod.metadata.uid ?? '';
    const pod = { ...info.pod, spec: { ...info.pod.spec, nodeName: node } };
    this.#assumed.add(uid);
    this.#nominated.delete(uid);
    this.#add({ ...info, pod });
  }

  /** Takes an assumption back, unless the API server has confirmed it meanwhile. */
  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#drop(uid);
  }

  nominate(info: PodInfo, node: string): void {
    this.#nominated.set(info.pod.metadata.uid ?? '', { node, info });
  }

  unnominate(uid: string): void {
    this.#nominated.delete(uid);
  }

  nominatedNode(uid: string): string | undefined {
    return this.#nominated.get(uid)?.node;
  }

  /**
   * Nodes as a pod of this priority must see them: with the pods that were promised room before it.
   */
  nodesFor(info: PodInfo): NodeInfo[] {
    const own = info.pod.metadata.uid ?? '';
    const priority = info.pod.spec.priority ?? 0;
    const promised = [...this.#nominated].filter(
      ([uid, n]) => uid !== own && (n.info.pod.spec.priority ?? 0) >= priority,
    );
    if (promised.length === 0) return [...this.#nodes.values()];
    return [...this.#nodes.values()].map((node) => {
      const here = promised.filter(([, n]) => n.node === node.name);
      if (here.length === 0) return node;
      const copy = node.copy();
      for (const [, n] of here) copy.add(n.info);
      return copy;
    });
  }

  #add(info: PodInfo): void {
    this.#pods.set(info.pod.metadata.uid ?? '', info);
    this.#nodes.get(info.pod.spec.nodeName ?? '')?.add(info);
  }

  #drop(uid: string): void {
    const info = this.#pods.get(uid);
    if (!info) return;
    this.#pods.delete(uid);
    this.#nodes.get(info.pod.spec.nodeName ?? '')?.remove(uid);
  }
}
