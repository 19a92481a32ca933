import type { Client } from '../client/client.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { NodeIdentities } from '../pki/authorities.ts';
import type { AgentConfig, NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { Machine } from './node-process.ts';
import type { ClusterNetwork, SlicesView } from './node-network.ts';
import type { OwnNode } from './node.ts';
import type { Renewal } from './renewal.ts';
import type { Part } from './running.ts';

export interface Starting {
  config: AgentConfig;
  doors: Doors;
  machine: Machine;
}

/** How an agent reaches its cluster, and what it is there. */
export interface Way {
  /** What the way itself is made of; stopped last. */
  parts: Part[];
  /** For pods, and for what the network reads. */
  clients: readonly [Client, Client];
  settings: ClusterNetwork;
  node: NodeConfig;
  /** Whether this node carries packets of Services and between pods; else others do. */
  packets: boolean;
  clientCa: string;
  /** Of the servers that order upgrades. */
  serversCa?(): string;
  slicesOf?: SlicesView;
  /** The node's certificates; from the second time on, what is due is asked for. */
  identities(renewal: Renewal): Promise<NodeIdentities>;
  /** What runs beside the node. */
  beside(node: OwnNode, mirrors: Mirrors): Part[];
}
