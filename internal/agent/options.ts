import type { Node } from '../api/generated/types/core-v1.ts';
import type { NodeAddress, Taint } from '../api/generated/types/core-v1.ts';
import type { Scheme } from '../api/scheme.ts';
import type { Client } from '../client/client.ts';
import type { Troubles } from '../client/troubles.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { Clock } from '../io/clock.ts';
import type { Dial } from '../io/dial.ts';
import type { Disk } from '../io/disk.ts';
import type { Host } from '../io/host.ts';
import type { Log } from '../io/log.ts';
import type { Processes } from '../io/processes.ts';
import type { Random } from '../io/random.ts';
import type { Spawn } from '../io/spawn.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { ImageGcPolicy } from './gc/image-collector.ts';
import type { ShutdownGrace } from './shutdown.ts';
import type { EvictionPolicy } from './gc/pressure.ts';
import type { Machine } from './machine.ts';
import type { PodAddresses } from './pods/pod-addresses.ts';
import type { NodeView } from './server/node-view.ts';

/**
 * What an operator may tune with the kubelet's own arguments; what is left out is as the kubelet
 * has it.
 */
export interface KubeletOptions {
  eviction?: EvictionPolicy;
  imageGc?: ImageGcPolicy;
  /** Container logs: the size at which one is rotated, and how many files of it there may be. */
  logs?: { maxBytes?: number; maxFiles?: number };
  /** The node waits for its cloud, which has the last word on its addresses. */
  externalCloud?: boolean;
  /** What the cloud knows the machine by; written when the node is registered. */
  providerId?: string;
  /** How often an unchanged status is written. */
  statusReportMs?: number;
  maxParallelPulls?: number;
  shutdown?: ShutdownGrace;
  /** Containers without a seccomp profile of their own get the runtime's. */
  seccompDefault?: boolean;
}

/** The node's ways to its own pods, where it is the node that makes them. */
export interface PodWays {
  /**
   * Asks for the pods whose sandboxes have networks, and tells of those that nothing leads to any
   * more. Returns how to stop.
   */
  follow(follower: {
    pods(): { sandboxId: string; ips: readonly string[] }[];
    cutOff(sandboxId: string): void;
  }): () => void;
  /** Looks now: pods have come that an earlier life had started. */
  look(): void;
}

/** What the node's own network has to do with pods; what is left out is others' work. */
export interface NodeNetwork {
  podAddresses?: PodAddresses | undefined;
  podWays?: PodWays | undefined;
}

/** Upgrades of this machine that a server orders. */
export interface OrderedUpgrades {
  /** What runs, and how far an upgrade is, as JSON. */
  report(): Promise<object>;
  /** Begins one, if a server has signed the order; answers before it is done. */
  order(asked: { version: string; signature: string }): Promise<{ status: number; text: string }>;
}

export interface AgentOptions {
  /** Speaks as `system:node:<name>`. */
  client: Client;
  mirrors: Mirrors;
  scheme: Scheme;
  nodeName: string;
  /** As they are now: a machine may move. */
  addresses(): NodeAddress[];
  labels: Record<string, string>;
  taints: Taint[];
  /** What the node says of itself to other nodes; asked for at each write. */
  annotations?: (node?: Node) => Record<string, string>;
  /** `v1.36.3+skiff1` */
  version: string;
  maxPods: number;
  reserved?: Record<string, string>;
  kubelet?: KubeletOptions;
  /** `<data-dir>/agent`. */
  agentDir: string;
  /** Where storage drivers expect the kubelet's folders; default /var/lib/kubelet. */
  kubeletDir?: string;
  /** `/run/skiff`: sockets, pid files, and what a reboot may forget. */
  runDir: string;
  clusterDns: string[];
  clusterDomain: string;
  /**
   * The host's own resolver configuration; default /etc/resolv.conf, or systemd-resolved's real
   * one.
   */
  resolvConf?: string;
  /** Where container logs go; default /var/log/pods. */
  logRoot?: string;
  /** An existing CRI socket; without it containerd is run and supervised. */
  runtimeEndpoint?: string;
  snapshotter?: string;
  /** The sandbox image, and its archive to import when the runtime does not have it. */
  pauseImage: string;
  pauseArchive(): Promise<Uint8Array>;
  /** registries.yaml, parsed. */
  registries?: unknown;
  cniConfDir: string;
  /** The control group that holds all pods; default /kubepods. */
  cgroupParent?: string;
  cniBinDir?: string;
  unsafeSysctls?: string[];
  /** The HTTPS port of the node; port 0 = any, undefined = none (tests). */
  listen?: { host: string; port: number; tls: { key: string; cert: string; clientCa: string } };
  /** What the agent counts; createAgent makes it. */
  metrics?: AgentMetrics;
  /** What other parts of the node count, by the name below /metrics/; undefined: there is none. */
  partMetrics?(name: string): Promise<string | undefined>;
  upgrades?: OrderedUpgrades;
  /** Nobody gets a terminal on this machine. */
  disableShell?: boolean;
  /** The node has a pod network: its CNI list must stand when this resolves. */
  onPodCidr(podCidr: string): Promise<void> | void;
  /** What carries the packets of pods; it may still be starting. No pod starts before it stands. */
  network?: Promise<NodeNetwork>;
  clock: Clock;
  disk: Disk;
  processes: Processes;
  spawn: Spawn;
  random: Random;
  dial: Dial;
  /** What this node goes on without; shown as conditions of the Node. */
  troubles?: Troubles;
  host: Host;
  /** Default: the real one. */
  machine?: Machine;
  log: Log;
}

export interface Agent {
  readonly view: NodeView;
  /** The port of the node's HTTPS server, 0 without one. */
  readonly port: number;
  /** Resolves when the Node is registered and its network stands. */
  readonly ready: Promise<void>;
  /** What this node lacks by its own account, whether a server answers or not. */
  lacks(): Promise<string | undefined>;
  /** The addresses have changed. */
  readdress(): void;
  /** Serves new connections to the node's port with another certificate. */
  renewCertificate(tls: { key: string; cert: string; clientCa: string }): void;
  /**
   * The machine shuts down: takes no more pods, and ends those that run, if it was told how long
   * that may take.
   */
  endPods(): Promise<void>;
  /** Ends the agent. Containers and containerd go on. */
  stop(): Promise<void>;
}
