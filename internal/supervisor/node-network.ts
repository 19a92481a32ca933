import { join } from 'node:path';
import type { ConfigMap, Namespace, Node, Pod, Service } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { NetworkPolicy, ServiceCIDR } from '../api/generated/types/networking-v1.ts';
import { adminPolicyRefs, type AdminNetworkPolicy } from '../api/networking/admin-policy.ts';
import type { Mirror } from '../client/client.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import type { Troubles } from '../client/troubles.ts';
import {
  networkIndexes,
  startNetwork,
  type Network,
  type NetworkOptions,
} from '../network/network.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { KernelEvents } from './kernel-events.ts';
import type { Ledger } from './ledger.ts';
import type { NodeFacts } from './node-facts.ts';

/** The ConfigMap in kube-system by which operators add to the cluster DNS. */
export const dnsSettingsName = 'skiff-dns';

/** What a node has to know of the cluster's network. */
export interface ClusterNetwork {
  clusterCidr: string;
  serviceCidr: string;
  clusterDns: string;
  clusterDomain: string;
  /** Of a server, when this node is one. */
  httpsListenPort?: number;
  /** Packaged components that do not run. */
  disable?: readonly string[];
  /** Network policies are not enforced. */
  disableNetworkPolicy?: boolean;
}

/**
 * With a pod network of somebody else's, where such software puts its file and programs, whoever
 * installs it.
 */
export function cniPlaces(config: NodeConfig): { cniConfDir: string; cniBinDir?: string } {
  if (config.flannelBackend === 'none')
    return { cniConfDir: '/etc/cni/net.d', cniBinDir: '/opt/cni/bin' };
  return { cniConfDir: join(config.dataDir, 'agent/etc/cni/net.d') };
}

export type SlicesView = (slices: Mirror<EndpointSlice>) => Mirror<EndpointSlice>;
const asTheyAre: SlicesView = (slices) => slices;

/** Services, DNS and, once the node has been given its range, the pod network of this node. */
export async function startNodeNetwork(options: {
  config: NodeConfig;
  cluster: ClusterNetwork;
  facts: NodeFacts;
  doors: Doors;
  ledger: Ledger;
  mirrors: Mirrors;
  troubles: Troubles;
  kernel: KernelEvents;
  slicesOf?: SlicesView;
  wireguardKey?: NetworkOptions['wireguardKey'];
}): Promise<Network> {
  const { config, facts, doors, ledger, mirrors, cluster, slicesOf = asTheyAre } = options;
  return await startNetwork({
    ...doors,
    clusterCidr: cluster.clusterCidr,
    serviceCidr: cluster.serviceCidr,
    clusterDns: cluster.clusterDns,
    clusterDomain: cluster.clusterDomain,
    nodeName: facts.name,
    nodeIp: facts.ip,
    cniConfDir: cniPlaces(config).cniConfDir,
    backend: config.flannelBackend,
    masquerade6: config.flannelIpv6Masq === true,
    externalIp: config.flannelExternalIp === true,
    wireguardKey: options.wireguardKey,
    dns: !cluster.disable?.includes('coredns'),
    services: !config.disableKubeProxy,
    policies: cluster.disableNetworkPolicy !== true,
    stateDir: join(config.dataDir, 'agent'),
    runDir: join(config.runDir, 'network'),
    resolvConf: config.resolvConf ?? '/etc/resolv.conf',
    mirrors: {
      services: mirrors.of<Service>(refs.services, { indexes: networkIndexes.services }),
      slices: slicesOf(
        mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: networkIndexes.slices }),
      ),
      pods: mirrors.of<Pod>(refs.pods, { fieldSelector: `spec.nodeName=${facts.name}` }),
      namespaces: mirrors.of<Namespace>(refs.namespaces),
      nodes: mirrors.of<Node>(refs.nodes),
      serviceCidrs: mirrors.of<ServiceCIDR>(refs.serviceCidrs),
      policies: mirrors.of<NetworkPolicy>(refs.networkPolicies),
      adminPolicies: mirrors.of<AdminNetworkPolicy>(adminPolicyRefs.admin),
      baselinePolicies: mirrors.of<AdminNetworkPolicy>(adminPolicyRefs.baseline),
      settings: mirrors.of<ConfigMap>(refs.configMaps, {
        namespace: 'kube-system',
        fieldSelector: `metadata.name=${dnsSettingsName}`,
      }),
    },
    allPods: () => mirrors.of<Pod>(refs.pods),
    log: doors.log.named('network'),
    record: (kind, name) => ledger.record(kind, name),
    kernel: options.kernel,
    trouble: (why) => options.troubles.set('PortTaken', 'dns', why),
  });
}
