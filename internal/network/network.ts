import type { ConfigMap, Namespace, Node, Pod, Service } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { NetworkPolicy, ServiceCIDR } from '../api/generated/types/networking-v1.ts';
import { ConfigError, messageOf } from '../base/errors.ts';
import {
  cidrHas,
  isLoopback,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6Cidr,
  parsePort,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6Cidr,
} from '../base/addresses.ts';
import type { AdminNetworkPolicy } from '../api/networking/admin-policy.ts';
import type { Mirror } from '../client/client.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Host } from '../io/host.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import { listenPlainHttp } from '../io/plain-http.ts';
import { runOk, type Spawn } from '../io/spawn.ts';
import { addressIndex, serviceIndexes, startDns } from './dns/dns.ts';
import { DnsCounts } from './dns/dns-counts.ts';
import { keepDns, type NodeDns } from './dns/keep-dns.ts';
import type { DnsServer } from './dns/server.ts';
import { cniConfig, podMtu, writeCniConfig } from './overlay/cni.ts';
import { startHostGw } from './overlay/host-gw.ts';
import { NftGuards } from './nft/guards.ts';
import { removeOtherDevices } from './overlay/devices.ts';
import { followPodWays, type PodWays } from './pod-ways.ts';
import { startRepair, type Overlay } from './repair.ts';
import { startVxlan } from './overlay/vxlan.ts';
import { startWireguard, wireguardMtu, type WireguardOptions } from './overlay/wireguard.ts';
import { parseRange } from '../base/address-ranges.ts';
import { PolicyEnforcer } from './policy/enforcer.ts';
import { tableName as policyTable } from './policy/table.ts';
import { sliceIndexes, startProxy, type Proxy } from './proxy/proxy.ts';
import { startStatusPorts } from './proxy/status-ports.ts';

export type Backend = 'vxlan' | 'host-gw' | 'wireguard-native' | 'none';

export interface NetworkOptions {
  nodeName: string;
  nodeIp: string;
  clusterCidr: string;
  serviceCidr: string;
  clusterDns: string;
  clusterDomain: string;
  /** Where containerd looks for CNI lists. */
  cniConfDir: string;
  /** On tmpfs. */
  runDir: string;
  resolvConf: string;
  /**
   * How packets get to pods of other nodes; `none` leaves that, and the CNI file, to somebody else.
   */
  backend: Backend;
  /** Other nodes are reached at their external addresses, those that have one. */
  externalIp?: boolean;
  /** Packets of pods to the world of IPv6 get the node's address. */
  masquerade6?: boolean;
  /** This node's key; it is there with the backend `wireguard-native`. */
  wireguardKey?: WireguardOptions['key'] | undefined;
  /** Whether the cluster's DNS is answered here, or by pods behind an ordinary service. */
  dns: boolean;
  /** Whether services are carried out here, or by somebody else. */
  services: boolean;
  /**
   * Whether network policies are enforced. Pods of somebody else's network are not: what connects
   * them has to.
   */
  policies: boolean;
  /** Survives a reboot. */
  stateDir: string;
  mirrors: {
    services: Mirror<Service>;
    slices: Mirror<EndpointSlice>;
    /** Pods of this node. */
    pods: Mirror<Pod>;
    namespaces: Mirror<Namespace>;
    nodes: Mirror<Node>;
    serviceCidrs: Mirror<ServiceCIDR>;
    policies: Mirror<NetworkPolicy>;
    adminPolicies: Mirror<AdminNetworkPolicy>;
    baselinePolicies: Mirror<AdminNetworkPolicy>;
    /** What operators add to the DNS. */
    settings: Mirror<ConfigMap>;
  };
  /** Every pod of the cluster; asked for with the first policy. */
  allPods(): Mirror<Pod>;
  clock: Clock;
  disk: Disk;
  host: Host;
  spawn: Spawn;
  random: Random;
  log: Log;
  /** Told before the host is changed, so that uninstall can undo it. */
  record(
    kind: 'nft-table' | 'link' | 'address' | 'route' | 'sysctl' | 'file',
    name: string,
  ): Promise<void>;
  /** Tells that something about links, addresses, routes or forwarding has changed. */
  kernel: { onChange(fn: () => void): () => void };
  /** Told why the DNS cannot answer, and, with nothing, that it can. */
  trouble(why: string | undefined): void;
}

/** The indexes that the mirrors of NetworkOptions must have been made with. */
export const networkIndexes = {
  services: serviceIndexes,
  slices: { ...sliceIndexes, ...addressIndex },
};

/** What the node's agent says of the pods whose sandboxes it makes. */
export interface PodAddresses {
  /**
   * Resolves when the kernel holds the rules of a pod at its addresses: nothing of it may run
   * before. Throws when that takes too long.
   */
  hold(pod: Pod, ips: readonly string[]): Promise<void>;
  /** A pod runs already, with these addresses. */
  tell(pod: Pod, ips: readonly string[]): void;
  /** The pod's sandbox is gone. */
  forget(uid: string): void;
}

export interface Network {
  /** Undefined: nothing has to know the addresses of pods before they use them. */
  readonly podAddresses: PodAddresses | undefined;
  /** Undefined: the pod network is not ours (--flannel-backend=none). */
  readonly podWays: PodWays | undefined;
  /** The node has its pod network: writes the CNI list and the ways to other nodes. */
  setPodCidr(podCidr: string): Promise<void>;
  readonly ready: Promise<void>;
  /** The node has another address. */
  readdress(nodeIp: string): Promise<void>;
  /** What its DNS counts, as Prometheus reads it; undefined: it has none. */
  dnsMetrics(): string | undefined;
  stop(): void;
}

/**
 * `ip_forward` carries pods' packets; `route_localnet` lets host ports and node ports answer on
 * 127.0.0.1 (guarded in nftables).
 */
const sysctls: [string, string][] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv4/conf/all/route_localnet', '1'],
];

/**
 * As kube-proxy sets them: who closes one half of a connection may take his time, and what was
 * forgotten goes within a day.
 */
const flowSysctls: [string, string][] = [
  ['net/netfilter/nf_conntrack_tcp_timeout_close_wait', '3600'],
  ['net/netfilter/nf_conntrack_tcp_timeout_established', '86400'],
];

/**
 * A machine that forwards no longer takes its own default route from routers (RFC 4861), unless it
 * is told to take it all the same.
 */
async function sysctls6({ host, disk }: NetworkOptions): Promise<[string, string][]> {
  const found: [string, string][] = [];
  const devices = new Set(
    host.addresses().flatMap((one) => (one.family === 6 && !one.loopback ? [one.device] : [])),
  );
  for (const device of devices) {
    const name = `net/ipv6/conf/${device}/accept_ra`;
    const now = (await disk.readIfThere('sysctl.read', `/proc/sys/${name}`))?.toString().trim();
    if (now === '1' && !device.includes('/')) found.push([name, '2']);
  }
  return [...found, ['net/ipv6/conf/all/forwarding', '1']];
}

/** Starts all that this node's packets need. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { disk, log } = options;
  const addresses = addressesOf(options);
  await disk.makeDir('network.run', options.runDir, 0o700);
  const settings = [...sysctls, ...(addresses.clusterCidr6 ? await sysctls6(options) : [])];
  for (const [name, value] of settings) await setSysctl(options, name, value);
  await removeOtherDevices(options, options.backend);
  const { services, backend } = options;
  const rules = services || backend !== 'none';
  const guards = new NftGuards({ ...options, log: log.named('nft') });
  let proxies: Proxy[] = [];
  let enforcer: PolicyEnforcer | undefined;
  const late = (): void => {
    for (const proxy of proxies) proxy.again();
    enforcer?.again();
  };
  const counts = new DnsCounts();
  const dns = await startNodeDns(options, addresses, {
    orAnyPort: rules,
    late: () => late(),
    counts,
  });
  proxies = rules ? startNodeProxies({ ...options, guards }, addresses, () => dns.port) : [];
  const statuses =
    services &&
    startStatusPorts({
      ...options,
      listen: listenPlainHttp,
      failingMs: () => Math.max(...proxies.map((proxy) => proxy.failingMs)),
      node: () => options.mirrors.nodes.get(options.nodeName),
      log: log.named('proxy'),
    });
  enforcer = await startPolicies({ ...options, guards }, addresses, () => dns.port ?? dnsPort);
  let overlay: Overlay | undefined;
  let current = '';
  const start = async ({ podCidr, podCidr6 }: PodRanges): Promise<void> => {
    overlay?.stop();
    const ways = {
      ...options,
      ...addresses,
      nodes: options.mirrors.nodes,
      external: options.externalIp === true,
      log: log.named('overlay'),
    };
    const { wireguardKey: key } = options;
    overlay =
      backend === 'vxlan'
        ? await startVxlan({ ...ways, podCidr, podCidr6, mtu: podMtu })
        : key
          ? await startWireguard({ ...ways, podCidr, podCidr6, key })
          : await startHostGw(ways);
  };
  const repair = startRepair({
    ...options,
    address: options.dns ? addresses.clusterDns : undefined,
    sysctls: settings,
    setSysctl: (name, value) => setSysctl(options, name, value),
    overlay: () => overlay,
  });
  const podWays =
    backend === 'none' ? undefined : followPodWays({ ...options, log: log.named('pod-ways') });
  return {
    podWays,
    ready: Promise.all(proxies.map((proxy) => proxy.ready)).then(async () => {
      // They are there once rules have made the kernel follow flows.
      if (services) for (const [name, value] of flowSysctls) await setIfThere(options, name, value);
    }),
    podAddresses: enforcer,
    dnsMetrics: () => (options.dns ? counts.text() : undefined),
    async setPodCidr(text) {
      if (text === current || backend === 'none') return;
      const ranges = podRangesOf(text);
      if (!ranges)
        throw new ConfigError(
          `the node's pod network ${JSON.stringify(text)} is not an IPv4 CIDR`,
          { op: 'network' },
        );
      current = text;
      const podCidrs = [ranges.podCidr, ...(ranges.podCidr6 ? [ranges.podCidr6] : [])];
      enforcer?.setPodRanges(podCidrs.map(parseRange).filter((r) => r !== undefined));
      await options.record('file', `${options.cniConfDir}/10-skiff.conflist`);
      await writeCniConfig(
        disk,
        options.cniConfDir,
        cniConfig({
          podCidrs,
          mtu: backend === 'wireguard-native' ? wireguardMtu : podMtu,
          ipamDir: `${options.runDir}/ipam`,
        }),
      );
      await start(ranges);
    },
    async readdress(nodeIp) {
      addresses.nodeIp = addressesOf({ ...options, nodeIp }).nodeIp;
      for (const proxy of proxies) if (proxy.family === 4) proxy.readdress(addresses.nodeIp);
      const ranges = podRangesOf(current);
      // Its device is bound to the old address.
      if (ranges) await start(ranges);
    },
    stop() {
      repair.stop();
      if (statuses) statuses.stop();
      podWays?.stop();
      dns.stop();
      for (const proxy of proxies) proxy.stop();
      enforcer?.stop();
      overlay?.stop();
    },
  };
}

/**
 * The address of the DNS is the node's own, so that pods ask the node they run on. Without a DNS of
 * ours the address is a service's.
 */
async function startNodeDns(
  options: NetworkOptions,
  addresses: Addresses,
  { orAnyPort, late, counts }: { orAnyPort: boolean; late(): void; counts: DnsCounts },
): Promise<NodeDns> {
  const { spawn, clock, trouble } = options;
  const { clusterDns } = addresses;
  const address = [`${clusterDns}/32`, 'dev', 'lo'];
  if (!options.dns) {
    // It is there when an earlier run answered.
    await spawn.run('dns.address', ['ip', 'addr', 'del', ...address]);
    return { port: undefined, stop: () => undefined };
  }
  await options.record('address', `lo ${clusterDns}/32`);
  await runOk(spawn, 'dns.address', ['ip', 'addr', 'replace', ...address]);
  const start = (): Promise<DnsServer> =>
    startDns({
      ...options,
      ...options.mirrors,
      domain: options.clusterDomain,
      address: clusterDns,
      port: dnsPort,
      orAnyPort,
      mayAsk: askers(addresses, options),
      counts,
      log: options.log.named('dns'),
    });
  return await keepDns({ start, clock, trouble, late });
}

const dnsPort = 53;

/** The ranges of this node's pods. */
interface PodRanges {
  podCidr: Ipv4Cidr;
  podCidr6: Ipv6Cidr | undefined;
}

function podRangesOf(text: string): PodRanges | undefined {
  const [first, second] = text.split(',');
  const podCidr = parseIpv4Cidr(first);
  return podCidr && { podCidr, podCidr6: parseIpv6Cidr(second) };
}

interface Addresses {
  nodeIp: Ipv4;
  clusterCidr: Ipv4Cidr;
  serviceCidr: Ipv4Cidr;
  /** Where the cluster has IPv6, too. */
  clusterCidr6: Ipv6Cidr | undefined;
  serviceCidr6: Ipv6Cidr | undefined;
  clusterDns: Ipv4;
}

/** The addresses of the configuration, parsed before any reaches the kernel. */
function addressesOf(options: NetworkOptions): Addresses {
  const need = <T>(name: string, text: string, parsed: T | undefined): T => {
    if (parsed === undefined)
      throw new ConfigError(`${name} ${JSON.stringify(text)} is not IPv4`, { op: 'network' });
    return parsed;
  };
  const [pods = '', pods6] = options.clusterCidr.split(',');
  const [services = '', services6] = options.serviceCidr.split(',');
  return {
    nodeIp: need('node-ip', options.nodeIp, parseIpv4(options.nodeIp)),
    clusterCidr: need('cluster-cidr', pods, parseIpv4Cidr(pods)),
    serviceCidr: need('service-cidr', services, parseIpv4Cidr(services)),
    clusterCidr6: parseIpv6Cidr(pods6),
    serviceCidr6: parseIpv6Cidr(services6),
    clusterDns: need('cluster-dns', options.clusterDns, parseIpv4(options.clusterDns)),
  };
}

/**
 * Networks that nobody routes from outside (RFC 1918, RFC 6598): where another's pod network may
 * be.
 */
const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].flatMap(
  (text) => parseIpv4Cidr(text) ?? [],
);

/**
 * Who may ask the cluster DNS of this node: pods and the node itself. Whose pod network is
 * another's has told us no range to go by.
 */
function askers(addresses: Addresses, options: NetworkOptions): (address: string) => boolean {
  const ranges = [addresses.clusterCidr, ...(options.backend === 'none' ? privateRanges : [])];
  return (address) => {
    const ip = parseIpv4(address);
    return (
      ip !== undefined &&
      (ip === addresses.clusterDns ||
        ip === addresses.nodeIp ||
        isLoopback(ip) ||
        ranges.some((range) => cidrHas(range, ip)))
    );
  };
}

/**
 * Without services, host ports and the pods' way out of the cluster remain its work; without a pod
 * network, the way out is not.
 */
function startNodeProxies(
  options: NetworkOptions & { guards: NftGuards },
  addresses: Addresses,
  answersAt: () => number | undefined,
): Proxy[] {
  const { clusterCidr6, serviceCidr6 } = addresses;
  const common = { services: options.services, podsLeave: options.backend !== 'none' };
  const first = startProxy({
    ...options,
    ...options.mirrors,
    nodeIp: addresses.nodeIp,
    network: {
      ...common,
      clusterCidr: addresses.clusterCidr,
      serviceCidr: addresses.serviceCidr,
      dnsAddress: options.dns ? addresses.clusterDns : undefined,
      get dnsPort() {
        const port = answersAt();
        return port === dnsPort ? undefined : parsePort(port);
      },
    },
    log: options.log.named('proxy'),
  });
  if (!clusterCidr6 || !serviceCidr6) return [first];
  const second = startProxy({
    ...options,
    ...options.mirrors,
    nodeIp: undefined,
    network: {
      ...common,
      clusterCidr: clusterCidr6,
      serviceCidr: serviceCidr6,
      dnsAddress: undefined,
      dnsPort: undefined,
      masquerade: options.masquerade6 === true,
    },
    log: options.log.named('proxy6'),
  });
  return [first, second];
}

/** Without enforcement nothing of an earlier run's may stay. */
async function startPolicies(
  options: NetworkOptions & { guards: NftGuards },
  { clusterDns }: Addresses,
  answersAt: () => number,
): Promise<PolicyEnforcer | undefined> {
  const { mirrors, spawn, log } = options;
  if (options.policies && options.backend !== 'none')
    return new PolicyEnforcer({
      ...options,
      ...mirrors,
      dnsAddress: options.dns ? clusterDns : undefined,
      dnsPort: answersAt,
      log: log.named('policy'),
    });
  await spawn
    .run('policy.off', ['nft', 'delete', 'table', 'inet', policyTable])
    .catch(() => undefined);
  return undefined;
}

async function setIfThere(options: NetworkOptions, name: string, value: string): Promise<void> {
  if (await options.disk.readIfThere('sysctl.read', `/proc/sys/${name}`))
    await setSysctl(options, name, value).catch((error: unknown) =>
      options.log.warn(`${name} cannot be set`, { error: messageOf(error) }),
    );
}

async function setSysctl(options: NetworkOptions, name: string, value: string): Promise<void> {
  const file = `/proc/sys/${name}`;
  const before = (await options.disk.read('sysctl.read', file)).toString().trim();
  if (before === value) return;
  await options.record('sysctl', `${name}=${before}`);
  await options.disk.append('sysctl.write', file, value);
}
