import type { Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import type { Ipv4, Ipv4Cidr } from '../../base/ipv4.ts';
import type { Mirror } from '../../client/client.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import type { NftGuards, TableGuard } from '../nft/guards.ts';
import { makePlan, standingChains, type Chain, type Plan } from './plan.ts';
import { difference, fullRuleset, table, type NodeNetwork } from './ruleset.ts';
import { hostPorts, servicePorts, type ServiceContext, type ServicePort } from './service-ports.ts';
import { serviceRanges } from './service-ranges.ts';

export interface ProxyOptions {
  services: Mirror<Service>;
  /** Must have the index `service`: `namespace/name` from the label kubernetes.io/service-name. */
  slices: Mirror<EndpointSlice>;
  /** Pods of this node only. */
  pods: Mirror<Pod>;
  nodeName: string;
  /** Ranges that were added to the configured one. */
  serviceCidrs: Mirror<ServiceCIDR>;
  nodeIp: Ipv4;
  network: Omit<NodeNetwork, 'serviceCidrs'> & { serviceCidr: Ipv4Cidr };
  /** Where the transaction files are written; on tmpfs. */
  runDir: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  guards: NftGuards;
  log: Log;
  /** Told before the host is changed, so that uninstall can undo it. */
  record(kind: 'nft-table', name: string): Promise<void>;
}

export interface Proxy {
  /** Resolves when the first full table stands in the kernel. */
  readonly ready: Promise<void>;
  /** Something that the rules say has changed: loads them all. */
  again(): void;
  /** The node has another address. */
  readdress(nodeIp: Ipv4): void;
  stop(): void;
}

/** The index that the slices mirror needs. */
export const sliceIndexes = {
  service: (slice: EndpointSlice): string[] => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    return name ? [`${slice.metadata.namespace}/${name}`] : [];
  },
};

/** Changes that arrive within this time share a transaction: a rollout moves many endpoints at once. */
const batchMs = 5;
/** Two transactions are at least this far apart, so that churn cannot keep nft busy. */
const pauseMs = 50;
/** Remembered lines about what was left out; more are said again. */
const mostSaid = 1000;
/** After a failed transaction. */
const retryMs = 1000;

export function startProxy(options: ProxyOptions): Proxy {
  return new NftProxy(options);
}

class NftProxy implements Proxy {
  readonly ready: Promise<void>;
  readonly #o: ProxyOptions;
  readonly #stops: (() => void)[] = [];
  /** Service ports by service key; recomputed only for the services that a change touches. */
  readonly #ports = new Map<string, ServicePort[]>();
  readonly #dirty = new Set<string>();
  #applied: Plan | undefined;
  /** The chains of the last full load. */
  #standing: ReadonlySet<Chain> = new Set();
  /** What was said to be left out, so that it is said once. */
  readonly #said = new Set<string>();
  #timer: Timer | undefined;
  #running = false;
  /** The table in the kernel has other ranges. */
  #reload = false;
  #wanted = false;
  #stopped = false;
  readonly #guard: TableGuard;
  #nodeIp: Ipv4;
  #resolveReady: () => void = () => undefined;

  readonly #context: ServiceContext;
  #ranges: readonly Ipv4Cidr[];

  constructor(options: ProxyOptions) {
    this.#o = options;
    const { clusterCidr, serviceCidr } = options.network;
    this.#ranges = [serviceCidr];
    this.#nodeIp = options.nodeIp;
    this.#guard = options.guards.guard(`ip ${table}`, () => this.again());
    this.#context = { nodeName: options.nodeName, clusterRanges: [clusterCidr, serviceCidr], leftOut: (what) => this.#leftOut(what) };
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve));
    void this.#begin();
  }

  async #begin(): Promise<void> {
    const { services, slices, pods, serviceCidrs } = this.#o;
    await Promise.all([services.synced, slices.synced, pods.synced, serviceCidrs.synced]);
    if (this.#stopped) return;
    this.#stops.push(() => this.#guard.stop());
    this.#stops.push(
      serviceCidrs.onChange(() => this.#rangesChanged()),
      services.onChange((c) => this.#touch(c.key)),
      slices.onChange((c) => {
        for (const object of [c.object, c.old]) {
          const key = object && sliceIndexes.service(object)[0];
          if (key) this.#touch(key);
        }
      }),
      pods.onChange((c) => {
        if (hostPorts(c.object).length || (c.old && hostPorts(c.old).length)) this.#schedule(batchMs);
      }),
    );
    this.#schedule(0);
  }

  again(): void {
    this.#reload = true;
    this.#schedule(batchMs);
  }

  readdress(nodeIp: Ipv4): void {
    this.#nodeIp = nodeIp;
    this.#rangesChanged();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
  }

  /** The rules of ranges are part of a full load; what an external address may be depends on them too. */
  #rangesChanged(): void {
    const { clusterCidr, serviceCidr } = this.#o.network;
    const ranges = serviceRanges(this.#o.serviceCidrs.list(), { configured: serviceCidr, clusterCidr, nodeIp: this.#nodeIp, leftOut: (what) => this.#leftOut(what) });
    if (ranges.join() === this.#ranges.join()) return;
    this.#ranges = ranges;
    this.#context.clusterRanges = [clusterCidr, ...ranges];
    for (const { metadata } of this.#o.services.list()) this.#dirty.add(`${metadata.namespace}/${metadata.name}`);
    this.#reload = true;
    this.#schedule(batchMs);
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#schedule(batchMs);
  }

  #schedule(delayMs: number): void {
    this.#wanted = true;
    if (this.#running || this.#timer || this.#stopped) return;
    this.#timer = this.#o.clock.after('proxy.batch', delayMs, () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#wanted = false;
    let next = pauseMs;
    try {
      await this.#apply();
      this.#resolveReady();
    } catch (error) {
      this.#o.log.warn('nftables transaction failed, loading the whole table next', { error: messageOf(error) });
      this.#applied = undefined;
      this.#wanted = true;
      next = retryMs;
    }
    this.#running = false;
    if (this.#wanted) this.#schedule(next);
  }

  async #apply(): Promise<void> {
    const before = new Map([...this.#dirty].map((key) => [key, this.#ports.get(key) ?? []]));
    for (const key of this.#dirty) this.#recompute(key);
    this.#dirty.clear();
    const plan = makePlan(
      [...this.#ports.values()].flat(),
      [...this.#o.pods.list()].flatMap((pod) => hostPorts(pod, (what) => this.#leftOut(what))),
    );
    if (!this.#applied) await this.#o.record('nft-table', `ip ${table}`);
    await this.#bring(plan);
    this.#applied = plan;
    await this.#forgetUdpFlows(before);
  }

  /** Applies what changed, or the whole table where there is nothing to start from or the kernel does not take the change. */
  async #bring(plan: Plan): Promise<void> {
    const change = this.#reload ? undefined : this.#applied && difference(this.#applied, plan, this.#standing);
    if (change !== undefined) {
      try {
        if (change) await this.#load(change);
        return;
      } catch (error) {
        this.#o.log.info('nftables did not take a change, loading the whole table', { error: messageOf(error).slice(0, 200), change: change.slice(0, 600) });
      }
    }
    const ranges = this.#ranges;
    // What changes while it loads asks for another.
    this.#reload = false;
    await this.#load(fullRuleset(plan, { ...this.#o.network, serviceCidrs: ranges }));
    this.#standing = standingChains(plan);
    if (ranges !== this.#ranges) this.#reload = true;
  }

  /** Says once, in the log, what an object asks for that this node does not carry out. */
  #leftOut(what: string): void {
    if (this.#said.has(what)) return;
    if (this.#said.size >= mostSaid) this.#said.clear();
    this.#said.add(what);
    this.#o.log.warn('left out of the service rules', { what });
  }

  #recompute(key: string): void {
    const service = this.#o.network.services ? this.#o.services.get(key) : undefined;
    const ports = service ? servicePorts(service, this.#o.slices.byIndex('service', key), this.#context) : [];
    const { dnsAddress } = this.#o.network;
    const own = dnsAddress === undefined ? ports : ports.filter((p) => !p.clusterIps.includes(dnsAddress));
    if (own.length) this.#ports.set(key, own);
    else this.#ports.delete(key);
  }

  async #load(text: string): Promise<void> {
    const file = `${this.#o.runDir}/proxy.nft`;
    await this.#o.disk.writeAtomic('proxy.write', file, text + this.#guard.stamp(), { mode: 0o600 });
    await runOk(this.#o.spawn, 'proxy.nft', ['nft', '-f', file]);
  }

  /** A UDP flow would stay with an endpoint that is gone, or with a refusal, for as long as packets keep coming. */
  async #forgetUdpFlows(before: Map<string, ServicePort[]>): Promise<void> {
    const flows = new Set<string>();
    for (const [key, old] of before) {
      const now = this.#ports.get(key) ?? [];
      for (const port of old.filter((p) => p.protocol === 'udp')) {
        const same = now.find((p) => p.protocol === 'udp' && p.port === port.port);
        const stays = port.backends.length > 0 && port.backends.every((b) => same?.backends.some((n) => n.ip === b.ip && n.port === b.port));
        if (stays) continue;
        for (const ip of [...port.clusterIps, ...port.externalIps, ...port.loadBalancerIps]) flows.add(`--orig-dst ${ip} --dport ${port.port}`);
        if (port.nodePort) flows.add(`--dport ${port.nodePort}`);
      }
    }
    for (const flow of flows) {
      // conntrack ends with 1 when there was nothing to delete.
      await this.#o.spawn.run('proxy.conntrack', ['conntrack', '-D', '-p', 'udp', ...flow.split(' ')]).catch(() => undefined);
    }
  }
}
