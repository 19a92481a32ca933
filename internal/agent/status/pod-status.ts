import { zeroTime } from '../../api/times.ts';
import type {
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
  ResourceRequirements,
} from '../../api/generated/types/core-v1.ts';
import { isSidecar, qosOf } from '../config/pod-resources.ts';
import {
  ephemeralContainers,
  isStatic,
  type PodRuntime,
  type RuntimeContainer,
} from '../pods/model.ts';
import { sandboxNeeded } from '../pods/pod-actions.ts';
import { conditionsOf, ownConditions } from './conditions.ts';
import { containerStatuses, type WaitingReason } from './container-statuses.ts';
import { phaseOf } from './phase.ts';

/** What probes know of a container. */
export interface ProbeView {
  /** Its startup probe has succeeded, or it has none. */
  started(containerId: string, name: string): boolean;
  /** Its readiness probe succeeds, or it has none. */
  ready(containerId: string, name: string): boolean;
}

export interface PodStatusInput {
  pod: Pod;
  /** The last status made, or the API's. */
  old: PodStatus;
  runtime: PodRuntime;
  waiting: ReadonlyMap<string, WaitingReason>;
  probes: ProbeView;
  hostIPs: string[];
  now: string;
  startTime: string;
  /** Nothing will be started any more. */
  terminal: boolean;
  /** A decision of the node: eviction, deadline, refusal. */
  verdict?: { phase: 'Failed'; reason: string; message: string };
  /** DisruptionTarget and resize conditions that the node adds. */
  extra: PodCondition[];
  resources(status: RuntimeContainer): ResourceRequirements | undefined;
}

/** The whole status of a pod, as the kubelet would write it. */
export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, old, runtime } = input;
  const common = { pod, runtime, waiting: input.waiting, resources: input.resources };
  const init = containerStatuses({
    ...common,
    kind: 'init',
    containers: pod.spec.initContainers ?? [],
    old: old.initContainerStatuses ?? [],
  });
  const containers = containerStatuses({
    ...common,
    kind: 'ordinary',
    containers: pod.spec.containers,
    old: old.containerStatuses ?? [],
  });
  const ephemeral = containerStatuses({
    ...common,
    kind: 'ephemeral',
    containers: ephemeralContainers(pod),
    old: old.ephemeralContainerStatuses ?? [],
  });
  for (const status of containers) applyProbes(input.probes, status, 'ordinary');
  for (const status of init) {
    const spec = pod.spec.initContainers?.find((c) => c.name === status.name);
    applyProbes(input.probes, status, spec && isSidecar(spec) ? 'sidecar' : 'init');
  }
  const made: PodStatus = {
    ...reasonAndPhase(input, [...containers, ...init]),
    qosClass: qosOf(pod),
    startTime: input.startTime,
  };
  if (pod.metadata.generation !== undefined) made.observedGeneration = pod.metadata.generation;
  if (init.length > 0) made.initContainerStatuses = init;
  made.containerStatuses = containers;
  if (ephemeral.length > 0) made.ephemeralContainerStatuses = ephemeral;
  if (pod.spec.resources) made.resources = pod.spec.resources;
  addAddresses(input, made);
  made.conditions = withTimes(input, made, { init, containers });
  return made;
}

function applyProbes(
  probes: ProbeView,
  status: ContainerStatus,
  kind: 'ordinary' | 'sidecar' | 'init',
): void {
  const id = (status.containerID ?? '').replace('containerd://', '');
  const running = status.state?.running !== undefined;
  if (kind === 'init') {
    status.started = running;
    status.ready = status.state?.terminated?.exitCode === 0;
    return;
  }
  status.started = running && probes.started(id, status.name);
  status.ready = status.started && probes.ready(id, status.name);
}

function reasonAndPhase(input: PodStatusInput, statuses: ContainerStatus[]): PodStatus {
  const { pod, old } = input;
  if (input.verdict) return { ...input.verdict };
  const hasRun = pod.spec.containers.some((c) =>
    input.runtime.containers.some(
      (r) =>
        r.name === c.name && (r.state === 'running' || (r.state === 'exited' && r.startedAt > 0n)),
    ),
  );
  let phase: string = phaseOf({
    pod,
    statuses,
    terminal: input.terminal,
    hasRun,
    isStatic: isStatic(pod),
  });
  for (const before of [old.phase, pod.status?.phase]) {
    if (
      (before === 'Failed' || before === 'Succeeded') &&
      phase !== 'Failed' &&
      phase !== 'Succeeded'
    )
      phase = before;
  }
  // A final phase that the API shows is never left.
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') phase = pod.status.phase;
  if (phase !== old.phase) return { phase };
  const reason = old.reason ?? pod.status?.reason;
  const message = old.message ?? pod.status?.message;
  return { phase, ...(reason ? { reason } : {}), ...(message ? { message } : {}) };
}

function addAddresses(input: PodStatusInput, made: PodStatus): void {
  const sandbox = input.runtime.sandboxes.find((s) => s.ready) ?? input.runtime.sandboxes[0];
  let ips = input.pod.spec.hostNetwork ? input.hostIPs : (sandbox?.ips ?? []);
  // The address of a finished pod is still shown.
  if (ips.length === 0) ips = (input.old.podIPs ?? []).map((p) => p.ip);
  if (input.hostIPs[0]) {
    made.hostIP = input.hostIPs[0];
    made.hostIPs = input.hostIPs.map((ip) => ({ ip }));
  }
  if (ips[0]) {
    made.podIP = ips[0];
    made.podIPs = ips.map((ip) => ({ ip }));
  }
}

function withTimes(
  input: PodStatusInput,
  made: PodStatus,
  statuses: { init: ContainerStatus[]; containers: ContainerStatus[] },
): PodCondition[] {
  const { pod, old } = input;
  const foreign = (pod.status?.conditions ?? []).filter(
    (c) => !ownConditions.has(c.type) && !input.extra.some((e) => e.type === c.type),
  );
  const sandboxReady = !sandboxNeeded(pod, input.runtime).create;
  const own = conditionsOf({ pod, phase: made.phase ?? '', sandboxReady, ...statuses, foreign });
  const before = [...(old.conditions ?? []), ...(pod.status?.conditions ?? [])];
  const timed = [...input.extra, ...own].map((condition) => {
    const same = before.find((c) => c.type === condition.type);
    const lastTransitionTime =
      same && same.status === condition.status ? (same.lastTransitionTime ?? input.now) : input.now;
    const generation =
      pod.metadata.generation === undefined
        ? {}
        : {
            observedGeneration:
              (condition as PodCondition).observedGeneration ?? pod.metadata.generation,
          };
    return { ...generation, lastProbeTime: zeroTime, lastTransitionTime, ...condition };
  });
  return [...foreign, ...timed];
}
