import { jsonEqual } from '../../api/patch/json.ts';
import {} from '../../api/equality.ts';
import type {
  Container,
  Pod,
  PodCondition,
  ResourceRequirements,
} from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { podTotal, qosOf } from '../config/pod-resources.ts';
import { latest, type PodRuntime, type RuntimeContainer } from './model.ts';

type Limits = Pick<Container, 'name' | 'resources'>;

/** How far a pod has come with a change of its cpu and memory while it runs (KEP-1287). */
export interface ResizeState {
  /** The pod with the resources that the node has granted. */
  readonly granted: Pod;
  /** What was asked for does not fit now, or never will. */
  readonly pending: PodCondition | undefined;
  /** What was granted is not in force everywhere yet. */
  readonly progress: PodCondition | undefined;
  /** What each instance of a container was made with or updated to, by id. */
  readonly inForce: ReadonlyMap<string, ResourceRequirements>;
}

/** What the node has, and what all its other pods have been promised. */
export interface ResizeRoom {
  allocatable: Record<string, string>;
  /** Millicores or bytes. */
  promised(resource: 'cpu' | 'memory'): bigint;
}

export interface ResizeEvent {
  type: 'normal' | 'warning';
  reason: string;
  message: string;
}

/** A restored pod holds what its status shows, whatever is wished for by now. */
export function firstGrant(pod: Pod, restored: boolean): ResizeState {
  return {
    granted: restored ? asTold(pod) : pod,
    pending: undefined,
    progress: undefined,
    inForce: new Map(),
  };
}

/** The newest pod, with the resources that were granted. */
export function allocatedPod(pod: Pod, { granted }: ResizeState): Pod {
  if (granted === pod || !differs(granted, pod)) return pod;
  const resources = new Map(all(granted).map((c) => [c.name, c.resources]));
  const put = <T extends Limits>(c: T): T =>
    resources.has(c.name) ? { ...c, resources: resources.get(c.name) } : c;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(put),
      ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(put) } : {}),
    },
  };
}

export function resizeConditions({ pending, progress }: ResizeState): PodCondition[] {
  return [pending, progress].filter((c) => c !== undefined);
}

/**
 * Notes what every instance of a container that is new to us was made with: what the status says of
 * it, else what is granted. Instances that are gone are forgotten.
 */
export function withInstances(resize: ResizeState, pod: Pod, runtime: PodRuntime): ResizeState {
  const { inForce } = resize;
  if (
    runtime.containers.length === inForce.size &&
    runtime.containers.every((c) => inForce.has(c.id))
  )
    return resize;
  return {
    ...resize,
    inForce: new Map(
      runtime.containers.map((c) => [c.id, inForce.get(c.id) ?? madeWith(resize, pod, c)]),
    ),
  };
}

function madeWith(
  { granted }: ResizeState,
  { status }: Pod,
  { id, name }: RuntimeContainer,
): ResourceRequirements {
  const told = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
  ].find((s) => s.containerID === `containerd://${id}`);
  return told?.resources ?? all(granted).find((c) => c.name === name)?.resources ?? {};
}

/** Takes up a wish for other resources: granted, put off or refused. */
export function judgeResize(
  resize: ResizeState,
  pod: Pod,
  room: ResizeRoom,
): { resize: ResizeState; event?: ResizeEvent } {
  if (!differs(resize.granted, pod))
    return resize.granted === pod && !resize.pending
      ? { resize }
      : { resize: { ...resize, granted: pod, pending: undefined } };
  const { generation } = pod.metadata;
  const refusal = refusalOf(resize, pod, room);
  if (refusal) {
    const { reason, message } = refusal;
    const pending: PodCondition = {
      type: 'PodResizePending',
      status: 'True',
      reason,
      message,
      observedGeneration: generation,
    };
    const said = resize.pending?.reason === reason;
    return {
      resize: { ...resize, pending },
      ...(!said && {
        event: {
          type: 'warning',
          reason: `Resize${reason}`,
          message: `Pod resize ${reason}: ${message}`,
        },
      }),
    };
  }
  return {
    resize: {
      ...resize,
      granted: pod,
      pending: undefined,
      progress: { type: 'PodResizeInProgress', status: 'True', observedGeneration: generation },
    },
    event: {
      type: 'normal',
      reason: 'ResizeStarted',
      message: `Pod resize started: ${resourcesText(pod)}`,
    },
  };
}

/** The resources of a pod's containers, for an event. */
export function resourcesText(pod: Pod): string {
  return JSON.stringify(pod.spec.containers.map((c) => ({ name: c.name, resources: c.resources })));
}

function refusalOf(
  { granted }: ResizeState,
  pod: Pod,
  room: ResizeRoom,
): { reason: 'Infeasible' | 'Deferred'; message: string } | undefined {
  for (const resource of ['cpu', 'memory'] as const) {
    const have = units(room.allocatable[resource], resource);
    const want = totalOf(pod, resource);
    if (want > have)
      return {
        reason: 'Infeasible',
        message:
          `Node didn't have enough capacity: ${resource}, requested: ${want}, capacity: ` +
          `${have}`,
      };
    const used = room.promised(resource);
    if (want > totalOf(granted, resource) && want + used > have)
      return {
        reason: 'Deferred',
        message:
          `Node didn't have enough resource: ${resource}, requested: ${want}, used: ${used}, ` +
          `capacity: ${have}`,
      };
  }
  return undefined;
}

/** Running containers whose resources are not those that were granted. */
export interface ResizeWork {
  /** To be changed while they run. */
  updates: { container: Container; id: string }[];
  /** To be restarted, as their resizePolicy says. */
  restarts: Set<string>;
}

export function resizeWork(allocated: Pod, runtime: PodRuntime, resize: ResizeState): ResizeWork {
  const work: ResizeWork = { updates: [], restarts: new Set() };
  for (const container of all(allocated)) {
    const status = latest(runtime, container.name);
    if (status?.state !== 'running') continue;
    const before = resize.inForce.get(status.id);
    if (jsonEqual(pick(before), pick(container.resources))) continue;
    if (mustRestart(container, before)) work.restarts.add(container.name);
    else work.updates.push({ container, id: status.id });
  }
  return work;
}

/**
 * With the resources that its status shows: what an earlier life of the agent had granted, not what
 * is wished for by now.
 */
function asTold(pod: Pod): Pod {
  const told = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ];
  const put = <T extends Limits>(c: T): T => {
    const resources = told.find((s) => s.name === c.name)?.resources;
    return resources ? { ...c, resources } : c;
  };
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(put),
      ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(put) } : {}),
    },
  };
}

function all(pod: Pod): Container[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
}

function pick(resources: ResourceRequirements | undefined): unknown {
  const of = (list: Record<string, string> | undefined) =>
    ['cpu', 'memory'].map((name) =>
      list?.[name] === undefined ? null : units(list[name], name as 'cpu' | 'memory').toString(),
    );
  return {
    limits: of(resources?.limits as Record<string, string> | undefined),
    requests: of(resources?.requests as Record<string, string> | undefined),
  };
}

function differs(a: Pod, b: Pod): boolean {
  const other = new Map(all(b).map((c) => [c.name, c.resources]));
  return all(a).some(
    (c) => other.has(c.name) && !jsonEqual(pick(c.resources), pick(other.get(c.name))),
  );
}

function units(text: string | undefined, resource: 'cpu' | 'memory'): bigint {
  const quantity = quantityOf(text);
  return resource === 'cpu' ? quantity.milliValue() : quantity.value();
}

/** What the pod asks for: millicores or bytes. */
export function totalOf(pod: Pod, resource: 'cpu' | 'memory'): bigint {
  const total = podTotal(pod, 'requests', resource) ?? quantityOf(undefined);
  const sum = total.add(quantityOf(pod.spec.overhead?.[resource]));
  return resource === 'cpu' ? sum.milliValue() : sum.value();
}

function mustRestart(container: Container, before: ResourceRequirements | undefined): boolean {
  return (container.resizePolicy ?? []).some((policy) => {
    if (policy.restartPolicy !== 'RestartContainer') return false;
    const view = (r: ResourceRequirements | undefined): unknown[] =>
      [r?.limits?.[policy.resourceName], r?.requests?.[policy.resourceName]].map((v) =>
        v === undefined ? null : quantityOf(v as string).toString(),
      );
    return !jsonEqual(view(before), view(container.resources));
  });
}

/**
 * While containers change one after the other the pod's group must have room for both what was and
 * what comes.
 */
export function widened(granted: Pod, before: Pod): Pod {
  return qosOf(granted) === 'BestEffort'
    ? granted
    : {
        ...before,
        spec: {
          ...before.spec,
          containers: before.spec.containers.map((c) => ({
            ...c,
            resources: { requests: c.resources?.requests },
          })),
        },
      };
}
