import type { Backend } from '../network/network.ts';

/** Where a server answers machines that join. */
export const handshakePaths = {
  authority: '/cacerts',
  ping: '/ping',
  /** For servers: what all have in common. */
  bootstrap: '/v1-skiff/server-bootstrap',
  /** For nodes: the settings of the cluster. */
  config: '/v1-skiff/config',
  /** For nodes: where the API servers answer. */
  servers: '/v1-skiff/apiservers',
  clientCa: '/v1-skiff/client-ca.crt',
  serverCa: '/v1-skiff/server-ca.crt',
  ready: '/v1-skiff/readyz',
  /** For nodes: becomes a tunnel. */
  connect: '/v1-skiff/connect',
} as const;

/** For nodes: where a signing request becomes a certificate. */
export const certificatePaths = {
  kubelet: '/v1-skiff/client-kubelet.crt',
  'kubelet-serving': '/v1-skiff/serving-kubelet.crt',
  network: '/v1-skiff/client-network.crt',
} as const;

/** What a node says of itself with a signing request. */
export const nodeHeaders = {
  name: 'skiff-node-name',
  password: 'skiff-node-password',
  /** Addresses, separated by commas. */
  addresses: 'skiff-node-ip',
} as const;

/** What a connection to `handshakePaths.connect` switches to. */
export const tunnelProtocol = 'skiff-tunnel-v1';
/**
 * What a server reaches through the tunnels of its nodes, by k3s' names: nothing; their kubelets;
 * also what is in the range of a node's pods; also what is the address of a pod that runs there.
 */
export const egressModes = ['disabled', 'agent', 'pod', 'cluster'] as const;
export type EgressMode = (typeof egressModes)[number];
/** With the answer to who dials a tunnel: the server's mode, which the agent holds it to. */
export const egressHeader = 'skiff-egress-selector-mode';
/** An end that has received nothing for this long takes the other for gone. */
export const tunnelSilenceMs = 15_000;

/** The user part of a server's token, and of a node's. */
export const serverUser = 'server';
export const nodeUser = 'node';

export interface HandshakeRefusal {
  message: string;
  hint: string;
}

/** What a node is told of its cluster: the answer of `handshakePaths.config`. */
export interface ClusterSettings {
  clusterCidr: string;
  serviceCidr: string;
  clusterDns: string;
  clusterDomain: string;
  flannelBackend: Backend;
  flannelExternalIp?: boolean;
  flannelIpv6Masq?: boolean;
  disable: string[];
  disableKubeProxy: boolean;
  disableNetworkPolicy: boolean;
  /** The version of the server. */
  version: string;
}
