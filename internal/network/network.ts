import type { Namespace, Node, Pod, Service } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Mirror } from '../client/client.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import { runOk, type Spawn } from '../io/spawn.ts';
import { addressIndex, serviceIndexes, startDns } from './dns/dns.ts';
import { cniConfig, podMtu, writeCniConfig } from './overlay/cni.ts';
import { startHostGw } from './overlay/host-gw.ts';
import { startVxlan } from './overlay/vxlan.ts';
import { sliceIndexes, startProxy, type Proxy } from './proxy/proxy.ts';

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
  /** How packets get to pods of other nodes; `none` leaves that, and the CNI file, to somebody else. */
  backend: 'vxlan' | 'host-gw' | 'none';
  /** Whether the cluster's DNS is answered here, or by pods behind an ordinary service. */
  dns: boolean;
  /** Whether services are carried out here, or by somebody else. */
  services: boolean;
  mirrors: {
    services: Mirror<Service>;
    slices: Mirror<EndpointSlice>;
    /** Pods of this node. */
    pods: Mirror<Pod>;
    namespaces: Mirror<Namespace>;
    nodes: Mirror<Node>;
  };
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  random: Random;
  log: Log;
  /** Told before the host is changed, so that uninstall can undo it. */
  record(kind: 'nft-table' | 'link' | 'address' | 'route' | 'sysctl' | 'file', name: string): Promise<void>;
}

/** The indexes that the mirrors of NetworkOptions must have been made with. */
export const networkIndexes = { services: serviceIndexes, slices: { ...sliceIndexes, ...addressIndex } };

export interface Network {
  /** The node has its pod network: writes the CNI list and the ways to other nodes. */
  setPodCidr(podCidr: string): Promise<void>;
  readonly ready: Promise<void>;
  stop(): void;
}

/** `ip_forward` carries pods' packets; `route_localnet` lets host ports and node ports answer on 127.0.0.1 (guarded in nftables). */
const sysctls: [string, string][] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv4/conf/all/route_localnet', '1'],
];

/** Starts all that this node's packets need. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { disk, log } = options;
  await disk.makeDir('network.run', options.runDir, 0o700);
  for (const [name, value] of sysctls) await setSysctl(options, name, value);
  const dns = await startNodeDns(options);
  const { services, backend } = options;
  const proxy = services || backend !== 'none' ? startNodeProxy(options) : undefined;
  let overlay: { stop(): void } | undefined;
  let current = '';
  return {
    ready: proxy?.ready ?? Promise.resolve(),
    async setPodCidr(podCidr) {
      if (podCidr === current || backend === 'none') return;
      current = podCidr;
      await options.record('file', `${options.cniConfDir}/10-skiff.conflist`);
      await writeCniConfig(disk, options.cniConfDir, cniConfig({ podCidr, mtu: podMtu, ipamDir: `${options.runDir}/ipam` }));
      overlay?.stop();
      const ways = { ...options, nodes: options.mirrors.nodes, log: log.named('overlay') };
      overlay = backend === 'vxlan' ? await startVxlan({ ...ways, podCidr, mtu: podMtu }) : await startHostGw(ways);
    },
    stop() {
      dns?.stop();
      proxy?.stop();
      overlay?.stop();
    },
  };
}

/** The address of the DNS is the node's own, so that pods ask the node they run on. Without a DNS of ours the address is a service's. */
async function startNodeDns(options: NetworkOptions): Promise<{ stop(): void } | undefined> {
  const { spawn, clusterDns } = options;
  const address = [`${clusterDns}/32`, 'dev', 'lo'];
  if (!options.dns) {
    // It is there when an earlier run answered.
    await spawn.run('dns.address', ['ip', 'addr', 'del', ...address]);
    return undefined;
  }
  await options.record('address', `lo ${clusterDns}/32`);
  await runOk(spawn, 'dns.address', ['ip', 'addr', 'replace', ...address]);
  return await startDns({ ...options, ...options.mirrors, domain: options.clusterDomain, address: clusterDns, port: 53, log: options.log.named('dns') });
}

/** Without services, host ports and the pods' way out of the cluster remain its work; without a pod network, the way out is not. */
function startNodeProxy(options: NetworkOptions): Proxy {
  return startProxy({
    ...options,
    ...options.mirrors,
    network: {
      clusterCidr: options.clusterCidr,
      serviceCidr: options.serviceCidr,
      dnsAddress: options.dns ? options.clusterDns : '',
      services: options.services,
      podsLeave: options.backend !== 'none',
    },
    log: options.log.named('proxy'),
  });
}

async function setSysctl(options: NetworkOptions, name: string, value: string): Promise<void> {
  const file = `/proc/sys/${name}`;
  const before = (await options.disk.read('sysctl.read', file)).toString().trim();
  if (before === value) return;
  await options.record('sysctl', `${name}=${before}`);
  await options.disk.append('sysctl.write', file, value);
}
