import { namedAuthorities } from '../../api/gateway/backend-tls.ts';
import type { Transport } from '../../api/gateway/listeners.ts';
import { planGateways, type Entry, type GatewayPlan, type Stream } from '../../api/gateway/plan.ts';
import type { ConfigMap, Node, Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { authoritiesOf, pemOf } from '../../api/ingress/pem.ts';
import { routesOf, type Certificate, type Routes } from '../../api/ingress/routes.ts';
import { servingNodes } from '../../api/ingress/serving-nodes.ts';
import type { Pool } from '../../api/ingress/targets.ts';
import { parseCidr, parseIp, type Cidr } from '../../base/addresses.ts';
import { messageOf } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Mirror } from '../../client/client.ts';
import type { Mirrors } from '../../client/mirrors.ts';
import { NamedSecrets } from '../../client/named-secrets.ts';
import { saidOnce } from '../nft/said-once.ts';
import { endpointsOf } from '../proxy/endpoints.ts';
import { sliceIndexes } from '../proxy/proxy.ts';
import { GatewayMirrors } from './gateway-mirrors.ts';
import { portDir, portsIn, type HaproxyOptions } from './haproxy.ts';
import { tablesOf } from './tables.ts';
import { Teller, type Held } from './teller.ts';

export interface IngressOptions extends Omit<HaproxyOptions, 'started'> {
  httpPort: number;
  httpsPort: number;
  nodeName: string;
  ingresses: Mirror<Ingress>;
  classes: Mirror<IngressClass>;
  services: Mirror<Service>;
  nodes: Mirror<Node>;
  /** With the index of `sliceIndexes`. */
  slices: Mirror<EndpointSlice>;
  /** What Gateways are read by; without it none is served. */
  gateways?: Mirrors;
  /** Ports that no Gateway gets. */
  reservedPorts: readonly number[];
  /** Told why the HAProxy of a port of Gateways alone does not run, and when it does. */
  portTrouble(port: number, why: string | undefined): void;
  /** The ConfigMap of this node's proxies; see `proxiesOf`. */
  settings?: Mirror<ConfigMap>;
  /** A mirror that has one Secret; asked for when an Ingress needs it. */
  secret(namespace: string, name: string): Mirror<Secret>;
  /** The same of a ConfigMap, when a policy of a Gateway's backends needs it. */
  authority(namespace: string, name: string): Mirror<ConfigMap>;
}

/** Changes that come within this time are told together. */
const batchMs = 5;
const retryMs = 1_000;
/** Secrets that cannot be read do not hold up the rest. */
const secretsMs = 3_000;
/** Serves the Ingresses of our classes on this node. `stop` leaves HAProxy running. */
export function startIngress(options: IngressOptions): { stop(): void } {
  return new IngressServer(options);
}

interface PortTeller {
  transport: Transport;
  teller: Teller;
}

/** All that one HAProxy is to serve. */
interface Share {
  routes: Routes['routes'];
  entries: readonly Entry[];
  streams: readonly Stream[];
  certificates: readonly Certificate[];
}

class IngressServer {
  readonly #o: IngressOptions;
  readonly #shared: Teller;
  /**
   * HAProxies of ports that Ingresses do not have: one each, so that none is reloaded for another.
   */
  readonly #ports = new Map<number, PortTeller>();
  readonly #gateways: GatewayMirrors | undefined;
  readonly #stops: (() => void)[] = [];
  readonly #leftOut: (what: string) => void;
  readonly #secrets: NamedSecrets;
  readonly #authorities: NamedSecrets<ConfigMap>;
  /** Pools are asked of: endpoints matter. */
  #pools: ReadonlySet<string> = new Set();
  #synced = false;
  #waiting = false;
  #queue: Promise<void>;
  #stopped = false;

  constructor(options: IngressOptions) {
    this.#o = options;
    this.#leftOut = saidOnce(options.log, 'left out of the routes of Ingresses and Gateways');
    const touch = (): void => this.#touch();
    this.#shared = new Teller(options, touch);
    this.#secrets = new NamedSecrets(options.secret, touch);
    this.#authorities = new NamedSecrets(options.authority, touch);
    const { ingresses, classes, services, nodes, slices, gateways, clock, settings } = options;
    this.#gateways = gateways && new GatewayMirrors({ mirrors: gateways, clock, changed: touch });
    const followed = [ingresses, classes, services, nodes, ...(settings ? [settings] : [])];
    for (const mirror of followed as Mirror<object>[]) this.#stops.push(mirror.onChange(touch));
    this.#stops.push(
      slices.onChange(({ object }) => {
        const [service] = sliceIndexes.service(object);
        if (service !== undefined && this.#pools.has(service)) this.#touch();
      }),
    );
    // Those of an earlier run are looked at, too: their ports may be wanted no more.
    this.#queue = portsIn(options.disk, options.dir).then((ports) =>
      ports.forEach((port) => this.#ports.set(port, this.#portTeller(port, 'http'))),
    );
    const all = [...followed, slices].map((mirror) => mirror.synced);
    void Promise.all(all).then(() => {
      this.#synced = true;
      this.#touch();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#gateways?.stop();
    this.#secrets.stop();
    this.#authorities.stop();
    this.#shared.leave();
    for (const { teller } of this.#ports.values()) teller.leave();
  }

  #touch(waitMs = batchMs): void {
    if (this.#waiting || this.#stopped || !this.#synced) return;
    this.#waiting = true;
    this.#o.clock.after('ingress.batch', waitMs, () => {
      this.#waiting = false;
      this.#queue = this.#queue.then(() => this.#tell());
    });
  }

  /** Brings every HAProxy to what the objects say now. */
  async #tell(): Promise<void> {
    // Fewer routes than one that was taken over has would be worse than old ones.
    if (this.#stopped || this.#gateways?.settled === false) return;
    const { ingresses, classes, nodes, services, nodeName } = this.#o;
    const serves = servingNodes([...nodes.list()]).some((n) => n.metadata.name === nodeName);
    const found = routesOf({
      ingresses: serves ? ingresses.list() : [],
      classes: classes.list(),
      service: (namespace, name) => services.get(`${namespace}/${name}`),
    });
    const plan = serves ? await this.#plan() : undefined;
    const ports = plan?.ports ?? new Map<number, Transport>();
    await this.#readSecrets(found, plan?.certificates ?? []);
    const pools = new Set<string>();
    const certificatesAt = (is: (port: number) => boolean): Certificate[] =>
      (plan?.certificates ?? []).filter(({ port }) => is(port));
    const streamsAt = (is: (port: number) => boolean): Stream[] =>
      (plan?.streams ?? []).filter(({ port }) => is(port));
    const shares = [...ports.keys()].some((port) => this.#isShared(port));
    this.#shared.want(found.routes.length > 0 || shares);
    const all = await Promise.all([
      this.#bring(this.#shared, pools, {
        routes: found.routes,
        entries: plan?.entries ?? [],
        streams: streamsAt((port) => this.#isShared(port)),
        certificates: [...found.certificates, ...certificatesAt((port) => this.#isShared(port))],
      }),
      ...this.#portTellers(ports).map(([port, teller]) => {
        const entries = (plan?.entries ?? []).filter((entry) => entry.port === port);
        const certificates = certificatesAt((one) => one === port);
        const streams = streamsAt((one) => one === port);
        return this.#bring(teller, pools, { routes: [], entries, streams, certificates });
      }),
    ]);
    this.#pools = pools;
    if (all.includes(false)) this.#touch(retryMs);
  }

  async #plan(): Promise<GatewayPlan | undefined> {
    if (!this.#gateways) return undefined;
    const gateways = this.#gateways;
    const objects = gateways.objects();
    const named = new Set(namedAuthorities(objects.backendTlsPolicies));
    await this.#known(this.#authorities.follow(named));
    return planGateways({
      ...objects,
      labelsOf: (namespace) => gateways.labelsOf(namespace),
      service: (namespace, name) => this.#o.services.get(`${namespace}/${name}`),
      reservedPorts: this.#o.reservedPorts,
      // What is wrong with one is said by the controller; it is left out here.
      certificate: () => undefined,
      authority: (namespace, name) => authoritiesOf(this.#authorities.get(namespace, name)),
    });
  }

  #isShared(port: number): boolean {
    return port === this.#o.httpPort || port === this.#o.httpsPort;
  }

  /** One for each wanted port; those that are no longer wanted end. */
  #portTellers(ports: ReadonlyMap<number, Transport>): [number, Teller][] {
    for (const [port, transport] of ports) {
      const before = this.#ports.get(port);
      if (this.#isShared(port) || before?.transport === transport) continue;
      before?.teller.leave();
      this.#ports.set(port, this.#portTeller(port, transport));
    }
    for (const [port, { teller }] of this.#ports) {
      teller.want(ports.has(port));
      if (!ports.has(port)) this.#ports.delete(port);
    }
    return [...this.#ports].map(([port, { teller }]) => [port, teller]);
  }

  #portTeller(port: number, transport: Transport): PortTeller {
    const { httpPort: _http, httpsPort: _https, dir, ...rest } = this.#o;
    const place = { [`${transport}Port`]: port } as Pick<HaproxyOptions, `${Transport}Port`>;
    const options = { ...rest, ...place, dir: portDir(dir, port) };
    const trouble = (why: string | undefined): void => this.#o.portTrouble(port, why);
    return { transport, teller: new Teller({ ...options, trouble }, () => this.#touch()) };
  }

  /** False when it did not take it. */
  async #bring(teller: Teller, pools: Set<string>, share: Share): Promise<boolean> {
    if (!teller.ready) return true;
    try {
      const tables = tablesOf({
        routes: share.routes,
        entries: share.entries,
        streams: share.streams,
        proxies: proxiesOf([...(this.#o.settings?.list() ?? [])][0], this.#leftOut),
        endpoints: (pool) => this.#endpoints(pool, pools),
        secret: (namespace, name) => this.#secrets.get(namespace, name),
      });
      await teller.tell(tables, this.#certificatesOf(share.certificates));
      if (share.entries.length + share.streams.length > 0 && !teller.lua)
        this.#leftOut('the routes of Gateways: this HAProxy is made without Lua');
      return true;
    } catch (error) {
      if (this.#stopped) return true;
      if (teller.ready)
        this.#o.log.warn('HAProxy did not take a change of routes, it is told again', {
          error: messageOf(error),
        });
      teller.forget();
      return false;
    }
  }

  #endpoints({ namespace, service, port }: Pool, pools: Set<string>) {
    const key = `${namespace}/${service}`;
    pools.add(key);
    const place = { nodeName: this.#o.nodeName, zone: undefined };
    // Of a Service of both families one is enough.
    const all = [...this.#o.slices.byIndex('service', key)];
    const of = (family: string) => all.filter(({ addressType }) => addressType === family);
    const [v4, v6] = [of('IPv4'), of('IPv6')];
    const slices = v4.length > 0 ? v4 : v6;
    return endpointsOf(port, slices, place, this.#leftOut).backends.flatMap((one) => {
      const ip = parseIp(one.ip);
      return ip ? [{ ip, port: one.port }] : [];
    });
  }

  async #readSecrets(
    { certificates, routes }: Routes,
    more: readonly Certificate[],
  ): Promise<void> {
    const wanted = new Set<string>();
    for (const { namespace, secret } of [...certificates, ...more])
      wanted.add(`${namespace}/${secret}`);
    for (const { owner, policy } of routes) {
      const namespace = owner.slice(0, owner.indexOf('/'));
      for (const name of policy.users ?? []) wanted.add(`${namespace}/${name}`);
    }
    await this.#known(this.#secrets.follow(wanted));
  }

  /** One that is taken over has them: it must not be told of fewer. */
  async #known(made: Promise<void>[]): Promise<void> {
    if (made.length > 0)
      await Promise.race([Promise.all(made), this.#o.clock.sleep('ingress.secrets', secretsMs)]);
  }

  #certificatesOf(wanted: readonly Certificate[]): Map<string, Held> {
    const held = new Map<string, Held>();
    for (const { namespace, secret: name, hosts } of wanted) {
      const secret = this.#secrets.get(namespace, name);
      if (!secret) continue;
      const key = `${namespace}/${name}`;
      const before = held.get(key);
      // Its own names are these and perhaps more.
      const all = before?.hosts.length === 0 || hosts.length === 0 ? [] : [...hosts];
      try {
        held.set(key, {
          pem: pemOf(secret),
          hosts: all.length > 0 ? [...new Set([...(before?.hosts ?? []), ...all])] : all,
        });
      } catch (error) {
        this.#leftOut(`Secret ${key}: ${messageOf(error)}`);
      }
    }
    return held;
  }
}

const mostProxies = 256;

/**
 * Who comes on behalf of others, by the PROXY protocol: the key `proxyProtocolFrom` of the
 * ConfigMap, addresses and networks. What cannot be read is left out: who stands there comes for
 * himself.
 */
function proxiesOf(settings: ConfigMap | undefined, leftOut: (what: string) => void): Cidr[] {
  const words = (own(settings?.data, 'proxyProtocolFrom') ?? '').split(/[\s,]+/).filter(Boolean);
  return words.slice(0, mostProxies).flatMap((word) => {
    const cidr = parseCidr(word) ?? parseCidr(`${word}/${word.includes(':') ? 128 : 32}`);
    if (!cidr) leftOut(`proxyProtocolFrom: ${JSON.stringify(word).slice(0, 80)} is not a network`);
    return cidr ?? [];
  });
}
