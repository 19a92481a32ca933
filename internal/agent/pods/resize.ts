import type {
  Container,
  Pod,
  PodCondition,
  ResourceRequirements,
} from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { messageOf } from '../../base/errors.ts';
import { containerResources } from '../config/resources.ts';
import { podTotal, qosOf } from '../config/pod-resources.ts';
import { same } from '../status/status-patch.ts';
import type { PodDeps } from './deps.ts';
import { latest } from './model.ts';
import type { PodWorker } from './worker.ts';

type Limits = Pick<Container, 'name' | 'resources'>;

/**
 * In-place change of a pod's cpu and memory (KEP-1287): grants what fits, applies it to running
 * containers.
 */
export class Resize {
  readonly #deps: PodDeps;
  readonly #worker: PodWorker;
  #granted: Pod;
  #pending: PodCondition | undefined;
  #progress: PodCondition | undefined;
  /** What each running instance was made with or updated to. */
  readonly #inForce = new Map<string, ResourceRequirements>();

  constructor(deps: PodDeps, worker: PodWorker) {
    this.#deps = deps;
    this.#worker = worker;
    this.#granted = worker.restored ? asTold(worker.pod) : worker.pod;
  }

  /** The newest pod, with the resources that were granted. */
  get allocated(): Pod {
    const { pod } = this.#worker;
    if (this.#granted === pod) return pod;
    const granted = new Map(all(this.#granted).map((c) => [c.name, c.resources]));
    if (!differs(this.#granted, pod)) return pod;
    const put = <T extends Limits>(c: T): T =>
      granted.has(c.name) ? { ...c, resources: granted.get(c.name) } : c;
    return {
      ...pod,
      spec: {
        ...pod.spec,
        containers: pod.spec.containers.map(put),
        ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(put) } : {}),
      },
    };
  }

  conditions(): PodCondition[] {
    return [this.#pending, this.#progress].filter((c) => c !== undefined);
  }

  /** What status.containerStatuses[].resources shows for an instance. */
  inForce(containerId: string, name: string): ResourceRequirements | undefined {
    let known = this.#inForce.get(containerId);
    if (!known) {
      const told = [
        ...(this.#worker.pod.status?.containerStatuses ?? []),
        ...(this.#worker.pod.status?.initContainerStatuses ?? []),
      ].find((s) => s.containerID === `containerd://${containerId}`);
      known = told?.resources ?? all(this.#granted).find((c) => c.name === name)?.resources ?? {};
      if (this.#inForce.size > 64) this.#inForce.clear(); // instances long gone
      this.#inForce.set(containerId, known);
    }
    return known;
  }

  /**
   * Takes up a wish for other resources: granted, put off or refused. Before the status that
   * observes it is told.
   */
  decide(): void {
    const { pod } = this.#worker;
    if (differs(this.#granted, pod)) return this.#judge(pod);
    this.#granted = pod;
    this.#pending = undefined;
  }

  #judge(pod: Pod): void {
    const verdict = this.#fits(pod);
    if (verdict) {
      const before = this.#pending;
      this.#pending = {
        type: 'PodResizePending',
        status: 'True',
        reason: verdict.reason,
        message: verdict.message,
        observedGeneration: pod.metadata.generation,
      };
      if (before?.reason !== verdict.reason)
        this.#deps.events.warning(
          pod,
          verdict.reason === 'Deferred' ? 'ResizeDeferred' : 'ResizeInfeasible',
          `Pod resize ${verdict.reason === 'Deferred' ? 'Deferred' : 'Infeasible'}: ` +
            `${verdict.message}`,
        );
      return;
    }
    this.#granted = pod;
    this.#pending = undefined;
    this.#progress = {
      type: 'PodResizeInProgress',
      status: 'True',
      observedGeneration: pod.metadata.generation,
    };
    this.#deps.events.normal(
      pod,
      'ResizeStarted',
      'Pod resize started: ' +
        `${JSON.stringify(pod.spec.containers.map((c) => ({ name: c.name, resources: c.resources })))}`,
    );
  }

  #fits(pod: Pod): { reason: 'Infeasible' | 'Deferred'; message: string } | undefined {
    const allocatable = this.#deps.allocatable();
    for (const resource of ['cpu', 'memory'] as const) {
      const have = units(allocatable[resource], resource);
      const want = totalOf(pod, resource);
      if (want > have)
        return {
          reason: 'Infeasible',
          message:
            `Node didn't have enough capacity: ${resource}, requested: ${want}, capacity: ` +
            `${have}`,
        };
      const used = this.#deps.promised(pod.metadata.uid!, resource);
      if (want > totalOf(this.#granted, resource) && want + used > have)
        return {
          reason: 'Deferred',
          message:
            `Node didn't have enough resource: ${resource}, requested: ${want}, used: ${used}, ` +
            `capacity: ${have}`,
        };
    }
    return undefined;
  }

  /** Brings running containers to what was granted. Returns those that must restart for it. */
  async apply(): Promise<Set<string>> {
    const restart = new Set<string>();
    const { runtime } = this.#worker;
    const pod = this.allocated;
    const todo = all(pod).filter((c) => {
      const status = latest(runtime, c.name);
      return (
        status?.state === 'running' &&
        !same(pick(this.inForce(status.id, c.name)), pick(c.resources))
      );
    });
    if (todo.length === 0) {
      if (this.#progress) {
        this.#deps.events.normal(
          pod,
          'ResizeCompleted',
          'Pod resize completed: ' +
            `${JSON.stringify(pod.spec.containers.map((c) => ({ name: c.name, resources: c.resources })))}`,
        );
        this.#progress = undefined;
      }
      return restart;
    }
    await this.#deps.cgroups.ensure(widened(pod, this.#worker.pod));
    for (const container of todo) {
      const status = latest(runtime, container.name)!;
      if (mustRestart(container, this.inForce(status.id, container.name)))
        restart.add(container.name);
      else await this.#update(pod, container, status.id);
    }
    await this.#deps.cgroups.ensure(pod);
    if (restart.size === 0) return this.apply();
    return restart;
  }

  async #update(pod: Pod, container: Container, containerId: string): Promise<void> {
    const linux = { ...containerResources(pod, container, this.#deps.facts()) };
    // These cannot change while a container runs.
    delete linux.oomScoreAdj;
    delete linux.hugepageLimits;
    try {
      await this.#deps.cri.updateContainerResources({ containerId, linux });
      this.#inForce.set(containerId, container.resources ?? {});
    } catch (error) {
      this.#progress = {
        type: 'PodResizeInProgress',
        status: 'True',
        reason: 'Error',
        message: messageOf(error),
        observedGeneration: pod.metadata.generation,
      };
      this.#deps.events.warning(pod, 'ResizeError', `Pod resize error: ${messageOf(error)}`);
      throw error;
    }
  }
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
  return all(a).some((c) => other.has(c.name) && !same(pick(c.resources), pick(other.get(c.name))));
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
    return !same(view(before), view(container.resources));
  });
}

/**
 * While containers change one after the other the pod's group must have room for both what was and
 * what comes.
 */
function widened(granted: Pod, before: Pod): Pod {
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
