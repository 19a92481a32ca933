import type { Container } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { podLogDirectory } from '../config/sandbox-config.ts';
import type { PodSandboxConfig } from '../../wire/cri/cri.ts';
import type { Kill } from './action-types.ts';
import type { Adoption } from './adoption.ts';
import { backOffKey, goDuration } from './back-off.ts';
import type { PodCell } from './cell.ts';
import { containerReference } from './container-reference.ts';
import { linkLog, removeLog, unlinkLogs } from './log-links.ts';
import { latest, podText, type RuntimeContainer } from './model.ts';
import { startOrWait } from './plan.ts';
import type { PerformPorts } from './ports.ts';
import type { Preparation } from './preparation.ts';
import { performResize } from './resize-running.ts';
import { allocatedPod, resourcesText } from './resize.ts';
import type { RuntimeView } from './runtime-view.ts';
import { postStart, startContainer, StartFailure, type StartInput } from './start-container.ts';
import { configFor, startSandbox } from './start-sandbox.ts';
import { judged, terminating } from './state.ts';
import type { Step } from './steps.ts';
import {
  ifThere,
  killContainer,
  removePod,
  removeSandbox,
  stopPod,
  stopSandboxes,
} from './stop.ts';
import { podIPOf, type Teller } from './tell.ts';

/**
 * A container whose configuration or creation failed is tried again after this, as with the
 * kubelet.
 */
const createRetryMs = 10_000;

/**
 * The last traces of a pod are removed once nothing has been started for `idleMs`, `leastMs` to
 * `mostMs` after its end: where one pod takes the place of another, the new one is started first.
 */
const removal = { leastMs: 150, idleMs: 30, mostMs: 5000 };

export interface PerformerParts {
  cell: PodCell;
  view: RuntimeView;
  teller: Teller;
  adoption: Adoption;
  preparation: Preparation;
}

type Of<Name extends Step['do']> = Extract<Step, { do: Name }>;

/** Performs the steps of one pod's plans. */
export class Performer {
  readonly #ports: PerformPorts;
  readonly #cell: PodCell;
  readonly #view: RuntimeView;
  readonly #parts: PerformerParts;
  #config: PodSandboxConfig | undefined;
  #endedMs: number | undefined;

  constructor(parts: PerformerParts, ports: PerformPorts) {
    this.#ports = ports;
    this.#parts = parts;
    this.#cell = parts.cell;
    this.#view = parts.view;
  }

  /** Resolves when the step is done. A failure means that nothing of the pod is known any more. */
  async perform(step: Step): Promise<void> {
    const { teller, adoption, preparation } = this.#parts;
    switch (step.do) {
      case 'tell':
        return teller.tell(step.allEnded);
      case 'end':
        return this.#end(step);
      case 'grant':
        return this.#grant(step);
      case 'adopt':
        return adoption.look();
      case 'resize':
        return performResize(this.#cell, this.#ports, step);
      case 'resized':
        return this.#resized();
      case 'stopPod':
        return this.#stopPod(step);
      case 'stopSandboxes':
        return stopSandboxes(this.#ports, this.#cell.state.runtime);
      case 'kill':
        return this.#kill(step.kills);
      case 'refuse':
        return this.#refuse(step);
      case 'prepare':
        await preparation.all();
        return this.#cell.signal.throwIfAborted();
      case 'createSandbox':
        return this.#createSandbox(step.attempt);
      case 'holdNetwork':
        return this.#holdNetwork();
      case 'wait':
        return this.#wait(step);
      case 'start':
        return this.#start(step.container);
      case 'prune':
        return this.#prune(step);
      case 'tearDown':
        return this.#tearDown(step.runtimeToo);
      case 'deleteObject':
        return this.#deleteObject();
      case 'forget':
        return this.#forget();
    }
  }

  #end({ verdict }: Of<'end'>): void {
    const { state } = this.#cell;
    this.#cell.change(verdict ? judged(state, verdict) : terminating(state, undefined));
    this.#cell.wake();
  }

  #grant({ resize, event }: Of<'grant'>): void {
    this.#cell.change({ resize });
    if (event) this.#ports.events[event.type](this.#cell.pod, event.reason, event.message);
  }

  #resized(): void {
    const { pod, state } = this.#cell;
    const allocated = allocatedPod(pod, state.resize);
    this.#ports.events.normal(
      allocated,
      'ResizeCompleted',
      `Pod resize completed: ${resourcesText(allocated)}`,
    );
    this.#cell.change({ resize: { ...state.resize, progress: undefined } });
  }

  async #stopPod({ why, graceSeconds, replaced }: Of<'stopPod'>): Promise<void> {
    const { pod, state } = this.#cell;
    if (why === 'end') this.#cell.change({ stopping: { graceSeconds: state.graceSeconds } });
    if (replaced)
      this.#ports.events.normal(
        pod,
        'SandboxChanged',
        'Pod sandbox changed, it will be killed and re-created.',
      );
    await stopPod(this.#ports, pod, state.runtime, graceSeconds);
    this.#cell.change({ stopping: undefined });
    await this.#view.readAll();
    if (why === 'end' && this.#cell.state.runtime.containers.some((c) => c.state === 'running'))
      throw new Error('containers are still running');
  }

  async #kill(kills: Kill[]): Promise<void> {
    await Promise.all(
      kills.map(async (kill) => {
        await this.#killOne(kill);
        await this.#view.reread(kill.id);
      }),
    );
  }

  #killOne({ id, name, message, reason }: Kill): Promise<void> {
    const { pod, state } = this.#cell;
    const podIP = podIPOf(pod, state, this.#ports.node.hostIPs());
    return killContainer(this.#ports, { pod, status: { id, name }, message, reason, podIP });
  }

  #refuse({ reason, message }: Of<'refuse'>): never {
    if (reason) this.#ports.events.warning(this.#cell.pod, reason, message);
    throw new Error(message);
  }

  async #createSandbox(attempt: number): Promise<void> {
    const cell = this.#cell;
    const { podAddresses, cniResults } = this.#ports;
    const uid = cell.pod.metadata.uid!;
    // The rules for its addresses are written while the sandbox is being started.
    let told = false;
    const stopExpecting = cniResults.expect(uid, (ips) => {
      told = true;
      // It is waited for, and its failure told, before the first container is started.
      podAddresses.hold(cell.pod, ips).catch(() => undefined);
    });
    const { sandbox, config } = await startSandbox(
      this.#ports,
      allocatedPod(cell.pod, cell.state.resize),
      { attempt, signal: cell.signal },
    )
      // First, so that nothing is told after it was taken back.
      .finally(stopExpecting)
      .catch((error: unknown) => {
        cell.change({ leastAttempt: attempt + 1 });
        if (told) podAddresses.forget(uid);
        throw error;
      });
    this.#config = config;
    const { runtime } = cell.state;
    cell.change({ runtime: { ...runtime, sandboxes: [sandbox, ...runtime.sandboxes] } });
  }

  /** Nothing of the pod runs before the node's rules for its addresses stand. */
  async #holdNetwork(): Promise<void> {
    const { pod, state, signal } = this.#cell;
    try {
      await this.#ports.podAddresses.hold(pod, state.runtime.sandboxes[0]?.ips ?? []);
    } catch (error) {
      const message = `network is not ready: ${messageOf(error)}`;
      this.#ports.events.warning(pod, 'NetworkNotReady', message);
      throw error;
    }
    signal.throwIfAborted();
  }

  /**
   * Starts one container. Its back-off is judged again: an instance may have been killed since the
   * plan was made. A failure becomes its waiting reason and does not hold up the others.
   */
  async #start(container: Container): Promise<void> {
    const cell = this.#cell;
    const { backOff, clock } = this.#ports;
    cell.signal.throwIfAborted();
    const key = backOffKey(cell.pod, container.name);
    const now = startOrWait(container, cell.state.runtime, {
      backOffMs: (_name, endedMs) => backOff.remainingMs(key, endedMs, clock.now()),
    });
    if (now.do === 'wait') return this.#wait(now);
    const last = cell.state.runtime.containers.find(
      (c) => c.name === container.name && c.state === 'exited',
    );
    if (last) backOff.next(key, Number(last.finishedAt / 1_000_000n));
    const input = this.#inputOf(container);
    try {
      const id = await startContainer(this.#ports, input);
      await this.#view.reread(id, input.sandboxId);
      this.#setWaiting(container, undefined);
      // What follows from the start (the next init container, an end that came before anybody knew
      // the id) has no event of its own.
      cell.wake();
      const made = latest(cell.state.runtime, container.name);
      if (made?.logPath) void linkLog(this.#ports, cell.pod, made);
      if (container.lifecycle?.postStart) {
        this.#parts.teller.tell(false);
        await postStart(this.#ports, input, id);
      }
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      await this.#startFailed(container, error);
    }
  }

  #inputOf(container: Container): StartInput {
    const { state, signal } = this.#cell;
    const pod = allocatedPod(this.#cell.pod, state.resize);
    const [sandbox] = state.runtime.sandboxes;
    const target = pod.spec.ephemeralContainers?.find(
      (e) => e.name === container.name,
    )?.targetContainerName;
    this.#config ??= configFor(this.#ports, pod, sandbox?.attempt ?? 0);
    return {
      pod,
      container,
      sandboxId: sandbox?.id ?? '',
      sandboxConfig: this.#config,
      podIPs: pod.spec.hostNetwork ? this.#ports.node.hostIPs() : (sandbox?.ips ?? []),
      restartCount: this.#restartCount(container),
      targetId: target ? latest(state.runtime, target)?.id : undefined,
      signal,
    };
  }

  #restartCount(container: Container): number {
    const { runtime, status } = this.#cell.state;
    const before = latest(runtime, container.name);
    if (before) return before.restartCount + 1;
    const told = [
      ...(status.containerStatuses ?? []),
      ...(status.initContainerStatuses ?? []),
    ].find((s) => s.name === container.name);
    return told?.containerID ? told.restartCount + 1 : (told?.restartCount ?? 0);
  }

  #setWaiting({ name }: Container, why: { reason: string; message: string } | undefined): void {
    const waiting = new Map(this.#cell.state.waiting);
    if (why) waiting.set(name, why);
    else waiting.delete(name);
    this.#cell.change({ waiting });
  }

  #wait({ container, waitMs }: Of<'wait'>): void {
    const { pod, state } = this.#cell;
    const backOffMs = this.#ports.backOff.current(backOffKey(pod, container.name));
    const message =
      `back-off ${goDuration(backOffMs)} restarting failed container=${container.name} ` +
      `pod=${podText(pod)}`;
    if (state.waiting.get(container.name)?.reason !== 'CrashLoopBackOff')
      this.#ports.events.warning(
        containerReference(pod, container),
        'BackOff',
        `Back-off restarting failed container ${container.name} in pod ${podText(pod)}`,
      );
    this.#setWaiting(container, { reason: 'CrashLoopBackOff', message });
    this.#cell.later(waitMs);
  }

  async #startFailed(container: Container, failure: StartFailure): Promise<void> {
    const { reason, message, containerId: id } = failure;
    this.#setWaiting(container, { reason, message });
    if (id) {
      if (reason === 'PostStartHookError')
        await this.#killOne({
          id,
          name: container.name,
          message: 'FailedPostStartHook',
          reason: '',
        });
      await this.#view.reread(id);
      this.#cell.wake(); // its end is a reason to look again: back-off decides when it starts over
      return;
    }
    // The runtime may hold what it could not finish: the next try must see it, and take another
    // name.
    if (reason === 'CreateContainerError') this.#view.changed();
    this.#cell.later(failure.retryMs ?? createRetryMs);
  }

  async #prune({ containers, sandboxes }: Of<'prune'>): Promise<void> {
    for (const old of containers) await this.#remove(old);
    for (const old of sandboxes) await removeSandbox(this.#ports, old.id);
    const gone = new Set([...containers, ...sandboxes].map(({ id }) => id));
    const { runtime } = this.#cell.state;
    this.#cell.change({
      runtime: {
        sandboxes: runtime.sandboxes.filter((s) => !gone.has(s.id)),
        containers: runtime.containers.filter((c) => !gone.has(c.id)),
      },
    });
  }

  async #remove(old: RuntimeContainer): Promise<void> {
    await ifThere(this.#ports.cri.removeContainer({ containerId: old.id }));
    if (old.logPath) await removeLog(this.#ports, old.logPath);
    await unlinkLogs(this.#ports, this.#cell.pod, old.id);
  }

  async #tearDown(runtimeToo: boolean): Promise<void> {
    const ports = this.#ports;
    const { pod, state } = this.#cell;
    const uid = pod.metadata.uid!;
    ports.probes.remove(uid);
    ports.logs.sync(uid, []);
    if (!state.runtime.sandboxes.some((s) => s.ready)) ports.podAddresses.forget(uid);
    await this.#parts.adoption.settled();
    await ports.volumes.unmount(uid);
    if (runtimeToo) await removePod(ports, uid, podLogDirectory(ports.node.facts().logRoot, pod));
    await ports.cgroups.remove(uid);
    ports.images.forget(uid);
    ports.backOff.forget(`${uid}/`);
    this.#cell.change({ phase: 'terminated' });
    this.#cell.wake();
  }

  async #deleteObject(): Promise<void> {
    const { pod } = this.#cell;
    await this.#ports.writer.flushed(pod.metadata.uid!);
    await this.#ports.objects.delete(pod);
    // A finalizer may keep the object; the mirror tells when it is really gone.
    if ((this.#cell.pod.metadata.finalizers ?? []).length > 0) return;
    this.#cell.change({ deleted: true });
    this.#cell.wake();
  }

  /** What is left of a pod waits for starts: somebody waits for those. */
  #removalWaitMs(): number {
    const { starts, clock, siblings } = this.#ports;
    const now = clock.monotonicMs();
    this.#endedMs ??= now;
    const waitedMs = now - this.#endedMs;
    if (waitedMs >= removal.mostMs || siblings.isAwaited(this.#cell.pod)) return 0;
    return Math.max(removal.leastMs - waitedMs, removal.idleMs - starts.idleMs);
  }

  async #forget(): Promise<void> {
    const ports = this.#ports;
    const { pod } = this.#cell;
    const uid = pod.metadata.uid!;
    const waitMs = this.#removalWaitMs();
    if (waitMs > 0) return this.#cell.later(waitMs);
    await removePod(ports, uid, podLogDirectory(ports.node.facts().logRoot, pod));
    await unlinkLogs(ports, pod);
    this.#cell.change({ phase: 'gone' });
    ports.writer.forget(uid);
    ports.siblings.done(uid);
  }
}
