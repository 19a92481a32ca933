import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { createAgent } from '../agent/agent.ts';
import type { Node } from '../api/generated/types/core-v1.ts';
import type { NodeAddress, Pod, Taint } from '../api/generated/types/core-v1.ts';
import { isGlobalUnicast, parseIp } from '../base/addresses.ts';
import { parseQuantity } from '../api/quantity.ts';
import { builtinScheme } from '../api/scheme.ts';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import type { Troubles } from '../client/troubles.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { assetBytes, buildInfo } from '../io/assets.ts';
import { ingressMetrics } from '../network/ingress/metrics.ts';
import type { Network, NetworkOptions } from '../network/network.ts';
import { requireWireguard } from '../network/overlay/wireguard.ts';
import { flannelAnnotations, type Shown } from '../network/overlay/annotations.ts';
import { ownKey } from '../network/overlay/wireguard-key.ts';
import type { NodeIdentities } from '../pki/authorities.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { KernelEvents } from './kernel-events.ts';
import type { Ledger } from './ledger.ts';
import type { NodeFacts } from './node-facts.ts';
import { keepName } from './node-name.ts';
import {
  cniPlaces,
  startNodeNetwork,
  type ClusterNetwork,
  type SlicesView,
} from './node-network.ts';
import { gitVersion } from './release.ts';
import { ingressDir, startNodeIngress } from './node-ingress.ts';
import { raiseLimits } from './process-limits.ts';
import type { Part } from './running.ts';
import { orderedUpgrades } from './upgrade/ordered.ts';

export interface NodeOptions {
  config: NodeConfig;
  cluster: ClusterNetwork;
  /** False: Services, policies and the pods' network are carried out by others. */
  packets: boolean;
  facts: NodeFacts;
  doors: Doors;
  ledger: Ledger;
  /** Speaks as `system:node:<name>`. */
  client: Client;
  /** What the agent reads, with the node's own rights. */
  mirrors: Mirrors;
  /** What the network reads; in a server it is shared with everybody. */
  networkMirrors: Mirrors;
  /** EndpointSlices as the network of this node sees them. */
  slicesOf?: SlicesView;
  identities: NodeIdentities;
  clientCa: string;
  /** PEM of the authorities whose key orders upgrades; without it nobody does. */
  serversCa?: (() => string) | undefined;
  troubles: Troubles;
  kernel: KernelEvents;
}

/** A node that runs, and what may happen to it. */
export interface OwnNode {
  parts: Part[];
  /** What it lacks by its own account: its runtime, its network, a port of its own. */
  lacks(): Promise<string | undefined>;
  /** The facts have another address. */
  readdress(): Promise<void>;
  renewCertificate(tls: { key: string; cert: string }): void;
  /** The pods that run here, with what the runtime says of them. */
  pods(): Pod[];
  /** The range of their addresses, once it is known. */
  podCidr(): string | undefined;
}

const networkOfOthers: Network = {
  podAddresses: undefined,
  podWays: undefined,
  ready: Promise.resolve(),
  setPodCidr: () => Promise.resolve(),
  readdress: () => Promise.resolve(),
  dnsMetrics: () => undefined,
  stop: () => undefined,
};

/** Where a node answers for logs, exec and the like. */
export const kubeletPort = 10250;

/**
 * Runs the node's two halves, pods and packets. Resolves when the Node is registered and its
 * network stands.
 */
export async function startNode(options: NodeOptions): Promise<OwnNode> {
  const { config, doors, ledger, facts } = options;
  await recordHostChanges(config, doors, ledger);
  await keepName(config, doors);
  await raiseLimits(doors);
  const wireguardKey = await wireguardOf(config, doors);
  const shown = shownOf(config.flannelBackend, wireguardKey);
  // containerd and the kernel's tables are started side by side.
  const starting = options.packets
    ? startNodeNetwork({ ...options, mirrors: options.networkMirrors, wireguardKey })
    : Promise.resolve(networkOfOthers);
  let podCidr: string | undefined;
  const agent = await createAgent({
    ...doors,
    client: options.client,
    mirrors: options.mirrors,
    scheme: builtinScheme(),
    nodeName: facts.name,
    addresses: () => addressesOf(options),
    troubles: options.troubles,
    labels: labelsOf(options),
    taints: config.nodeTaints.map(taintOf),
    ...(shown && {
      annotations: (node?: Node) => flannelAnnotations(shown, publicIp(facts, config), node),
    }),
    version: gitVersion(buildInfo().version),
    maxPods: config.maxPods,
    reserved: addedUp(config.reserved ?? []),
    kubelet: config.kubelet,
    unsafeSysctls: config.unsafeSysctls,
    agentDir: join(config.dataDir, 'agent'),
    runDir: config.runDir,
    clusterDns: options.cluster.clusterDns === '' ? [] : [options.cluster.clusterDns],
    clusterDomain: options.cluster.clusterDomain,
    ...(config.resolvConf !== undefined && { resolvConf: config.resolvConf }),
    ...(config.runtimeEndpoint !== undefined && {
      runtimeEndpoint: config.runtimeEndpoint.replace(/^unix:\/\//, ''),
    }),
    snapshotter: config.snapshotter,
    pauseImage: config.pauseImage,
    pauseArchive: () => assetBytes('pause.tar'),
    registries: await readRegistries(doors, config.privateRegistry),
    ...cniPlaces(config),
    listen: {
      host: '0.0.0.0',
      port: kubeletPort,
      tls: { ...options.identities.kubeletServing, clientCa: options.clientCa },
    },
    disableShell: config.disableShell,
    ...(options.serversCa && {
      upgrades: orderedUpgrades({
        dataDir: config.dataDir,
        nodeName: facts.name,
        authorities: options.serversCa,
        program: process.execPath,
        doors,
      }),
    }),
    partMetrics: async (name) =>
      name === 'dns' ? network.dnsMetrics() : ingressMetrics(ingressDir(config.runDir), name),
    onPodCidr: (range) => {
      podCidr = range;
      return starting.then((network) => network.setPodCidr(range));
    },
    network: starting,
    dial: doors.dial,
    log: doors.log.named('agent'),
  });
  const network = await starting;
  void agent.ready.catch((error: unknown) =>
    doors.log.error('the node could not be registered', { error: messageOf(error) }),
  );
  return {
    parts: [
      { name: 'network', stop: () => network.stop() },
      ...(options.packets
        ? [await startNodeIngress({ ...options, mirrors: options.networkMirrors })]
        : []),
      { name: 'agent', stop: () => agent.stop(), machineEnds: () => agent.endPods() },
    ],
    lacks: async () =>
      (await agent.lacks()) ??
      options.troubles.list().find(({ type }) => type === 'PortTaken')?.message,
    readdress: async () => {
      agent.readdress();
      await network.readdress(facts.ip);
    },
    renewCertificate: (tls) => agent.renewCertificate({ ...tls, clientCa: options.clientCa }),
    pods: () => agent.view.pods(),
    podCidr: () => podCidr,
  };
}

/**
 * What the agent and the runtime make on the host by their nature; what was there before is not
 * ours to remove.
 */
async function recordHostChanges(config: NodeConfig, doors: Doors, ledger: Ledger): Promise<void> {
  await ledger.record('cgroup', 'kubepods');
  const shared = config.flannelBackend === 'none' ? ['/etc/cni', '/opt/cni'] : [];
  for (const dir of [
    '/var/log/pods',
    '/var/log/containers',
    '/var/lib/cni',
    '/run/netns',
    '/var/lib/kubelet',
    ...shared,
  ]) {
    if (!(await doors.disk.stat('ledger', dir))) await ledger.record('dir', dir);
  }
}

/** The node's key, where packets between nodes go through WireGuard. */
async function wireguardOf(
  config: NodeConfig,
  doors: Doors,
): Promise<NetworkOptions['wireguardKey']> {
  if (config.flannelBackend !== 'wireguard-native') return undefined;
  await requireWireguard(doors);
  return await ownKey(doors.disk, join(config.dataDir, 'agent/wireguard.key'));
}

/** What the node's backend shows to others; nothing where another program makes the network. */
function shownOf(
  backend: NodeConfig['flannelBackend'],
  key: NetworkOptions['wireguardKey'],
): Shown | undefined {
  if (backend === 'none') return undefined;
  if (backend !== 'wireguard-native') return { backend };
  return key && { backend: 'wireguard', key: key.publicKey };
}

const publicIp = (facts: NodeFacts, config: NodeConfig): string =>
  (config.flannelExternalIp ? facts.externalIps[0] : undefined) ?? facts.ip;

/** Amounts of the same resource are added. */
function addedUp(lists: Record<string, string>[]): Record<string, string> {
  const sum: Record<string, string> = {};
  for (const list of lists)
    for (const [name, amount] of Object.entries(list))
      sum[name] = parseQuantity(sum[name] ?? '0')
        .add(parseQuantity(amount))
        .toString();
  return sum;
}

function addressesOf({ facts, config, cluster, doors }: NodeOptions): NodeAddress[] {
  const { ips } = facts;
  const dual = cluster.clusterCidr.includes(',') && !ips.some((ip) => ip.includes(':'));
  const second = dual ? secondAddress(doors.host.addresses(), facts.ip) : undefined;
  return [
    ...[...ips, ...(second ? [second] : [])].map((address) => ({ type: 'InternalIP', address })),
    ...facts.externalIps.map((address) => ({ type: 'ExternalIP', address })),
    { type: 'Hostname', address: facts.name },
    ...(config.nodeInternalDns ?? []).map((address) => ({ type: 'InternalDNS', address })),
    ...(config.nodeExternalDns ?? []).map((address) => ({ type: 'ExternalDNS', address })),
  ];
}

/** Of IPv6, on the interface that has the node's address: a global one rather than a local one. */
function secondAddress(
  all: ReturnType<Doors['host']['addresses']>,
  ip: string,
): string | undefined {
  const device = all.find((one) => one.address === ip)?.device;
  const found = all.flatMap((one) => {
    const parsed = one.device === device && one.family === 6 ? parseIp(one.address) : undefined;
    return parsed && isGlobalUnicast(parsed) ? [parsed] : [];
  });
  return found.find((one) => !/^f[cd]/.test(one)) ?? found[0];
}

function labelsOf(options: NodeOptions): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const label of options.config.nodeLabels) {
    const at = label.indexOf('=');
    labels[label.slice(0, at)] = label.slice(at + 1);
  }
  return labels;
}

/** `key=value:effect`, or `key:effect`. */
function taintOf(text: string): Taint {
  const [pair = '', effect = ''] = text.split(':');
  const [key = '', value] = pair.split('=');
  return { key, effect, ...(value !== undefined && { value }) };
}

async function readRegistries(doors: Doors, path: string): Promise<unknown> {
  const bytes = await doors.disk.readIfThere('registries', path);
  if (!bytes) return undefined;
  try {
    return loadAll(bytes.toString())[0];
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause).split('\n')[0]}`, {
      op: 'registries',
      cause,
    });
  }
}
