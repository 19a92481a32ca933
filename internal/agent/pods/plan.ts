import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { msOf } from '../../api/times.ts';
import type { PodActions, ProbeVerdict } from './action-types.ts';
import { isStatic, type PodRuntime } from './model.ts';
import { podActions } from './pod-actions.ts';
import { allocatedPod, judgeResize, resizeWork, type ResizeRoom } from './resize.ts';
import type { PodState } from './state.ts';
import type { Step } from './steps.ts';
import { surplusOf } from './surplus.ts';
import { unsupported } from './unsupported.ts';

/** What a plan depends on besides the pod: the node and the moment. */
export interface PodWorld extends ResizeRoom {
  /** Milliseconds since 1970. */
  nowMs: number;
  liveness(containerId: string): ProbeVerdict;
  startup(containerId: string): ProbeVerdict;
  /** How long a container that ended at `endedMs` must wait before it is started again. */
  backOffMs(container: string, endedMs: number): number;
  /** By the status that would be told now, the pod is Succeeded or Failed. */
  finished: boolean;
  /** Pods can be given addresses. */
  networkReady: boolean;
  /** The runtime is known to hold nothing but what it tells of. */
  runtimeSettled: boolean;
}

/**
 * What to do for a pod, in this order, to come from what is to what should be. Pure: the same
 * state, object and world give the same steps. An empty plan: nothing to do until something
 * changes.
 */
export function plan(state: PodState, pod: Pod, world: PodWorld): Step[] {
  if (state.phase === 'running') return planRunning(state, pod, world);
  if (state.phase === 'terminating') return planEnd(state);
  return state.phase === 'terminated' ? planLast(state, pod) : [];
}

function planRunning(state: PodState, pod: Pod, world: PodWorld): Step[] {
  if (deadlineMs(state, pod) <= world.nowMs)
    return [
      {
        do: 'end',
        verdict: {
          reason: 'DeadlineExceeded',
          message: 'Pod was active on the node longer than the specified deadline',
        },
      },
    ];
  const { resize, event } = judgeResize(state.resize, pod, world);
  const steps: Step[] = [];
  if (resize !== state.resize) steps.push({ do: 'grant', resize, ...(event && { event }) });
  steps.push({ do: 'tell', allEnded: false });
  if (world.finished) return [...steps, { do: 'end' }];
  const { runtime } = state;
  if (state.restored && runtime.containers.some((c) => c.state === 'running'))
    steps.push({ do: 'adopt' });
  const allocated = allocatedPod(pod, resize);
  const work = resizeWork(allocated, runtime, resize);
  if (work.updates.length + work.restarts.size > 0) steps.push({ do: 'resize', work, allocated });
  if (resize.progress && work.restarts.size === 0) steps.push({ do: 'resized' });
  const actions = podActions({ ...world, pod: allocated, runtime, resizeRestarts: work.restarts });
  steps.push(...planContainers(actions, state, allocated, world));
  const surplus = surplusOf(runtime);
  if (!actions.createSandbox && surplus.containers.length + surplus.sandboxes.length > 0)
    steps.push({ do: 'prune', ...surplus });
  return [...steps, { do: 'tell', allEnded: false }];
}

/** Milliseconds since 1970 at which the pod's time is over. */
export function deadlineMs({ startTime }: PodState, { spec }: Pod): number {
  return spec.activeDeadlineSeconds === undefined
    ? Infinity
    : msOf(startTime) + spec.activeDeadlineSeconds * 1000;
}

/** Kills, then what must stand before a container is started, then the starts. */
function planContainers(todo: PodActions, state: PodState, pod: Pod, world: PodWorld): Step[] {
  const steps: Step[] = [];
  const create = todo.createSandbox;
  if (todo.killPod) {
    if (lives(state.runtime) || state.runtime.sandboxes.length > 0)
      steps.push({
        do: 'stopPod',
        why: 'sandbox',
        graceSeconds: undefined,
        replaced: create && todo.sandboxId !== '',
      });
    if (!create) return steps;
  } else if (todo.kill.length > 0) steps.push({ do: 'kill', kills: todo.kill });
  const starts = [...todo.startEphemeral, ...todo.startInit, ...todo.start].map((container) =>
    startOrWait(container, state.runtime, world),
  );
  if (!create && starts.every((s) => s.do === 'wait')) return [...steps, ...starts];
  const missing = unsupported(pod);
  if (missing) return [...steps, { do: 'refuse', ...missing }];
  if (create) steps.push(...forgetInit(state.runtime, pod));
  steps.push({ do: 'prepare' });
  if (create) steps.push(...planSandbox(todo, state, pod, world));
  return [...steps, { do: 'holdNetwork' }, ...starts];
}

/**
 * In a new sandbox a pod is initialized again (the kubelet's purgeInitContainers): what its init
 * containers came to in the old one must not count.
 */
function forgetInit({ containers }: PodRuntime, { spec }: Pod): Step[] {
  const init = new Set((spec.initContainers ?? []).map((c) => c.name));
  const old = containers.filter((c) => init.has(c.name));
  return old.length > 0 ? [{ do: 'prune', containers: old, sandboxes: [] }] : [];
}

function planSandbox(todo: PodActions, state: PodState, pod: Pod, world: PodWorld): Step[] {
  // Containers that a damaged runtime has forgotten may still run: a second set beside them would
  // do harm.
  if (!world.runtimeSettled)
    return [
      { do: 'refuse', reason: undefined, message: 'the container runtime has only just come back' },
    ];
  if (!pod.spec.hostNetwork && !world.networkReady)
    return [
      {
        do: 'refuse',
        reason: 'NetworkNotReady',
        message:
          'network is not ready: container runtime network not ready: NetworkReady=false ' +
          'reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not ' +
          'initialized',
      },
    ];
  return [{ do: 'createSandbox', attempt: Math.max(todo.attempt, state.leastAttempt) }];
}

/** A container that failed lately waits for its back-off. */
export function startOrWait(
  container: Container,
  runtime: PodRuntime,
  world: Pick<PodWorld, 'backOffMs'>,
): Step & { do: 'start' | 'wait' } {
  const last = runtime.containers.find((c) => c.name === container.name && c.state === 'exited');
  const waitMs = last ? world.backOffMs(container.name, Number(last.finishedAt / 1_000_000n)) : 0;
  return waitMs > 0 ? { do: 'wait', container, waitMs } : { do: 'start', container };
}

const lives = ({ containers, sandboxes }: PodRuntime): boolean =>
  containers.some((c) => c.state !== 'exited') || sandboxes.some((s) => s.ready);

function planEnd({ runtime, verdict, graceSeconds, restored }: PodState): Step[] {
  const steps: Step[] = [];
  if (lives(runtime)) {
    steps.push({ do: 'tell', allEnded: false });
    if (restored && runtime.containers.some((c) => c.state === 'running'))
      steps.push({ do: 'adopt' });
    steps.push({
      do: 'stopPod',
      why: 'end',
      graceSeconds: verdict ? (graceSeconds ?? 1) : graceSeconds,
      replaced: false,
    });
  } else steps.push({ do: 'stopSandboxes' });
  // Evicted for want of room: writable layers and logs would keep what the node needs.
  const runtimeToo = verdict?.reason === 'Evicted';
  return [...steps, { do: 'tell', allEnded: true }, { do: 'tearDown', runtimeToo }];
}

/** Everything has ended: the API object goes if its deletion was asked for, then what is left. */
function planLast({ deleted }: PodState, pod: Pod): Step[] {
  if (deleted) return [{ do: 'forget' }];
  return pod.metadata.deletionTimestamp && !isStatic(pod) ? [{ do: 'deleteObject' }] : [];
}
