import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { NodeFacts } from '../config/node-facts.ts';
import type { CniResults } from '../containerd/cni-results.ts';
import type { CriClient } from '../cri/client.ts';
import type { EnvironmentSources } from '../env/environment.ts';
import type { LogRotation } from '../gc/log-rotation.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type { PodAddresses } from './pod-addresses.ts';
import type { ProbeDoors } from '../probes/run-probe.ts';
import type { Probes } from '../probes/probes.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { MountDoors } from '../volumes/container-mounts.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { AdoptionPorts } from './adoption.ts';
import type { BackOff } from './back-off.ts';
import type { RuntimeReader } from './runtime-reader.ts';
import type { StartGate } from './start-gate.ts';

// What pods are carried out through: small interfaces, and each part of this folder names those it
// uses. Tests put twins in their places.

/** The runtime's verbs for sandboxes. */
export type Sandboxes = Pick<CriClient, 'runPodSandbox' | 'stopPodSandbox' | 'removePodSandbox'>;

/** The runtime's verbs for containers. */
export type Containers = Pick<
  CriClient,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'updateContainerResources'
>;

/** What the runtime holds. */
export type Reads = Pick<RuntimeReader, 'pod' | 'container' | 'sandbox'>;

export type PodEvents = Pick<EventRecorder, 'normal' | 'warning'>;

export type Images = Pick<ImagePuller, 'ensure' | 'forget'>;

export type PodVolumes = Pick<Volumes, 'mount' | 'mounted' | 'podDir' | 'update' | 'unmount'>;

export type PodProbes = Pick<Probes, 'sync' | 'remove' | 'result' | 'isStarted' | 'isReady'>;

export type PodCgroups = Pick<Cgroups, 'ensure' | 'remove' | 'parentOf'>;

export type Logs = Pick<LogRotation, 'sync'>;

/** Writes the status of pods to the API server. */
export interface StatusSink {
  put(pod: Pod, status: PodStatus): void;
  /** Resolves when all that was put is written. */
  flushed(uid: string): Promise<void>;
  forget(uid: string): void;
}

/** The pod objects of the API. */
export interface PodObjects {
  /** Ends the object, with grace 0 and its uid as precondition; one that is gone is no error. */
  delete(pod: Pod): Promise<void>;
  /** The object that stands for a static pod. */
  mirrorOf(pod: Pod): Pod | undefined;
}

/** What the node is and has. */
export interface NodeSide {
  facts(): NodeFacts;
  hostIPs(): string[];
  allocatable(): Record<string, string>;
  /** What all other pods of the node have been promised: millicores or bytes. */
  promised(exceptUid: string, resource: 'cpu' | 'memory'): bigint;
  /** The runtime's name for the pod's RuntimeClass; empty = the default. Throws: there is none. */
  runtimeHandler(pod: Pod): Promise<string>;
}

/** What the node can do at the moment. */
export interface Readiness {
  /** Pods can be given addresses. */
  network(): boolean;
  /** The runtime is known to hold nothing but what it tells of. */
  runtimeSettled(): boolean;
  /** The API server cannot be asked. */
  offline(): boolean;
}

/** What the set of all pods knows for one of them. */
export interface Siblings {
  /** The event stream has told the end of this container or sandbox. */
  hasEnded(id: string): boolean;
  /** A pod of the same name waits for the end of this one. */
  isAwaited(pod: Pod): boolean;
  /** Nothing of the pod is left: the set may forget it. */
  done(uid: string): void;
}

/** To stop and to remove. */
export interface StopPorts {
  cri: Containers & Sandboxes;
  reader: Reads;
  events: PodEvents;
  probeDoors: ProbeDoors;
  mountDoors: MountDoors;
  clock: Clock;
  log: Log;
}

/** To start. */
export interface StartPorts extends StopPorts {
  images: Images;
  volumes: PodVolumes;
  cgroups: PodCgroups;
  sources: EnvironmentSources;
  node: NodeSide;
  /** Turns at starting. */
  starts: StartGate;
}

/** To perform any step. */
export interface PerformPorts extends StartPorts {
  probes: Pick<PodProbes, 'remove'>;
  logs: Logs;
  writer: StatusSink;
  objects: PodObjects;
  podAddresses: PodAddresses;
  cniResults: Pick<CniResults, 'expect'>;
  readiness: Readiness;
  siblings: Siblings;
  backOff: BackOff;
}

/** To make and tell a status. */
export interface TellPorts {
  probes: PodProbes;
  logs: Logs;
  writer: StatusSink;
  objects: Pick<PodObjects, 'mirrorOf'>;
  node: Pick<NodeSide, 'hostIPs'>;
  clock: Clock;
}

/** Everything that a worker is carried out through. */
export type PodPorts = PerformPorts & TellPorts & Pick<AdoptionPorts, 'lookAtWays'>;
