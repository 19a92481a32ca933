import type { Labels } from '../../api/selectors.ts';
import { type Ip, type Family, familyOf } from '../../base/addresses.ts';
import { rangeHas, firstOf, lastOf, type Range } from '../../base/address-ranges.ts';
import type { NamedPort, Peers, Protocol, SelectorPeer } from './rules.ts';
import type { Table } from './table.ts';
import { element, heads, names, type Text } from './text.ts';

/** A pod as policies see it. */
export interface PodFacts {
  /** `namespace/name` */
  key: string;
  namespace: string;
  labels: Labels;
  /** Those that are its own at present. */
  addresses: readonly Ip[];
  ports: readonly { name: string; protocol: Protocol; port: number }[];
}

/** Which pods (or which of their ports) a set of addresses stands for. */
export interface GroupSpec {
  /** Equal for equal groups. */
  key: string;
  /** Undefined = every pod. */
  selectors: readonly SelectorPeer[] | undefined;
  /** With named ports: pods that have their address here, too. */
  ranges: readonly Range[];
  /** Of one protocol. Not empty: the elements are addresses with ports. */
  named: readonly NamedPort[];
}

export function podsGroup(peers: Peers): GroupSpec {
  return {
    key: JSON.stringify(peers.selectors.map((s) => s.key)),
    selectors: peers.selectors,
    ranges: [],
    named: [],
  };
}

export function portsGroup(peers: Peers | undefined, named: readonly NamedPort[]): GroupSpec {
  const ranges = peers?.ranges ?? [];
  const spans = ranges.map((r) => [r.family, firstOf(r), lastOf(r)]);
  return {
    key: JSON.stringify([peers?.selectors.map((s) => s.key) ?? null, spans, named]),
    selectors: peers?.selectors,
    ranges,
    named,
  };
}

/** What the groups read. */
export interface Cluster {
  pods(): Iterable<PodFacts>;
  podsIn(namespace: string): Iterable<PodFacts>;
  /** The labels of a namespace; undefined when the namespace is not known. */
  namespaceLabels(name: string): Labels | undefined;
  namespaces(): Iterable<string>;
}

export interface Group {
  readonly id: number;
  readonly spec: GroupSpec;
  users: number;
  readonly members: Map<string, readonly [Family, Text][]>;
}

/** The sets of addresses that rules name, each kept as long as a rule names it. */
export class Groups {
  readonly #table: Table;
  readonly #cluster: Cluster;
  readonly #families: readonly Family[];
  readonly #groups = new Map<string, Group>();
  #nextId = 1;

  constructor(table: Table, cluster: Cluster, families: readonly Family[]) {
    this.#table = table;
    this.#cluster = cluster;
    this.#families = families;
  }

  acquire(spec: GroupSpec): Group {
    const known = this.#groups.get(spec.key);
    if (known) {
      known.users += 1;
      return known;
    }
    const group: Group = { id: this.#nextId++, spec, users: 1, members: new Map() };
    this.#groups.set(spec.key, group);
    for (const f of this.#families)
      this.#table.addCollection(
        names.group(group.id, f),
        'set',
        spec.named.length > 0 ? heads.endpoints(f) : heads.addresses(f),
      );
    for (const pod of this.#candidates(spec))
      this.#put(group, pod.key, this.#elementsOf(spec, pod));
    return group;
  }

  release(group: Group): void {
    group.users -= 1;
    if (group.users > 0) return;
    this.#groups.delete(group.spec.key);
    for (const f of this.#families) this.#table.dropCollection(names.group(group.id, f));
  }

  /** Puts pods where they now belong. Those that are gone are given by their key alone. */
  renew(pods: ReadonlyMap<string, PodFacts | undefined>): void {
    const changes: [Group, string, readonly [Family, Text][]][] = [];
    for (const group of this.#groups.values()) {
      for (const [key, pod] of pods) {
        const next = pod ? this.#elementsOf(group.spec, pod) : [];
        const before = group.members.get(key) ?? [];
        if (next.length === before.length && next.every(([, e], i) => e === before[i]?.[1]))
          continue;
        changes.push([group, key, next]);
      }
    }
    // An address may go from one pod to another: what leaves leaves first.
    for (const [group, key] of changes) this.#put(group, key, []);
    for (const [group, key, next] of changes) this.#put(group, key, next);
  }

  #put(group: Group, key: string, next: readonly [Family, Text][]): void {
    for (const [f, e] of group.members.get(key) ?? [])
      this.#table.put(names.group(group.id, f), e, undefined);
    for (const [f, e] of next) this.#table.put(names.group(group.id, f), e, '');
    if (next.length > 0) group.members.set(key, next);
    else group.members.delete(key);
  }

  /**
   * Pods that may belong to a group: a group of one namespace need not ask all pods of the cluster.
   */
  *#candidates(spec: GroupSpec): Iterable<PodFacts> {
    if (!spec.selectors || spec.ranges.length > 0) return yield* this.#cluster.pods();
    const namespaces = new Set<string>();
    for (const s of spec.selectors) {
      if (s.namespace !== undefined) namespaces.add(s.namespace);
      else
        for (const name of this.#cluster.namespaces())
          if (s.namespaces?.matches(this.#cluster.namespaceLabels(name))) namespaces.add(name);
    }
    for (const name of namespaces) yield* this.#cluster.podsIn(name);
  }

  #elementsOf(spec: GroupSpec, pod: PodFacts): [Family, Text][] {
    const addresses = pod.addresses.filter((a) => this.#families.includes(familyOf(a)));
    if (addresses.length === 0) return [];
    const selected = !spec.selectors || spec.selectors.some((s) => this.#selects(s, pod));
    if (spec.named.length === 0)
      return selected ? addresses.map((a) => [familyOf(a), element(a)]) : [];
    const ports = pod.ports.filter((p) =>
      spec.named.some((n) => n.name === p.name && n.protocol === p.protocol),
    );
    if (ports.length === 0) return [];
    const own = addresses.filter((a) => selected || spec.ranges.some((r) => rangeHas(r, a)));
    return own.flatMap((a) =>
      [...new Set(ports.map((p) => element(a, p.port)))].map((e): [Family, Text] => [
        familyOf(a),
        e,
      ]),
    );
  }

  #selects(peer: SelectorPeer, pod: PodFacts): boolean {
    if (peer.namespace !== undefined)
      return peer.namespace === pod.namespace && peer.pods.matches(pod.labels);
    const labels = this.#cluster.namespaceLabels(pod.namespace);
    return (
      labels !== undefined &&
      peer.namespaces?.matches(labels) === true &&
      peer.pods.matches(pod.labels)
    );
  }
}
