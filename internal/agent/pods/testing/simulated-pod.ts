import type { Container, Pod } from '../../../api/generated/types/core-v1.ts';
import { timeOf } from '../../../api/times.ts';
import { containerHash } from '../../config/labels.ts';
import { isSidecar } from '../../config/pod-resources.ts';
import { podStatus } from '../../status/pod-status.ts';
import { BackOff } from '../back-off.ts';
import { latest, type PodRuntime, type RuntimeContainer, type RuntimeSandbox } from '../model.ts';
import { plan, startOrWait, type PodWorld } from '../plan.ts';
import { withInstances } from '../resize.ts';
import { firstState, judged, removed, terminating, type PodState } from '../state.ts';
import type { Step } from '../steps.ts';

/** How a step that fails leaves the runtime: as it was, half-way, or done without an answer. */
export type Failure = 'before' | 'half' | 'after';

class Failed extends Error {}

/**
 * A pod whose plans are performed on a runtime of values. Every step is held to the rules of
 * README.md; a broken rule throws.
 */
export class SimulatedPod {
  pod: Pod;
  state: PodState;
  /** What there is, whatever the state says. */
  truth: PodRuntime;
  nowMs = Date.UTC(2026, 0, 1);
  /** Instances whose liveness probe fails. */
  readonly sick = new Set<string>();
  readonly done: Step['do'][] = [];
  readonly #backOff = new BackOff();
  #count = 1000;

  constructor(pod: Pod, truth: PodRuntime, { restored }: { restored: boolean }) {
    this.pod = pod;
    this.truth = truth;
    this.state = firstState(pod, { restored, verdict: undefined, now: timeOf(this.nowMs) });
    this.read();
  }

  read(): void {
    const runtime = structuredClone(this.truth);
    const { state, pod } = this;
    this.state = { ...state, runtime, resize: withInstances(state.resize, pod, runtime) };
  }

  world(): PodWorld {
    return {
      nowMs: this.nowMs,
      liveness: (id) => (this.sick.has(id) ? 'failure' : 'success'),
      startup: () => 'success',
      backOffMs: (name, endedMs) => this.#backOff.remainingMs(name, endedMs, this.nowMs),
      finished: this.#finished(),
      networkReady: true,
      runtimeSettled: true,
      allocatable: { cpu: '4', memory: '8Gi' },
      promised: () => 0n,
    };
  }

  plan(): Step[] {
    return plan(this.state, this.pod, this.world());
  }

  /** One pass. `failure` says, for each step, whether and how it fails. */
  pass(failure: () => Failure | undefined): Step[] {
    const steps = this.plan();
    const { phase } = this.state;
    for (const step of steps) {
      if (this.state.phase !== phase) break;
      try {
        this.#perform(step, failure());
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        this.read();
        return steps;
      }
    }
    return steps;
  }

  #finished(): boolean {
    if (this.state.phase !== 'running') return false;
    const { phase } = podStatus({
      pod: this.pod,
      old: this.state.status,
      runtime: this.state.runtime,
      waiting: this.state.waiting,
      probes: { started: () => true, ready: () => true },
      hostIPs: [],
      now: timeOf(this.nowMs),
      startTime: this.state.startTime,
      terminal: false,
      extra: [],
      resources: () => undefined,
    });
    return phase === 'Succeeded' || phase === 'Failed';
  }

  #perform(step: Step, failure: Failure | undefined): void {
    this.done.push(step.do);
    if (failure === 'before') throw new Failed();
    switch (step.do) {
      case 'end':
        this.state = step.verdict
          ? judged(this.state, step.verdict)
          : terminating(this.state, undefined);
        return;
      case 'grant':
        this.state = { ...this.state, resize: step.resize };
        return;
      case 'stopPod':
        this.#stopAll(step, failure);
        break;
      case 'stopSandboxes':
        for (const s of this.truth.sandboxes) s.ready = false;
        break;
      case 'kill':
        for (const { id } of step.kills) this.#kill(id);
        break;
      case 'createSandbox':
        this.#createSandbox(step.attempt, failure);
        break;
      case 'start':
        this.#start(step.container, failure);
        break;
      case 'prune':
        this.#prune(step);
        break;
      case 'tearDown':
        must(!this.truth.containers.some((c) => c.state === 'running'), 'torn down while it runs');
        if (!failure) this.state = { ...this.state, phase: 'terminated' };
        break;
      case 'deleteObject':
        if (!failure) this.state = removed(this.state, this.pod);
        break;
      case 'forget':
        this.truth = { sandboxes: [], containers: [] };
        if (!failure) this.state = { ...this.state, phase: 'gone' };
        break;
      default: // the others change nothing that a plan asks for
    }
    if (failure) throw new Failed();
    this.read();
  }

  #stopAll(step: Extract<Step, { do: 'stopPod' }>, failure: Failure | undefined): void {
    if (step.why === 'sandbox') {
      const [newest, ...older] = this.truth.sandboxes;
      const lost = !newest?.ready || newest.ips.length === 0 || older.some((s) => s.ready);
      must(lost || !this.#wantsAnything(), 'a pod that is wanted is stopped');
    }
    for (const c of this.truth.containers)
      if (failure !== 'half' || c.name.length % 2 === 0) this.#exit(c, 143);
    if (failure !== 'half') for (const s of this.truth.sandboxes) s.ready = false;
  }

  /** An ordinary container runs, or should. */
  #wantsAnything(): boolean {
    const failed = (this.pod.spec.initContainers ?? []).some((c) => {
      const status = latest(this.truth, c.name);
      return !isSidecar(c) && status?.state === 'exited' && status.exitCode !== 0;
    });
    return (
      !(failed && this.pod.spec.restartPolicy === 'Never') &&
      this.pod.spec.containers.some((c) => this.wanted(c))
    );
  }

  /** By its restart policy, the container runs or should run (again). */
  wanted(container: Container): boolean {
    const status = latest(this.truth, container.name);
    const policy = this.pod.spec.restartPolicy;
    if (status?.state === 'running' && this.sick.has(status.id)) return policy !== 'Never';
    if (status?.state !== 'exited') return true;
    return (
      isSidecar(container) ||
      policy === 'Always' ||
      (policy === 'OnFailure' && status.exitCode !== 0)
    );
  }

  #kill(id: string): void {
    const container = this.truth.containers.find((c) => c.id === id)!;
    must(
      this.sick.has(id) || container.state === 'unknown',
      `${container.name} is killed and nothing is wrong with it`,
    );
    this.#exit(container, 137);
  }

  #exit(container: RuntimeContainer, exitCode: number): void {
    // As containerd: what was never started is not stopped.
    if (container.state === 'exited' || container.state === 'created') return;
    const finishedAt = BigInt(this.nowMs) * 1_000_000n;
    Object.assign(container, { state: 'exited', exitCode, finishedAt });
  }

  #createSandbox(attempt: number, failure: Failure | undefined): void {
    const { sandboxes, containers } = this.truth;
    must(!sandboxes.some((s) => s.ready), 'a second sandbox');
    must(!containers.some((c) => c.state === 'running'), 'a second sandbox beside what runs');
    const made: RuntimeSandbox = {
      id: `s${this.#count++}`,
      attempt,
      ready: failure !== 'half',
      createdAt: BigInt(this.#count),
      ips: ['10.42.0.9'],
      hostNetwork: false,
    };
    sandboxes.unshift(made);
    if (failure) this.state = { ...this.state, leastAttempt: attempt + 1 };
  }

  #start(container: Container, failure: Failure | undefined): void {
    const now = startOrWait(container, this.truth, this.world());
    if (now.do === 'wait') return;
    const [sandbox] = this.truth.sandboxes;
    must(this.state.phase === 'running', 'a start in a pod that should end');
    must(sandbox?.ready === true, 'a start without a sandbox');
    const before = this.truth.containers.filter((c) => c.name === container.name);
    must(
      before.every((c) => c.state === 'exited' || c.state === 'created'),
      `${container.name} is started twice`,
    );
    this.#checkOrder(container);
    const last = before.find((c) => c.state === 'exited');
    if (last) this.#backOff.next(container.name, Number(last.finishedAt / 1_000_000n));
    const state = failure === 'half' ? 'created' : 'running';
    this.truth.containers.unshift(this.instance(container, state, 0, sandbox!.id));
  }

  /** Init containers one after the other, sidecars started before what follows, then the rest. */
  #checkOrder(container: Container): void {
    const init = this.pod.spec.initContainers ?? [];
    const at = init.findIndex((c) => c.name === container.name);
    const all = this.pod.spec.containers;
    const here = (name: string): RuntimeContainer | undefined =>
      this.truth.containers.find(
        (c) => c.name === name && c.sandboxId === this.truth.sandboxes[0]?.id,
      );
    // What was initialized once in a sandbox stays so, also when its init containers are forgotten.
    const later = at < 0 ? all : [...init.slice(at), ...all];
    if (later.some((c) => here(c.name))) return;
    const before = at < 0 ? init : init.slice(0, at);
    for (const [i, earlier] of before.entries()) {
      const status = here(earlier.name);
      // The last one that is known says how far the pod has come.
      if (before.slice(i + 1).some((c) => here(c.name))) continue;
      must(
        isSidecar(earlier)
          ? status?.state === 'running'
          : status?.state === 'exited' && status.exitCode === 0,
        `${container.name} is started before ${earlier.name} is done`,
      );
    }
  }

  #prune({ containers, sandboxes }: Extract<Step, { do: 'prune' }>): void {
    for (const { id, name } of containers) {
      const there = this.truth.containers.find((c) => c.id === id);
      must(there?.state !== 'running', `${name} is removed while it runs`);
    }
    const gone = new Set([...containers, ...sandboxes].map(({ id }) => id));
    this.truth = {
      sandboxes: this.truth.sandboxes.filter((s) => !gone.has(s.id)),
      containers: this.truth.containers.filter((c) => !gone.has(c.id)),
    };
  }

  instance(
    container: Container,
    state: RuntimeContainer['state'],
    exitCode: number,
    sandboxId: string,
  ): RuntimeContainer {
    const at = BigInt(this.nowMs) * 1_000_000n + BigInt(this.#count);
    return {
      id: `${container.name}-${this.#count++}`,
      name: container.name,
      sandboxId,
      state,
      createdAt: at,
      startedAt: at,
      finishedAt: state === 'exited' ? at : 0n,
      exitCode,
      reason: '',
      message: '',
      image: '',
      imageRef: '',
      restartCount: 0,
      hash: containerHash(container),
      logPath: '',
    };
  }

  /** A container that runs ends by itself. */
  end(name: string, exitCode: number): void {
    const status = latest(this.truth, name);
    if (status?.state === 'running') this.#exit(status, exitCode);
    this.read();
  }

  /** Deletion is asked for. */
  delete(graceSeconds: number): void {
    this.pod = {
      ...this.pod,
      metadata: {
        ...this.pod.metadata,
        deletionTimestamp: timeOf(this.nowMs),
        deletionGracePeriodSeconds: graceSeconds,
      },
    };
    this.state = terminating(this.state, graceSeconds);
  }
}

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken rule: ${rule}`);
}
