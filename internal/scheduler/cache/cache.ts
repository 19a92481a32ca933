import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { isTerminal } from '../../api/scheduling/pod-resources.ts';
import { LabelGroups } from './label-groups.ts';
import { NodeInfo } from './node-info.ts';
import { podInfo, type PodInfo } from './pod-info.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const regionLabel = 'topology.kubernetes.io/region';

/**
 * The nodes with the pods that are on them, those that were just promised to them (assumed), and
 * those that wait for room there (nominated). A scheduling cycle is synchronous, so this is also
 * its snapshot: nothing changes under it.
 */
export class Cache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pods with a node, by uid, also of nodes that are not known (yet). */
  readonly #pods = new Map<string, PodInfo>();
  readonly #podsOfNode = new Map<string, Set<PodInfo>>();
  readonly #assumed = new Set<string>();
  /** Pods that wait for their victims to go, by node and uid: the room there is theirs. */
  readonly #nominated = new Map<string, Map<string, PodInfo>>();
  readonly #nominatedNodes = new Map<string, string>();
  readonly #withAffinity = new Set<NodeInfo>();
  readonly #withRequiredAntiAffinity = new Set<NodeInfo>();
  /** `namespace/name` of claims -> how many pods with a node mount them. */
  readonly #claimUsers = new Map<string, number>();
  /** Image name -> how many nodes have it. */
  readonly #imageNodes = new Map<string, number>();
  #order: NodeInfo[] | undefined;

  /** All pods with a node, by their labels. */
  readonly groups = new LabelGroups((name, key) => {
    const node = this.#nodes.get(name);
    return node ? node.label(key) : null;
  });

  /** All nodes, one zone after the other in turns, as kube-scheduler walks them. */
  get nodes(): readonly NodeInfo[] {
    return (this.#order ??= inTurns([...this.#nodes.values()]));
  }

  get nodesWithAffinity(): ReadonlySet<NodeInfo> {
    return this.#withAffinity;
  }

  get nodesWithRequiredAntiAffinity(): ReadonlySet<NodeInfo> {
    return this.#withRequiredAntiAffinity;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  claimInUse(namespace: string, name: string): boolean {
    return this.#claimUsers.has(`${namespace}/${name}`);
  }

  nodesWithImage(name: string): number {
    return this.#imageNodes.get(name) ?? 0;
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const before = this.#nodes.get(name);
    const info = new NodeInfo(node);
    if (!before?.sameLabels(info)) this.groups.forgetSpread();
    if (before) this.#unlist(before);
    this.#nodes.set(name, info);
    for (const pod of this.#podsOfNode.get(name) ?? []) info.add(pod);
    this.#countImages(info, 1);
    this.#list(info);
    this.#order = undefined;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    this.#nodes.delete(name);
    this.groups.forgetSpread();
    this.#unlist(info);
    this.#order = undefined;
  }

  /** A pod as the API server has it: counts on its node unless it is over. */
  setPod(pod: Pod): void {
    if (!pod.spec.nodeName) return;
    const uid = pod.metadata.uid ?? '';
    this.#assumed.delete(uid);
    this.unnominate(uid);
    this.#drop(uid);
    if (!isTerminal(pod)) this.#add(podInfo(pod));
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.unnominate(uid);
    this.#drop(uid);
  }

  /** Counts a pod on a node before the API server does. */
  assume(info: PodInfo, node: string): void {
    const pod = { ...info.pod, spec: { ...info.pod.spec, nodeName: node } };
    this.#assumed.add(info.uid);
    this.unnominate(info.uid);
    this.#drop(info.uid);
    this.#add({ ...info, pod });
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** Takes an assumption back, unless the API server has confirmed it meanwhile. */
  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#drop(uid);
  }

  nominate(info: PodInfo, node: string): void {
    this.unnominate(info.uid);
    let here = this.#nominated.get(node);
    if (!here) this.#nominated.set(node, (here = new Map()));
    here.set(info.uid, info);
    this.#nominatedNodes.set(info.uid, node);
  }

  unnominate(uid: string): void {
    const node = this.#nominatedNodes.get(uid);
    if (node === undefined) return;
    this.#nominatedNodes.delete(uid);
    const here = this.#nominated.get(node);
    here?.delete(uid);
    if (here?.size === 0) this.#nominated.delete(node);
  }

  nominatedNode(uid: string): string | undefined {
    return this.#nominatedNodes.get(uid);
  }

  /** The pods that were promised room on a node. */
  nominatedOn(node: string): Iterable<PodInfo> {
    return this.#nominated.get(node)?.values() ?? [];
  }

  get someNominated(): boolean {
    return this.#nominated.size > 0;
  }

  #add(info: PodInfo): void {
    const name = info.pod.spec.nodeName ?? '';
    this.#pods.set(info.uid, info);
    const here = this.#podsOfNode.get(name);
    if (here) here.add(info);
    else this.#podsOfNode.set(name, new Set([info]));
    this.groups.add(info, name);
    for (const claim of info.claims) this.#useClaim(`${info.namespace}/${claim.name}`, 1);
    const node = this.#nodes.get(name);
    if (!node) return;
    node.add(info);
    this.#list(node);
  }

  #drop(uid: string): void {
    const info = this.#pods.get(uid);
    if (!info) return;
    const name = info.pod.spec.nodeName ?? '';
    this.#pods.delete(uid);
    const here = this.#podsOfNode.get(name);
    here?.delete(info);
    if (here?.size === 0) this.#podsOfNode.delete(name);
    this.groups.remove(info, name);
    for (const claim of info.claims) this.#useClaim(`${info.namespace}/${claim.name}`, -1);
    const node = this.#nodes.get(name);
    if (!node) return;
    node.remove(uid);
    this.#list(node);
  }

  #list(node: NodeInfo): void {
    if (node.withAffinity.size > 0) this.#withAffinity.add(node);
    else this.#withAffinity.delete(node);
    if (node.withRequiredAntiAffinity.size > 0) this.#withRequiredAntiAffinity.add(node);
    else this.#withRequiredAntiAffinity.delete(node);
  }

  #unlist(node: NodeInfo): void {
    this.#withAffinity.delete(node);
    this.#withRequiredAntiAffinity.delete(node);
    this.#countImages(node, -1);
  }

  #countImages(node: NodeInfo, by: 1 | -1): void {
    for (const name of node.images.keys()) {
      const count = (this.#imageNodes.get(name) ?? 0) + by;
      if (count > 0) this.#imageNodes.set(name, count);
      else this.#imageNodes.delete(name);
    }
  }

  #useClaim(key: string, by: 1 | -1): void {
    const count = (this.#claimUsers.get(key) ?? 0) + by;
    if (count > 0) this.#claimUsers.set(key, count);
    else this.#claimUsers.delete(key);
  }
}

/** One node of each zone, then the next of each: a search that stops early still sees all zones. */
function inTurns(nodes: NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const zone = `${node.label(regionLabel) ?? ''}:${node.label(zoneLabel) ?? ''}`;
    const members = zones.get(zone);
    if (members) members.push(node);
    else zones.set(zone, [node]);
  }
  if (zones.size < 2) return nodes;
  const order: NodeInfo[] = [];
  for (let i = 0; order.length < nodes.length; i++)
    for (const members of zones.values()) if (i < members.length) order.push(members[i]!);
  return order;
}
