import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { LocalPaths } from '../volumes/local-path.ts';
import type { VolumeUsage } from '../volumes/volume-usage.ts';

/** One instance of a container as the runtime knows it. */
export interface ContainerInstance {
  id: string;
  /** Absolute path of its CRI log file. */
  logPath: string;
  running: boolean;
  tty: boolean;
  stdin: boolean;
}

/** What the node's server may ask of the agent. */
export interface NodeView {
  readonly nodeName: string;
  /** Pods assigned to this node, with their present status. */
  pods(): Pod[];
  pod(namespace: string, name: string): Pod | undefined;
  /** Whether the server has told this node its pods since the agent started. */
  knowsPods(): boolean;
  /**
   * The newest instance of a container, or the one before it. Undefined when there is none (any
   * more).
   */
  container(pod: Pod, container: string, previous: boolean): Promise<ContainerInstance | undefined>;
  /** The id of the pod's running sandbox. */
  sandbox(pod: Pod): Promise<string | undefined>;
  /** Resolves when the container has ended, or at once when it is not running. */
  ended(containerId: string, signal: AbortSignal): Promise<void>;
  exec(request: {
    containerId: string;
    command: string[];
    tty: boolean;
    stdin: boolean;
    stdout: boolean;
    stderr: boolean;
  }): Promise<string>;
  attach(request: {
    containerId: string;
    tty: boolean;
    stdin: boolean;
    stdout: boolean;
    stderr: boolean;
  }): Promise<string>;
  portForward(request: { sandboxId: string; ports: number[] }): Promise<string>;
  execSync(request: {
    containerId: string;
    command: string[];
    timeoutSeconds: number;
  }): Promise<{ stdout: Uint8Array; stderr: Uint8Array; exitCode: number }>;
  stats(): Promise<PodUsage[]>;
  /** The same, with all that the kernel counts: many files are read for it. */
  details(): Promise<PodDetail[]>;
  /** The capacity of the claims whose volumes are set up. */
  volumes(): Promise<VolumeUsage[]>;
  /** Folders of the local-path provisioner. */
  readonly localPaths: Pick<LocalPaths, 'make' | 'remove'>;
  /** What the agent has counted. */
  metrics(): { own: { text(): string }; probes: { text(): string } };
  /** How many containers have ended since the start, by how. */
  terminated(): TerminatedSample[];
  /** The configuration document of /configz (kubelet.config.k8s.io/v1beta1 names). */
  config(): Record<string, unknown>;
}

export interface TerminatedSample {
  container_type: 'container' | 'init_container' | 'ephemeral_container';
  exit_code: string;
  reason: string;
  count: number;
}

export interface PodUsage {
  namespace: string;
  name: string;
  uid: string;
  startTime: string;
  network?: { name: string; rxBytes: number; rxErrors: number; txBytes: number; txErrors: number };
  containers: ContainerUsage[];
}

export interface PodDetail extends PodUsage {
  /** The cgroup of the sandbox. */
  group: string;
  sandboxId: string;
  sandboxImage: string;
  /** None for a pod on the node's own network. */
  interfaces: NetworkCounters[];
  containers: ContainerDetail[];
}

export interface ContainerDetail extends ContainerUsage {
  group: string;
  /** Undefined: it ended meanwhile. */
  counters: Counters | undefined;
}

interface Traffic {
  bytes: number;
  packets: number;
  errors: number;
  dropped: number;
}

export interface NetworkCounters {
  name: string;
  rx: Traffic;
  tx: Traffic;
}

/** What a container's cgroup counts; 0 where the kernel does not. */
export interface Counters {
  userNanoseconds: number;
  systemNanoseconds: number;
  periods: number;
  throttledPeriods: number;
  throttledNanoseconds: number;
  cacheBytes: number;
  swapBytes: number;
  mappedFileBytes: number;
  peakBytes: number;
  memoryFailures: number;
  processes: number;
  /** Without a limit of processor time there are none. */
  quotaMicros?: number;
  periodMicros?: number;
  /** 0: none. */
  memoryLimitBytes: number;
  devices: {
    /** Its name, else its numbers. */
    device: string;
    reads: number;
    readBytes: number;
    writes: number;
    writtenBytes: number;
  }[];
}

/** Counters of one container; undefined = not known. Times in ISO form. */
export interface ContainerUsage {
  id: string;
  name: string;
  image: string;
  startTime: string;
  at: string;
  cpuNanoseconds: number;
  workingSetBytes: number;
  usageBytes: number;
  rssBytes: number;
  pageFaults?: number;
  majorPageFaults?: number;
  rootfsUsedBytes?: number;
  rootfsInodesUsed?: number;
  logsUsedBytes?: number;
}
