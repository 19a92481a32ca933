import type { Container, Pod, PodCondition } from '../../api/generated/types/core-v1.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeFacts } from '../config/node-facts.ts';
import type { CriClient } from '../cri/client.ts';
import type { EnvironmentSources } from '../env/environment.ts';
import type { LogRotation } from '../gc/log-rotation.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type { PodAddresses } from '../options.ts';
import type { ProbeDoors } from '../probes/run-probe.ts';
import type { Probes } from '../probes/probes.ts';
import type { StatusWriter } from '../status/status-writer.ts';
import type { MountDoors } from '../volumes/container-mounts.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { BackOff } from './back-off.ts';
import type { RuntimeReader } from './runtime-reader.ts';
import type { StartGate } from './start-gate.ts';

/** What every worker uses; made once by createAgent. */
export interface PodDeps {
  cri: CriClient;
  reader: RuntimeReader;
  client: Client;
  images: ImagePuller;
  volumes: Volumes;
  probes: Probes;
  cgroups: Cgroups;
  writer: StatusWriter;
  backOff: BackOff;
  events: EventRecorder;
  sources: EnvironmentSources;
  mountDoors: MountDoors;
  probeDoors: ProbeDoors;
  clock: Clock;
  log: Log;
  facts(): NodeFacts;
  hostIPs(): string[];
  allocatable(): Record<string, string>;
  /**
   * The runtime's name for the pod's RuntimeClass; empty = the default one. Throws when there is
   * none.
   */
  runtimeHandler(pod: Pod): Promise<string>;
  /** What all other pods of the node have been promised, for a resize. */
  promised(exceptUid: string, resource: 'cpu' | 'memory'): bigint;
  /** The pod of the API that stands for a static pod. */
  mirrorOf(pod: Pod): Pod | undefined;
  /** The event stream has told the end of this container. */
  hasEnded(containerId: string): boolean;
  /** Lets go of the images that the pod's volumes show. */
  releaseImages(pod: Pod): Promise<void>;
  /** Told of pods' addresses (see PodAddresses in options.ts). */
  podAddresses: PodAddresses;
  /** Looks whether there is a way to each pod (see PodWays in options.ts). */
  lookAtWays(): void;
  /** The runtime is known to hold nothing but what it tells of. */
  runtimeSettled(): boolean;
  /** Follows the logs of what runs. */
  logs: Pick<LogRotation, 'sync'>;
  /** Turns at starting. */
  starts: StartGate;
  /** Pods can be given addresses. */
  networkReady(): boolean;
  /** The API server cannot be asked. */
  offline(): boolean;
  /** Nothing of the pod is left: the set may forget it. */
  done(uid: string): void;
}

/** A decision of the node about a pod's life. */
export interface Verdict {
  reason: string;
  message: string;
  condition?: PodCondition;
  graceSeconds?: number;
}

/** The object of an event about one container. */
export function containerReference(pod: Pod, container: Container) {
  const list = pod.spec.initContainers?.some((c) => c.name === container.name)
    ? 'initContainers'
    : pod.spec.containers.some((c) => c.name === container.name)
      ? 'containers'
      : 'ephemeralContainers';
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    resourceVersion: pod.metadata.resourceVersion,
    fieldPath: `spec.${list}{${container.name}}`,
  };
}
