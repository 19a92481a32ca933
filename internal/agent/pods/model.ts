import type { Container, Pod } from '../../api/generated/types/core-v1.ts';

export type ContainerStateName = 'created' | 'running' | 'exited' | 'unknown';

/**
 * One instance of a container, as the runtime tells it. Times are nanoseconds since 1970, 0 =
 * never.
 */
export interface RuntimeContainer {
  id: string;
  name: string;
  sandboxId: string;
  state: ContainerStateName;
  createdAt: bigint;
  startedAt: bigint;
  finishedAt: bigint;
  exitCode: number;
  reason: string;
  message: string;
  image: string;
  imageRef: string;
  restartCount: number;
  hash: string;
  logPath: string;
  resources?: { cpuShares: number; cpuQuota: number; cpuPeriod: number; memoryLimitBytes: number };
  user?: { uid: number; gid: number; supplementalGroups: number[] };
}

export interface RuntimeSandbox {
  id: string;
  attempt: number;
  ready: boolean;
  createdAt: bigint;
  ips: string[];
  hostNetwork: boolean;
}

/** What the runtime holds for one pod; both lists newest first. */
export interface PodRuntime {
  sandboxes: RuntimeSandbox[];
  containers: RuntimeContainer[];
}

export const emptyRuntime: PodRuntime = Object.freeze({ sandboxes: [], containers: [] });

/** With a sandbox that is as good as ended, because its network is lost. */
export function withoutNetwork(runtime: PodRuntime, sandboxId: string): PodRuntime {
  return {
    ...runtime,
    sandboxes: runtime.sandboxes.map((s) => (s.id === sandboxId ? { ...s, ready: false } : s)),
  };
}

/** The newest instance of a container. */
export function latest(runtime: PodRuntime, name: string): RuntimeContainer | undefined {
  return runtime.containers.find((c) => c.name === name);
}

export function ephemeralContainers(pod: Pod): Container[] {
  return (pod.spec.ephemeralContainers ?? []) as Container[];
}

export function containerNamed(pod: Pod, name: string): Container | undefined {
  return [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []),
    ...ephemeralContainers(pod),
  ].find((c) => c.name === name);
}

/** `name_namespace(uid)`, as the kubelet writes a pod in messages. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

export function isStatic(pod: Pod): boolean {
  const source = pod.metadata.annotations?.['kubernetes.io/config.source'];
  return source !== undefined && source !== 'api';
}

/** A pod of the API that only shows a static pod of the node. */
export function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
