import type { Container } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { PodSandboxConfig } from '../../wire/cri/cri.ts';
import { goDuration } from './back-off.ts';
import { containerReference } from './deps.ts';
import { linkLog, removeLog, unlinkLogs } from './log-links.ts';
import { latest, podText, type RuntimeContainer } from './model.ts';
import type { Plan } from './plan-types.ts';
import { postStart, startContainer, StartFailure, type StartInput } from './start-container.ts';
import { configFor, startSandbox } from './start-sandbox.ts';
import { ifThere, killContainer, removeSandbox, stopPod } from './stop.ts';
import { surplusOf } from './surplus.ts';
import { unsupported } from './unsupported.ts';
import type { PodWorker } from './worker.ts';

/**
 * A container whose configuration or creation failed is tried again after this, as with the
 * kubelet.
 */
const createRetryMs = 10_000;

/** Carries out a plan for one pod. */
export class Runner {
  readonly #worker: PodWorker;
  #config: PodSandboxConfig | undefined;
  /** One that failed half-way may keep its name for a while: the next takes another. */
  #leastAttempt = 0;

  constructor(worker: PodWorker) {
    this.#worker = worker;
  }

  async carryOut(todo: Plan): Promise<void> {
    const w = this.#worker;
    if (todo.killPod) {
      if (todo.createSandbox && todo.sandboxId)
        w.deps.events.normal(
          w.pod,
          'SandboxChanged',
          'Pod sandbox changed, it will be killed and re-created.',
        );
      await this.#killAll();
      if (!todo.createSandbox) return;
    } else await this.#kill(todo);
    const work = todo.startEphemeral.length + todo.startInit.length + todo.start.length;
    if (work === 0 && !todo.createSandbox) return;
    this.#check();
    await Promise.all([w.makeCgroup(), w.mountVolumes()]);
    w.signal.throwIfAborted();
    const sandboxId = todo.createSandbox ? await this.#sandbox(todo.attempt) : todo.sandboxId;
    this.#config ??= configFor(w.deps, w.allocated, todo.attempt);
    await this.#hold();
    for (const container of todo.startEphemeral) await this.#start(container, sandboxId);
    for (const container of todo.startInit) await this.#start(container, sandboxId);
    for (const container of todo.start) await this.#start(container, sandboxId);
  }

  /**
   * What this node cannot do for a pod holds all of it back: none of it runs as if it had not
   * asked.
   */
  #check(): void {
    const w = this.#worker;
    const missing = unsupported(w.pod);
    if (!missing) return;
    w.deps.events.warning(w.pod, missing.reason, missing.message);
    throw new Error(missing.message);
  }

  /** The pod's sandbox is lost: whatever still runs in it ends before a new one is made. */
  async #killAll(): Promise<void> {
    const w = this.#worker;
    const alive =
      w.runtime.containers.some((c) => c.state !== 'exited') ||
      w.runtime.sandboxes.some((s) => s.ready);
    if (!alive && w.runtime.sandboxes.length === 0) return;
    await stopPod(w.deps, w.pod, w.runtime, undefined);
    w.runtime = await w.deps.reader.pod(w.uid, w.runtime);
  }

  async #kill(todo: Plan): Promise<void> {
    const w = this.#worker;
    await Promise.all(
      todo.kill.map(async (kill) => {
        await killContainer(w.deps, {
          pod: w.pod,
          status: kill,
          message: kill.message,
          reason: kill.reason,
          podIP: w.podIP,
        });
        await w.reread(kill.id);
      }),
    );
  }

  async #sandbox(attempt: number): Promise<string> {
    const w = this.#worker;
    const old = w.runtime.sandboxes;
    // Containers that a damaged runtime has forgotten may still run: a second set beside them would
    // do harm.
    if (!w.deps.runtimeSettled()) throw new Error('the container runtime has only just come back');
    if (!w.pod.spec.hostNetwork && !w.deps.networkReady()) {
      const message =
        'network is not ready: container runtime network not ready: NetworkReady=false ' +
        'reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not ' +
        'initialized';
      w.deps.events.warning(w.pod, 'NetworkNotReady', message);
      throw new Error(message);
    }
    const free = Math.max(attempt, this.#leastAttempt);
    const { sandbox, config } = await startSandbox(w.deps, w.allocated, {
      attempt: free,
      signal: w.signal,
    }).catch((error: unknown) => {
      this.#leastAttempt = free + 1;
      throw error;
    });
    this.#config = config;
    w.runtime = { ...w.runtime, sandboxes: [sandbox, ...old] };
    return sandbox.id;
  }

  /** Nothing of the pod runs before the node's rules for its addresses stand. */
  async #hold(): Promise<void> {
    const w = this.#worker;
    try {
      await w.deps.podAddresses.hold(w.pod, w.runtime.sandboxes[0]?.ips ?? []);
    } catch (error) {
      w.deps.events.warning(w.pod, 'NetworkNotReady', `network is not ready: ${messageOf(error)}`);
      throw error;
    }
    w.signal.throwIfAborted();
  }

  /**
   * Starts one container, unless it must wait. A failure becomes its waiting reason and does not
   * hold up the others.
   */
  async #start(container: Container, sandboxId: string): Promise<void> {
    const w = this.#worker;
    w.signal.throwIfAborted();
    if (this.#backsOff(container)) return;
    const input = this.#input(container, sandboxId);
    try {
      const id = await startContainer(w.deps, input);
      await w.reread(id, sandboxId);
      w.waiting.delete(container.name);
      // What follows from the start (the next init container, an end that came before anybody knew
      // the id) has no event of its own.
      w.wake();
      const made = latest(w.runtime, container.name);
      if (made?.logPath) void linkLog(w.deps, w.pod, made);
      if (container.lifecycle?.postStart) {
        w.publish();
        await postStart(w.deps, input, id);
      }
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      await this.#failed(container, error);
    }
  }

  #input(container: Container, sandboxId: string): StartInput {
    const w = this.#worker;
    const pod = w.allocated;
    const target = pod.spec.ephemeralContainers?.find(
      (e) => e.name === container.name,
    )?.targetContainerName;
    return {
      pod,
      container,
      sandboxId,
      sandboxConfig: this.#config!,
      podIPs: pod.spec.hostNetwork ? w.deps.hostIPs() : (w.runtime.sandboxes[0]?.ips ?? []),
      restartCount: this.#restartCount(container),
      targetId: target ? latest(w.runtime, target)?.id : undefined,
      signal: w.signal,
    };
  }

  #restartCount(container: Container): number {
    const before = latest(this.#worker.runtime, container.name);
    if (before) return before.restartCount + 1;
    const told = [
      ...(this.#worker.status.containerStatuses ?? []),
      ...(this.#worker.status.initContainerStatuses ?? []),
    ].find((s) => s.name === container.name);
    return told?.containerID ? told.restartCount + 1 : (told?.restartCount ?? 0);
  }

  /** True = it failed lately and must wait; its waiting reason says so. */
  #backsOff(container: Container): boolean {
    const w = this.#worker;
    const last = w.runtime.containers.find(
      (c) => c.name === container.name && c.state === 'exited',
    );
    if (!last) return false;
    const key = `${w.uid}/${container.name}`;
    const endedMs = Number(last.finishedAt / 1_000_000n);
    const now = w.deps.clock.now();
    const waitMs = w.deps.backOff.remainingMs(key, endedMs, now);
    if (waitMs <= 0) {
      w.deps.backOff.next(key, endedMs);
      return false;
    }
    const message =
      `back-off ${goDuration(w.deps.backOff.current(key))} restarting failed ` +
      `container=${container.name} pod=${podText(w.pod)}`;
    if (w.waiting.get(container.name)?.reason !== 'CrashLoopBackOff') {
      w.deps.events.warning(
        containerReference(w.pod, container),
        'BackOff',
        `Back-off restarting failed container ${container.name} in pod ${podText(w.pod)}`,
      );
    }
    w.waiting.set(container.name, { reason: 'CrashLoopBackOff', message });
    w.later(waitMs);
    return true;
  }

  async #failed(container: Container, failure: StartFailure): Promise<void> {
    const w = this.#worker;
    w.waiting.set(container.name, { reason: failure.reason, message: failure.message });
    if (failure.containerId) {
      if (failure.reason === 'PostStartHookError')
        await killContainer(w.deps, {
          pod: w.pod,
          status: { id: failure.containerId, name: container.name },
          message: 'FailedPostStartHook',
          reason: '',
          podIP: w.podIP,
        });
      await w.reread(failure.containerId);
      w.wake(); // its end is a reason to look again: back-off decides when it starts anew
      return;
    }
    // The runtime may hold what it could not finish: the next try must see it, and take another
    // name.
    if (failure.reason === 'CreateContainerError') w.forget();
    w.later(failure.retryMs ?? createRetryMs);
  }

  /** Takes away what nobody can ask for any more, once it is clear what has come in its place. */
  async prune(): Promise<void> {
    const w = this.#worker;
    const { containers, sandboxes } = surplusOf(w.runtime);
    if (containers.length + sandboxes.length === 0) return;
    for (const old of containers) await this.#remove(old);
    for (const old of sandboxes) await removeSandbox(w.deps, old.id);
    w.runtime = {
      sandboxes: w.runtime.sandboxes.filter((s) => !sandboxes.includes(s)),
      containers: w.runtime.containers.filter((c) => !containers.includes(c)),
    };
  }

  async #remove(old: RuntimeContainer): Promise<void> {
    const { deps } = this.#worker;
    await ifThere(deps.cri.removeContainer({ containerId: old.id }));
    if (old.logPath) await removeLog(deps, old.logPath);
    await unlinkLogs(deps, this.#worker.pod, old.id);
  }
}
