import { zeroTime, timeOf } from '../../api/times.ts';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  ResourceRequirements,
} from '../../api/generated/types/core-v1.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { latest, type PodRuntime, type RuntimeContainer } from '../pods/model.ts';
import { shouldRestart } from '../pods/restart-policy.ts';

/** Why a container waits: the last failure to start it. */
export interface WaitingReason {
  reason: string;
  message: string;
}

export interface ContainerStatusInput {
  pod: Pod;
  runtime: PodRuntime;
  containers: Container[];
  kind: 'init' | 'ordinary' | 'ephemeral';
  old: ContainerStatus[];
  waiting: ReadonlyMap<string, WaitingReason>;
  /** Resources in force of a running container. */
  resources(status: RuntimeContainer): ResourceRequirements | undefined;
}

/** What the kubelet keeps of all the last words in a pod. */
const longestMessagesBytes = 12 * 1024;

type Mutable = ContainerStatus & { state: ContainerState; lastState: ContainerState };

/**
 * The kubelet's convertToAPIContainerStatuses, without `started` and `ready`, which probes decide.
 */
export function containerStatuses(input: ContainerStatusInput): ContainerStatus[] {
  const hasInit = (input.pod.spec.initContainers ?? []).length > 0;
  const made = input.containers.map((container) => {
    const old = input.old.find((s) => s.name === container.name);
    const instances = input.runtime.containers.filter((c) => c.name === container.name).slice(0, 2);
    const status = instances[0]
      ? fromInstances(input, container, instances, old)
      : withoutInstance(input, container, old, hasInit);
    return withinLimit(waitingIfFailed(input, container, status), input.pod);
  });
  // The kubelet shows ordinary and ephemeral containers by name, init containers in their order.
  return input.kind === 'init' ? made : made.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The last words of all containers share what a status may hold. */
function withinLimit(status: Mutable, { spec }: Pod): Mutable {
  const among =
    spec.containers.length +
    (spec.initContainers ?? []).length +
    (spec.ephemeralContainers ?? []).length;
  const mostBytes = Math.floor(longestMessagesBytes / among);
  for (const which of ['state', 'lastState'] as const) {
    const { terminated } = status[which];
    const bytes = Buffer.from(terminated?.message ?? '');
    if (terminated && bytes.length > mostBytes)
      status[which] = {
        terminated: { ...terminated, message: bytes.subarray(0, mostBytes).toString() },
      };
  }
  return status;
}

function base(container: Container): Mutable {
  const status = {
    name: container.name,
    state: {},
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
  } as Mutable;
  const mounts = (container.volumeMounts ?? []).map((m) => ({
    name: m.name,
    mountPath: m.mountPath,
    ...(m.readOnly ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}),
  }));
  if (mounts.length > 0)
    status.volumeMounts = mounts as NonNullable<ContainerStatus['volumeMounts']>;
  return status;
}

function fromInstances(
  input: ContainerStatusInput,
  container: Container,
  [now, before]: RuntimeContainer[],
  old: ContainerStatus | undefined,
): Mutable {
  const status = base(container);
  if (!now) return status;
  if (old?.volumeMounts) status.volumeMounts = old.volumeMounts;
  status.restartCount = Math.max(
    now.restartCount,
    old?.containerID === `containerd://${now.id}` ? (old.restartCount ?? 0) : 0,
  );
  status.image = now.image;
  status.imageID = now.imageRef;
  status.containerID = `containerd://${now.id}`;
  status.state = stateOf(now);
  if (before) status.lastState = stateOf(before);
  else if (old?.containerID && old.containerID !== status.containerID && old.state?.terminated)
    status.lastState = old.state;
  else if (old?.lastState?.terminated) status.lastState = old.lastState;
  const resources = input.resources(now);
  if (resources) status.resources = resources;
  if (container.resources?.requests) status.allocatedResources = container.resources.requests;
  if (now.user)
    status.user = {
      linux: {
        uid: now.user.uid,
        gid: now.user.gid,
        ...(now.user.supplementalGroups.length > 0
          ? { supplementalGroups: now.user.supplementalGroups }
          : {}),
      },
    };
  return status;
}

function stateOf(c: RuntimeContainer): ContainerState {
  if (c.state === 'running') return { running: { startedAt: timeOfNanos(c.startedAt) } };
  if (c.state !== 'exited') return { waiting: {} };
  return {
    terminated: {
      exitCode: c.exitCode,
      ...(c.reason ? { reason: c.reason } : {}),
      ...(c.message ? { message: c.message } : {}),
      startedAt: timeOfNanos(c.startedAt),
      finishedAt: timeOfNanos(c.finishedAt),
      containerID: `containerd://${c.id}`,
    },
  };
}

/** metav1.Time of runtime nanoseconds; null for a container that never started. */
function timeOfNanos(nanos: bigint): string {
  if (nanos <= 0n) return zeroTime;
  return timeOf(Number(nanos / 1_000_000n));
}

/** The runtime knows nothing of the container: it waits, or it ended and was removed since. */
function withoutInstance(
  input: ContainerStatusInput,
  container: Container,
  old: ContainerStatus | undefined,
  hasInit: boolean,
): Mutable {
  if (old?.state?.terminated) return structuredClone(old) as Mutable;
  const status = base(container);
  status.state = { waiting: { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' } };
  if (old) {
    status.restartCount = old.restartCount;
    status.lastState = old.lastState ?? {};
  }
  if (old?.state?.running && !status.lastState.terminated) {
    status.lastState = {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message:
          'The container could not be located when the pod was deleted.  The container used ' +
          'to be Running',
        startedAt: null,
        finishedAt: null,
      } as never,
    };
    if (!input.pod.metadata.deletionTimestamp) status.restartCount += 1;
  }
  return status;
}

function waitingIfFailed(
  input: ContainerStatusInput,
  container: Container,
  status: Mutable,
): Mutable {
  const now = latest(input.runtime, container.name);
  if (input.kind === 'init') {
    if (now?.state === 'exited' && now.exitCode === 0) return status;
    const ran = input.pod.spec.containers.some((c) => latest(input.runtime, c.name));
    if (!now && ran && !isSidecar(container) && status.state.waiting) {
      const message =
        'Unable to get init container status from container runtime and pod has been ' +
        'initialized, treat it as exited normally';
      status.state = {
        terminated: {
          exitCode: 0,
          reason: 'Completed',
          message,
          startedAt: null,
          finishedAt: null,
        } as never,
      };
      return status;
    }
  }
  const why = input.waiting.get(container.name);
  if (!why || !shouldRestart(container, input.pod, input.runtime)) return status;
  if (status.state.terminated) status.lastState = { terminated: status.state.terminated };
  status.state = {
    waiting: { reason: why.reason, ...(why.message ? { message: why.message } : {}) },
  };
  return status;
}
