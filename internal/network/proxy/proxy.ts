import { LRUCache } from 'lru-cache';
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { familyOf, type Cidr, type Family, type Ip } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import type { Mirror } from '../../client/client.ts';
import { saidOnce } from '../nft/said-once.ts';
import { TableWriter, type NftDoors } from '../nft/table-writer.ts';
import { listenPlainHttp } from '../../io/plain-http.ts';
import { HealthPorts, type ServiceHealth } from './health-ports.ts';
import { noBuckets, type Affinity } from './affinity.ts';
import { placeOf, readPins, type Pins } from './pins.ts';
import { makePlan, standingChains, type Chain, type Plan } from './plan.ts';
import { difference, fullRuleset, tableOf, type NodeNetwork } from './ruleset.ts';
import {
  healthOf,
  hostPorts,
  servicePorts,
  type ServiceContext,
  type HostPort,
  type ServicePort,
} from './service-ports.ts';
import { serviceRanges } from './service-ranges.ts';
import { staleFlows, type Ways } from './stale-flows.ts';

export interface ProxyOptions extends NftDoors {
  services: Mirror<Service>;
  /** Must have the index `service`: `namespace/name` from the label kubernetes.io/service-name. */
  slices: Mirror<EndpointSlice>;
  nodes: Mirror<Node>;
  /** Pods of this node only. */
  pods: Mirror<Pod>;
  nodeName: string;
  /** Ranges that were added to the configured one. */
  serviceCidrs: Mirror<ServiceCIDR>;
  /** Of the family of the ranges; none: undefined. */
  nodeIp: Ip | undefined;
  network: Omit<NodeNetwork, 'serviceCidrs'> & { serviceCidr: Cidr };
}

export interface Proxy {
  readonly family: Family;
  /** Resolves when the first full table is loaded in the kernel. */
  readonly ready: Promise<void>;
  /** How long its table could not be written. */
  readonly failingMs: number;
  /** Something that the rules say has changed: loads them all. */
  again(): void;
  /** The node has another address. */
  readdress(nodeIp: Ip | undefined): void;
  stop(): void;
}

/** The index that the slices mirror needs. */
export const sliceIndexes = {
  service: (slice: EndpointSlice): string[] => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    return name ? [`${slice.metadata.namespace}/${name}`] : [];
  },
};

export function startProxy(options: ProxyOptions): Proxy {
  return new NftProxy(options);
}

/** Service ports whose promises to clients are known; those that are gone leave first. */
const mostAffinities = 20_000;

type Asked = Parameters<NonNullable<ServiceContext['pinned']>>[0];

class NftProxy implements Proxy {
  readonly ready: Promise<void>;
  readonly #o: ProxyOptions;
  readonly #stops: (() => void)[] = [];
  /** Service ports by service key; recomputed only for the services that a change touches. */
  readonly #ports = new Map<string, ServicePort[]>();
  /** By the name of the service port; kept for one that comes back. */
  readonly #affinities = new LRUCache<string, Affinity>({ max: mostAffinities });
  #promised: Pins['promised'] = new Map();
  readonly #health = new Map<string, ServiceHealth>();
  readonly #healthPorts: HealthPorts;
  readonly #dirty = new Set<string>();
  /** What the last text brings the table to. */
  #applied: Plan | undefined;
  /** The chains of the last full load. */
  #standing: ReadonlySet<Chain> = new Set();
  #hosts: readonly HostPort[] = [];
  /** What `conntrack -D` is to be told when the next transaction stands. */
  readonly #staleFlows = new Set<string>();
  readonly #writer: TableWriter;
  /** Says what an object asks for that this node does not carry out. */
  readonly #leftOut: (what: string) => void;
  #begun = false;
  #stopped = false;
  #nodeIp: Ip | undefined;
  /** Each has a table of its own, and what follows says which this is. */
  readonly family: Family;
  #resolveReady: () => void = () => undefined;

  readonly #context: ServiceContext;
  #ranges: readonly Cidr[];

  constructor(options: ProxyOptions) {
    this.#o = options;
    const { clusterCidr, serviceCidr } = options.network;
    this.#ranges = [serviceCidr];
    this.#nodeIp = options.nodeIp;
    this.family = familyOf(clusterCidr);
    this.#leftOut = saidOnce(options.log, 'left out of the service rules');
    this.#writer = new TableWriter({
      ...options,
      // Each has a file of its own for its transactions.
      name: this.family === 6 ? 'proxy6' : 'proxy',
      table: tableOf(this.family),
      what: 'service rules',
      text: (whole) => this.#text(whole),
      written: () => this.#written(),
    });
    this.#healthPorts = new HealthPorts({ ...options, listen: listenPlainHttp });
    this.#context = {
      nodeName: options.nodeName,
      clusterRanges: [clusterCidr, serviceCidr],
      family: this.family,
      leftOut: this.#leftOut,
      pinned: (port) => this.#affinities.get(`${port.name}/${port.protocol}`) ?? this.#seed(port),
    };
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve));
    void this.#begin();
  }

  async #begin(): Promise<void> {
    const { services, slices, pods, serviceCidrs, nodes } = this.#o;
    this.#promised = (await readPins(this.#o.spawn, this.family)).promised;
    const read = [services, slices, pods, serviceCidrs, nodes];
    await Promise.all(read.map((mirror) => mirror.synced));
    if (this.#stopped) return;
    this.#begun = true;
    this.#zoneChanged();
    this.#stops.push(
      serviceCidrs.onChange(() => this.#rangesChanged()),
      services.onChange((c) => this.#touch(c.key)),
      nodes.onChange(({ key }) => {
        if (key === this.#o.nodeName) this.#zoneChanged();
      }),
      slices.onChange((c) => {
        for (const object of [c.object, c.old]) {
          const key = object && sliceIndexes.service(object)[0];
          if (key) this.#touch(key);
        }
      }),
      pods.onChange((c) => {
        const all = [c.object, ...(c.old ? [c.old] : [])];
        if (all.some((pod) => hostPorts(pod, undefined, this.family).length > 0))
          this.#writer.touch();
      }),
    );
    this.#writer.touch();
  }

  again(): void {
    this.#writer.reload();
  }

  get failingMs(): number {
    return this.#writer.failingMs;
  }

  readdress(nodeIp: Ip | undefined): void {
    this.#nodeIp = nodeIp;
    this.#rangesChanged();
  }

  stop(): void {
    this.#stopped = true;
    this.#writer.stop();
    this.#healthPorts.stop();
    for (const stop of this.#stops) stop();
  }

  /**
   * The rules of ranges are part of a full load; what an external address may be depends on them
   * too.
   */
  #rangesChanged(): void {
    const { clusterCidr, serviceCidr } = this.#o.network;
    const ranges = serviceRanges(this.#o.serviceCidrs.list(), {
      configured: serviceCidr,
      clusterCidr,
      nodeIp: this.#nodeIp,
      leftOut: this.#leftOut,
    });
    if (ranges.join() === this.#ranges.join()) return;
    this.#ranges = ranges;
    this.#context.clusterRanges = [clusterCidr, ...ranges];
    for (const { metadata } of this.#o.services.list())
      this.#dirty.add(`${metadata.namespace}/${metadata.name}`);
    this.#writer.reload();
  }

  /** Hints are read by it. */
  #zoneChanged(): void {
    const node = this.#o.nodes.get(this.#o.nodeName);
    const zone = own(node?.metadata.labels, 'topology.kubernetes.io/zone');
    if (zone === this.#context.zone) return;
    this.#context.zone = zone;
    for (const { metadata } of this.#o.services.list())
      this.#touch(`${metadata.namespace}/${metadata.name}`);
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#writer.touch();
  }

  /**
   * What changed, or the whole table where there is nothing to start from or a change cannot say
   * it.
   */
  async #text(whole: boolean): Promise<string | undefined> {
    if (!this.#begun) return undefined;
    for (const key of this.#dirty) {
      const ports = this.#ports.get(key) ?? [];
      this.#recompute(key);
      this.#staleAfter({ ports, hosts: [] }, { ports: this.#ports.get(key) ?? [], hosts: [] });
    }
    this.#dirty.clear();
    const hosts = [...this.#o.pods.list()].flatMap((pod) =>
      hostPorts(pod, this.#leftOut, this.family),
    );
    this.#staleAfter({ ports: [], hosts: this.#hosts }, { ports: [], hosts });
    this.#hosts = hosts;
    const plan = makePlan([...this.#ports.values()].flat(), hosts);
    const change = whole
      ? undefined
      : this.#applied &&
        difference(this.#applied, plan, { standing: this.#standing, family: this.family });
    this.#applied = plan;
    if (change !== undefined) return change;
    this.#standing = standingChains(plan);
    const affine = plan.elements.pick.size + plan.elements.nppick.size > 0;
    const pins = affine ? await readPins(this.#o.spawn, this.family) : undefined;
    const ruleset = fullRuleset(plan, { ...this.#o.network, serviceCidrs: this.#ranges });
    return ruleset + (pins?.text ?? '');
  }

  /** What was there before the first load is as an earlier run left it. */
  #staleAfter(before: Ways, now: Ways): void {
    if (!this.#applied) return;
    for (const flow of staleFlows(before, now, this.#nodeIp)) this.#staleFlows.add(flow);
  }

  async #written(): Promise<void> {
    this.#resolveReady();
    // Not before the rules are in place: a client that learns of the Service sends at once.
    this.#healthPorts.set([...this.#health.values()]);
    const flows = [...this.#staleFlows];
    this.#staleFlows.clear();
    // conntrack ends with 1 when there was nothing to delete.
    for (const flow of flows)
      await this.#o.spawn
        .run('proxy.conntrack', [
          'conntrack',
          '-D',
          ...(this.family === 6 ? ['-f', 'ipv6'] : []),
          '-p',
          'udp',
          ...flow.split(' '),
        ])
        .catch(() => undefined);
  }

  /** What an earlier process promised at one of the addresses of a service port. */
  #seed({ clusterIps, externalIps, loadBalancerIps, ...port }: Asked): Affinity | undefined {
    const places = [...clusterIps, ...loadBalancerIps, ...externalIps, undefined].flatMap((ip) => {
      const at = ip ? port.port : port.nodePort;
      return at ? [placeOf(ip, port.protocol, at)] : [];
    });
    const found = places.flatMap((place) => this.#promised.get(place) ?? [])[0];
    if (!found) return undefined;
    const backends = new Map([...found].map(([n, b]) => [n, { ...b, local: false }] as const));
    return { timeoutS: 0, all: { ...noBuckets, backends }, local: { ...noBuckets, backends } };
  }

  #recompute(key: string): void {
    const service = this.#o.network.services ? this.#o.services.get(key) : undefined;
    const ports = service
      ? servicePorts(service, this.#o.slices.byIndex('service', key), this.#context)
      : [];
    for (const { name, protocol, affinity } of ports)
      if (affinity) this.#affinities.set(`${name}/${protocol}`, affinity);
    const { dnsAddress } = this.#o.network;
    const own =
      dnsAddress === undefined ? ports : ports.filter((p) => !p.clusterIps.includes(dnsAddress));
    if (own.length) this.#ports.set(key, own);
    else this.#ports.delete(key);
    // A load balancer asks one port of the node, whatever the family: IPv4's half answers.
    const health = service && this.family === 4 ? healthOf(service, own) : undefined;
    if (health) this.#health.set(key, health);
    else this.#health.delete(key);
  }
}
