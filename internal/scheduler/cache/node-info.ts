import type { Node, Taint } from '../../api/generated/types/core-v1.ts';
import { amountsOf } from '../../api/scheduling/pod-resources.ts';
import type { HostPort, PodInfo } from './pod-info.ts';
import { Resources } from './resources.ts';

const anyAddress = '0.0.0.0';

/** A node and what is promised on it. */
export class NodeInfo {
  readonly node: Node;
  readonly name: string;
  readonly allocatable: Resources;
  readonly allowedPods: number;
  readonly unschedulable: boolean;
  /** Taints that keep pods away. */
  readonly hardTaints: readonly Taint[];
  /** Taints that pods would rather not meet (PreferNoSchedule). */
  readonly softTaints: readonly Taint[];
  readonly features: ReadonlySet<string>;
  /** Sizes in bytes by image name. */
  readonly images: ReadonlyMap<string, number>;

  readonly #labels: ReadonlyMap<string, string>;

  readonly pods = new Map<string, PodInfo>();
  readonly withAffinity = new Set<PodInfo>();
  readonly withRequiredAntiAffinity = new Set<PodInfo>();
  readonly requested = new Resources();
  /** Cpu and memory promised, with the usual amounts for pods that ask for nothing. */
  readonly usual = { cpu: 0, memory: 0 };
  /** `protocol/port` -> address -> how many pods hold it. */
  readonly #ports = new Map<string, Map<string, number>>();

  constructor(node: Node) {
    this.node = node;
    this.name = node.metadata.name ?? '';
    this.#labels = new Map(Object.entries(node.metadata.labels ?? {}));
    const amounts = amountsOf(node.status.allocatable);
    this.allowedPods = amounts.get('pods') ?? 0;
    amounts.delete('pods');
    this.allocatable = Resources.of(amounts);
    this.unschedulable = node.spec.unschedulable === true;
    const taints = node.spec.taints ?? [];
    this.hardTaints = taints.filter((t) => t.effect === 'NoSchedule' || t.effect === 'NoExecute');
    this.softTaints = taints.filter((t) => t.effect === 'PreferNoSchedule');
    this.features = new Set(node.status.declaredFeatures ?? []);
    const images = new Map<string, number>();
    for (const image of node.status.images ?? [])
      for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0);
    this.images = images;
  }

  label(key: string): string | undefined {
    return this.#labels.get(key);
  }

  sameLabels(other: NodeInfo): boolean {
    if (this.#labels.size !== other.#labels.size) return false;
    for (const [key, value] of this.#labels) if (other.#labels.get(key) !== value) return false;
    return true;
  }

  /** Counts a pod; one of the same uid takes the place of the one before. */
  add(info: PodInfo): void {
    this.remove(info.uid);
    this.pods.set(info.uid, info);
    this.requested.add(info.requests);
    this.usual.cpu += info.usual.cpu;
    this.usual.memory += info.usual.memory;
    if (info.terms) {
      this.withAffinity.add(info);
      if (info.terms.requiredAntiAffinity.length > 0) this.withRequiredAntiAffinity.add(info);
    }
    for (const port of info.hostPorts) this.#hold(port, 1);
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (!info) return;
    this.pods.delete(uid);
    this.requested.add(info.requests, -1);
    this.usual.cpu -= info.usual.cpu;
    this.usual.memory -= info.usual.memory;
    this.withAffinity.delete(info);
    this.withRequiredAntiAffinity.delete(info);
    for (const port of info.hostPorts) this.#hold(port, -1);
  }

  /** Whether another pod holds this port on an address that is also meant. */
  portTaken({ ip, protocol, port }: HostPort): boolean {
    const held = this.#ports.get(`${protocol}/${port}`);
    return held !== undefined && (ip === anyAddress || held.has(ip) || held.has(anyAddress));
  }

  /** The same node with the same pods, to try things on. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.node);
    for (const info of this.pods.values()) copy.add(info);
    return copy;
  }

  #hold({ ip, protocol, port }: HostPort, by: 1 | -1): void {
    const key = `${protocol}/${port}`;
    const held = this.#ports.get(key) ?? new Map<string, number>();
    const count = (held.get(ip) ?? 0) + by;
    if (count > 0) held.set(ip, count);
    else held.delete(ip);
    if (held.size > 0) this.#ports.set(key, held);
    else this.#ports.delete(key);
  }
}
