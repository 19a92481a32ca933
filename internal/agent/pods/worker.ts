import type { Pod, PodCondition, PodStatus } from '../../api/generated/types/core-v1.ts';
import { deepFreeze } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { Timer } from '../../io/clock.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import { podStatus } from '../status/pod-status.ts';
import { same } from '../status/status-patch.ts';
import { VolumesError } from '../volumes/volumes.ts';
import { Adoption, restoreBackOff } from './adoption.ts';
import { unlinkLogs } from './log-links.ts';
import { containerNamed, isFinished, isStatic, type PodRuntime } from './model.ts';
import type { PodDeps, Verdict } from './deps.ts';
import { contradicts, isNews } from './news.ts';
import { plan } from './plan.ts';
import { probeViews } from './probe-views.ts';
import { Resize } from './resize.ts';
import { removePod, stopPod, stopSandboxes } from './stop.ts';
import { Runner } from './runner.ts';
import { RuntimeView } from './runtime-view.ts';

export type WorkerPhase = 'running' | 'terminating' | 'terminated' | 'gone';

const firstRetryMs = 1000;
const sayAgainMs = 5000;
const longestRetryMs = 60_000;

/** One pod: brings the runtime to its spec, one pass at a time (see README.md). */
export class PodWorker {
  readonly uid: string;
  readonly deps: PodDeps;
  /** As the API (or the manifest) says it now. */
  pod: Pod;
  status: PodStatus;
  phase: WorkerPhase = 'running';
  readonly waiting = new Map<string, WaitingReason>();
  readonly restored: boolean;
  readonly #resize: Resize;
  readonly #runner: Runner;
  readonly #adoption: Adoption;
  #verdict: Verdict | undefined;
  readonly #view: RuntimeView;
  #running: Promise<void> | undefined;
  #woken = false;
  #stop = new AbortController();
  #saidAgainMs = -Infinity;
  #graceSeconds: number | undefined;
  #stopping: { graceSeconds: number | undefined } | undefined;
  #deleted = false;
  #retry: { timer: Timer; atMs: number } | undefined;
  #deadline: Timer | undefined;
  #failures = 0;
  #prepared = false;
  #looked = false;
  #mounted = false;
  #startTime: string;

  constructor(deps: PodDeps, pod: Pod, options: { restored: boolean; verdict?: Verdict }) {
    this.deps = deps;
    this.pod = pod;
    this.uid = pod.metadata.uid!;
    this.status = pod.status ?? {};
    this.restored = options.restored;
    this.#view = new RuntimeView(deps, this.uid, { known: !options.restored });
    this.#verdict = options.verdict;
    this.#startTime = pod.status?.startTime ?? timeOf(deps.clock.now());
    this.#resize = new Resize(deps, this);
    this.#runner = new Runner(this);
    this.#adoption = new Adoption(this);
    if (pod.metadata.deletionTimestamp || isFinished(pod) || options.verdict)
      this.#terminate(pod.metadata.deletionGracePeriodSeconds ?? undefined);
    this.wake();
  }

  /** What the runtime holds for the pod, as far as it is known. */
  get runtime(): PodRuntime {
    return this.#view.runtime;
  }

  set runtime(runtime: PodRuntime) {
    this.#view.runtime = runtime;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The pod with the resources that the node has granted. */
  get allocated(): Pod {
    return this.#resize.allocated;
  }

  /** Where probes and hooks reach the pod. */
  get podIP(): string {
    if (this.pod.spec.hostNetwork) return this.deps.hostIPs()[0] ?? '';
    return this.runtime.sandboxes[0]?.ips[0] ?? '';
  }

  update(pod: Pod): void {
    const before = this.pod;
    this.pod = pod;
    this.deps.volumes.update(pod);
    if (pod.metadata.deletionTimestamp)
      this.#terminate(pod.metadata.deletionGracePeriodSeconds ?? undefined);
    else if (isFinished(pod) && this.phase === 'running' && !isFinished(before))
      this.#terminate(undefined);
    if (isNews(before, pod)) this.wake();
  }

  /** The API object is gone (or the manifest was taken away). */
  remove(): void {
    this.#deleted = true;
    this.deps.writer.forget(this.uid);
    this.#terminate(this.pod.metadata.deletionGracePeriodSeconds ?? this.#graceSeconds);
    this.wake();
  }

  evict(verdict: Verdict): void {
    if (this.phase !== 'running' || this.#verdict) return;
    this.#verdict = verdict;
    this.#terminate(verdict.graceSeconds);
    this.wake();
  }

  /** A container of ours started, ended, or something was missed ('all'). */
  runtimeChanged(containerId?: string): void {
    this.#view.changed(containerId);
    this.wake();
  }

  /** Nothing leads to this sandbox any more: as if it had ended, the pod gets another. */
  cutOff(sandboxId: string): void {
    this.#view.cutOff(sandboxId);
    this.wake();
  }

  wake(): void {
    if (this.phase === 'gone') return;
    this.#woken = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#woken && this.phase !== 'gone') this.wake();
    });
  }

  /**
   * Wakes after a time. Several may wait for different times: the earliest counts, and the pass it
   * wakes asks again for the others.
   */
  later(delayMs: number): void {
    const atMs = this.deps.clock.monotonicMs() + delayMs;
    if (this.#retry && this.#retry.atMs <= atMs) return;
    this.#retry?.timer.cancel();
    const timer = this.deps.clock.after('pod.retry', delayMs, () => {
      this.#retry = undefined;
      this.wake();
    });
    this.#retry = { timer, atMs };
  }

  #forgetRetry(): void {
    this.#retry?.timer.cancel();
    this.#retry = undefined;
  }

  /** Stops all timers; containers stay as they are. */
  async leave(): Promise<void> {
    this.phase = 'gone';
    this.#stop.abort();
    this.#forgetRetry();
    this.#deadline?.cancel();
    this.deps.logs.sync(this.uid, []);
    await this.#running;
  }

  /** What is known of the runtime may be wrong: the next pass asks. */
  forget(): void {
    this.#view.changed();
  }

  reread(id: string, sandboxId?: string): Promise<void> {
    return this.#view.reread(id, sandboxId);
  }

  /**
   * Makes the volumes stand, once. For an adopted pod those that can, so that they are followed.
   */
  async mountVolumes({ adopted = false } = {}): Promise<void> {
    if (this.#mounted) return;
    try {
      await this.deps.volumes.mount(this.pod, { offline: this.deps.offline(), adopted });
      this.#mounted = true;
    } catch (error) {
      if (error instanceof VolumesError)
        for (const { message } of error.failures)
          this.deps.events.warning(this.pod, 'FailedMount', message);
      throw error;
    }
  }

  /** The pod's own control group, once in its life here. */
  async makeCgroup(): Promise<void> {
    if (this.#prepared) return;
    this.#prepared = true;
    try {
      await this.deps.cgroups.ensure(this.allocated);
    } catch (error) {
      this.#prepared = false;
      throw error;
    }
  }

  #terminate(graceSeconds: number | undefined): void {
    if (
      graceSeconds !== undefined &&
      (this.#graceSeconds === undefined || graceSeconds < this.#graceSeconds)
    )
      this.#graceSeconds = graceSeconds;
    if (this.phase === 'running') {
      this.phase = 'terminating';
      this.#stop.abort(new Error('the pod is terminating'));
      this.#forgetRetry();
      this.#deadline?.cancel();
    } else if (
      this.phase === 'terminating' &&
      this.#stopping &&
      this.#stopping.graceSeconds !== this.#graceSeconds
    ) {
      // The grace period became shorter while containers are being stopped: stop them again,
      // sooner.
      this.#stopping.graceSeconds = this.#graceSeconds;
      void stopPod(this.deps, this.pod, this.runtime, this.#graceSeconds).catch(() => undefined);
    }
  }

  async #loop(): Promise<void> {
    await Promise.resolve(); // the constructor of the caller must finish first
    while (this.#woken && this.phase !== 'gone') {
      this.#woken = false;
      try {
        await this.#pass();
        this.#failures = 0;
      } catch (error) {
        if (this.signal.aborted && this.phase === 'terminating' && this.#woken) continue;
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    if (this.phase === 'gone') return;
    // Whatever failed may have left something: nothing is taken for known.
    this.forget();
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures++);
    this.deps.log.warn('pod is not as it should be yet', {
      pod: `${this.pod.metadata.namespace}/${this.pod.metadata.name}`,
      error: messageOf(error),
      retryMs: delayMs,
    });
    this.later(delayMs);
  }

  async #pass(): Promise<void> {
    if (this.phase === 'terminated') return this.#finish();
    await this.#view.refresh();
    if (this.restored && !this.#looked) {
      this.#looked = true;
      this.#lookedFirst();
    }
    this.#tellAddresses();
    if (this.phase === 'terminating') return this.#end();
    this.#checkDeadline();
    this.#resize.decide();
    this.publish();
    if (this.phase !== 'running') return this.wake();
    if (this.#finalPhase()) {
      this.#terminate(undefined);
      return this.wake();
    }
    this.#adoption.look();
    const restarts = await this.#resize.apply();
    const verdictOf = (type: 'liveness' | 'startup') => (id: string) => {
      const result = this.deps.probes.result(id, type);
      return result === 'Success'
        ? ('success' as const)
        : result === 'Failure'
          ? ('failure' as const)
          : undefined;
    };
    const todo = plan({
      pod: this.allocated,
      runtime: this.runtime,
      liveness: verdictOf('liveness'),
      startup: verdictOf('startup'),
      resizeRestarts: restarts,
    });
    await this.#runner.carryOut(todo);
    await this.#runner.prune();
    this.publish();
    if (this.#finalPhase()) this.#terminate(undefined);
    if (this.phase !== 'running') this.wake();
  }

  #finalPhase(): boolean {
    const { phase } = podStatus(this.#statusInput());
    return phase === 'Succeeded' || phase === 'Failed';
  }

  /** After a restart of the agent nobody else knows the addresses of what runs. */
  #tellAddresses(): void {
    const sandbox = this.runtime.sandboxes[0];
    if (sandbox?.ready && sandbox.ips.length > 0 && !this.pod.spec.hostNetwork)
      this.deps.podAddresses.tell(this.pod, sandbox.ips);
  }

  /** The first look at a pod that an earlier life of the agent started. */
  #lookedFirst(): void {
    restoreBackOff(this.deps.backOff, this.uid, this.runtime);
    // A node that starts without the server has not been told when its pods began.
    const oldest = this.runtime.sandboxes.at(-1);
    if (!this.pod.status?.startTime && oldest)
      this.#startTime = timeOf(Number(oldest.createdAt / 1_000_000n));
  }

  #checkDeadline(): void {
    const seconds = this.pod.spec.activeDeadlineSeconds;
    if (seconds === undefined) return;
    const leftMs = msOf(this.#startTime) + seconds * 1000 - this.deps.clock.now();
    this.#deadline?.cancel();
    if (leftMs > 0)
      this.#deadline = this.deps.clock.after('pod.deadline', leftMs, () => this.wake());
    else
      this.evict({
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      });
  }

  #statusInput(terminal = false) {
    const { deps } = this;
    const spec = (name: string) => containerNamed(this.pod, name);
    const verdict =
      this.#verdict && terminal
        ? { phase: 'Failed' as const, reason: this.#verdict.reason, message: this.#verdict.message }
        : undefined;
    const extra: PodCondition[] = [
      ...this.#resize.conditions(),
      ...(this.#verdict?.condition ? [this.#verdict.condition] : []),
    ];
    return {
      pod: this.#resize.allocated,
      old: this.status,
      runtime: this.runtime,
      waiting: this.waiting,
      probes: {
        started: (id: string, name: string) => deps.probes.isStarted(spec(name)!, id),
        ready: (id: string, name: string) => deps.probes.isReady(spec(name)!, id),
      },
      hostIPs: deps.hostIPs(),
      now: timeOf(deps.clock.now()),
      startTime: this.#startTime,
      terminal,
      verdict,
      extra,
      resources: (c: { id: string; name: string }) => this.#resize.inForce(c.id, c.name),
    };
  }

  /** Makes the status anew and hands it on if it differs. */
  publish(terminal = false): void {
    if (this.#deleted) return;
    this.deps.probes.sync(this.pod, probeViews(this), this.podIP);
    this.deps.logs.sync(
      this.uid,
      this.runtime.containers.filter((c) => c.state === 'running'),
    );
    const next = podStatus(this.#statusInput(terminal));
    const running = this.runtime.containers.some(
      (c) => c.state === 'running' || c.state === 'unknown',
    );
    if (
      running &&
      (next.phase === 'Succeeded' || next.phase === 'Failed') &&
      !isFinished(this.pod)
    ) {
      // A final phase is told only when nothing runs any more.
      next.phase = this.status.phase ?? 'Pending';
      delete next.reason;
      delete next.message;
    }
    if (same(next, this.status) && this.status !== this.pod.status && !this.#saysAgain(next))
      return;
    this.status = deepFreeze(next);
    this.republish();
  }

  /**
   * Another writer has changed a condition of ours. Node lifecycle does so again and again while
   * the node is not ready: it is written back every 5 s at most.
   */
  #saysAgain(next: PodStatus): boolean {
    if (!contradicts(this.pod, next)) return false;
    const now = this.deps.clock.monotonicMs();
    const waitMs = this.#saidAgainMs + sayAgainMs - now;
    if (waitMs > 0) this.later(waitMs);
    else this.#saidAgainMs = now;
    return waitMs <= 0;
  }

  /** Shows the present status again, to a mirror pod that has just come. */
  republish(): void {
    const shown = isStatic(this.pod) ? this.deps.mirrorOf(this.pod) : this.pod;
    if (shown) this.deps.writer.put(shown, this.status);
  }

  async #end(): Promise<void> {
    const { deps } = this;
    if (
      this.runtime.containers.some((c) => c.state !== 'exited') ||
      this.runtime.sandboxes.some((s) => s.ready)
    ) {
      this.publish();
      this.#adoption.look();
      this.#stopping = { graceSeconds: this.#graceSeconds };
      await stopPod(
        deps,
        this.pod,
        this.runtime,
        this.#verdict ? (this.#graceSeconds ?? 1) : this.#graceSeconds,
      );
      this.#stopping = undefined;
      this.runtime = await deps.reader.pod(this.uid, this.runtime);
    } else await stopSandboxes(deps, this.runtime);
    if (this.runtime.containers.some((c) => c.state === 'running'))
      throw new Error('containers are still running');
    if (!this.runtime.sandboxes.some((s) => s.ready)) deps.podAddresses.forget(this.uid);
    this.publish(true);
    deps.probes.remove(this.uid);
    deps.logs.sync(this.uid, []);
    await this.#adoption.settled();
    await deps.releaseImages(this.pod);
    await deps.volumes.unmount(this.uid);
    // Evicted for want of room: writable layers and logs would keep what the node needs.
    if (this.#verdict?.reason === 'Evicted')
      await removePod(
        deps,
        this.uid,
        `${deps.facts().logRoot}/${this.pod.metadata.namespace}_${this.pod.metadata.name}` +
          `_${this.uid}`,
      );
    await deps.cgroups.remove(this.uid);
    deps.images.forget(this.uid);
    deps.backOff.forget(`${this.uid}/`);
    this.phase = 'terminated';
    this.wake();
  }

  /**
   * Everything has ended: the API object goes if its deletion was asked for, and then the last
   * traces.
   */
  async #finish(): Promise<void> {
    const { deps } = this;
    if (this.pod.metadata.deletionTimestamp && !this.#deleted && !isStatic(this.pod)) {
      await deps.writer.flushed(this.uid);
      await this.#deleteObject();
    }
    if (!this.#deleted) return;
    const { namespace, name } = this.pod.metadata;
    await removePod(deps, this.uid, `${deps.facts().logRoot}/${namespace}_${name}_${this.uid}`);
    await unlinkLogs(deps, this.pod);
    this.phase = 'gone';
    this.#forgetRetry();
    deps.writer.forget(this.uid);
    deps.done(this.uid);
  }

  async #deleteObject(): Promise<void> {
    const { namespace, name } = this.pod.metadata;
    try {
      await this.deps.client.delete(
        refs.pods,
        { namespace, name: name! },
        { gracePeriodSeconds: 0, preconditions: { uid: this.uid } },
      );
    } catch (error) {
      if (
        !(error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict'))
      )
        throw error;
    }
    // A finalizer may keep the object; the mirror tells when it is really gone.
    if ((this.pod.metadata.finalizers ?? []).length === 0) this.#deleted = true;
  }
}
