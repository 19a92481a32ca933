import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { timeOf } from '../../api/times.ts';
import type { Timer } from '../../io/clock.ts';
import type { ProbeVerdict } from './action-types.ts';
import { Adoption, restoreBackOff } from './adoption.ts';
import { backOffKey } from './back-off.ts';
import type { PodCell } from './cell.ts';
import type { PodRuntime } from './model.ts';
import { isNews } from './news.ts';
import { Performer } from './perform.ts';
import { deadlineMs, plan, type PodWorld } from './plan.ts';
import type { PodPorts } from './ports.ts';
import { Preparation } from './preparation.ts';
import { allocatedPod, withInstances } from './resize.ts';
import { RuntimeView } from './runtime-view.ts';
import {
  firstState,
  judged,
  removed,
  updated,
  type LifePhase,
  type PodState,
  type Verdict,
} from './state.ts';
import { stopPod } from './stop.ts';
import { Teller } from './tell.ts';

const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/** One pod: brings the runtime to its spec, one pass at a time (see README.md). */
export class PodWorker {
  readonly uid: string;
  readonly #ports: PodPorts;
  readonly #cell: PodCell;
  readonly #view: RuntimeView;
  readonly #teller: Teller;
  readonly #performer: Performer;
  readonly #stop = new AbortController();
  #pod: Pod;
  #state: PodState;
  #running: Promise<void> | undefined;
  #woken = false;
  /** Whether there is more to show; undefined: nothing is being shown. */
  #toShow: boolean | undefined;
  #looked = false;
  #retry: { timer: Timer; atMs: number } | undefined;
  #deadline: Timer | undefined;
  #failures = 0;

  constructor(ports: PodPorts, pod: Pod, options: { restored: boolean; verdict?: Verdict }) {
    this.#ports = ports;
    this.#pod = pod;
    this.uid = pod.metadata.uid!;
    const { restored, verdict } = options;
    this.#state = firstState(pod, { restored, verdict, now: timeOf(ports.clock.now()) });
    if (this.#state.phase !== 'running') this.#end();
    this.#cell = this.#makeCell();
    this.#view = new RuntimeView(this.#cell, ports, (id) => this.runtimeChanged(id));
    this.#teller = new Teller(this.#cell, ports);
    const preparation = new Preparation(this.#cell, ports);
    const adoption = new Adoption(this.#cell, () => preparation.all({ adopted: true }), ports);
    this.#performer = new Performer(
      { cell: this.#cell, view: this.#view, teller: this.#teller, adoption, preparation },
      ports,
    );
    this.wake();
  }

  #makeCell(): PodCell {
    const pod = (): Pod => this.#pod;
    const state = (): PodState => this.#state;
    return {
      get pod() {
        return pod();
      },
      get state() {
        return state();
      },
      signal: this.#stop.signal,
      change: (fields) => this.#become({ ...this.#state, ...fields }),
      wake: () => this.wake(),
      later: (delayMs) => this.#later(delayMs),
    };
  }

  /** As the API (or the manifest) says it now. */
  get pod(): Pod {
    return this.#pod;
  }

  get phase(): LifePhase {
    return this.#state.phase;
  }

  /** What the runtime holds, as far as it is known. */
  get runtime(): PodRuntime {
    return this.#state.runtime;
  }

  /** The status that was made last. */
  get status(): PodStatus {
    return this.#state.status;
  }

  /** The pod with the resources that the node has granted. */
  get allocated(): Pod {
    return allocatedPod(this.#pod, this.#state.resize);
  }

  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    this.#ports.volumes.update(pod);
    this.#become(updated(this.#state, before, pod));
    if (isNews(before, pod)) this.wake();
  }

  /** The API object is gone (or the manifest was taken away). */
  remove(): void {
    this.#ports.writer.forget(this.uid);
    this.#become(removed(this.#state, this.#pod));
    this.wake();
  }

  evict(verdict: Verdict): void {
    const next = judged(this.#state, verdict);
    if (next === this.#state) return;
    this.#become(next);
    this.wake();
  }

  /** A container of ours started, ended, or something was missed (without an id). */
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
    if (this.#running && this.#state.stopping) void this.#showMeanwhile();
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#woken && this.phase !== 'gone') this.wake();
    });
  }

  /**
   * Containers may take minutes to stop, and the loop waits for them: what their probes say and
   * which of them have ended is shown all the same. Services go by it.
   */
  async #showMeanwhile(): Promise<void> {
    const isShowing = this.#toShow !== undefined;
    this.#toShow = true;
    if (isShowing) return;
    while (this.#toShow && this.#state.stopping) {
      this.#toShow = false;
      // What cannot be read now is read when they have stopped.
      await this.#view.refresh().catch(() => undefined);
      if (this.#state.stopping) this.#teller.tell(false);
    }
    this.#toShow = undefined;
  }

  /** Shows the present status again, to a mirror pod that has just come. */
  republish(): void {
    this.#teller.again();
  }

  /** Stops all timers; containers stay as they are. */
  async leave(): Promise<void> {
    this.#become({ ...this.#state, phase: 'gone' });
    this.#end();
    this.#ports.logs.sync(this.uid, []);
    await this.#running;
  }

  /** Takes a new state, with what follows from it at once. */
  #become(next: PodState): void {
    const before = this.#state;
    if (next.runtime !== before.runtime)
      next = { ...next, resize: withInstances(next.resize, this.#pod, next.runtime) };
    this.#state = next;
    if (before.phase === 'running' && next.phase !== 'running') this.#end();
    if (next.phase === 'gone') this.#forgetRetry();
    // The grace period became shorter while containers are being stopped: stop them again, sooner.
    if (
      next.phase === 'terminating' &&
      next.stopping &&
      next.stopping.graceSeconds !== next.graceSeconds
    ) {
      this.#state = { ...next, stopping: { graceSeconds: next.graceSeconds } };
      void stopPod(this.#ports, this.#pod, next.runtime, next.graceSeconds).catch(() => undefined);
    }
  }

  /** What was begun for a pod that should run is given up. */
  #end(): void {
    this.#stop.abort(new Error('the pod is terminating'));
    this.#forgetRetry();
    this.#deadline?.cancel();
  }

  /**
   * Wakes after a time. Several may wait for different times: the earliest counts, and the pass it
   * wakes asks again for the others.
   */
  #later(delayMs: number): void {
    const { clock } = this.#ports;
    const atMs = clock.monotonicMs() + delayMs;
    if (this.#retry && this.#retry.atMs <= atMs) return;
    this.#retry?.timer.cancel();
    const timer = clock.after('pod.retry', delayMs, () => {
      this.#retry = undefined;
      this.wake();
    });
    this.#retry = { timer, atMs };
  }

  #forgetRetry(): void {
    this.#retry?.timer.cancel();
    this.#retry = undefined;
  }

  async #loop(): Promise<void> {
    await Promise.resolve(); // the constructor of the caller must finish first
    while (this.#woken && this.phase !== 'gone') {
      this.#woken = false;
      try {
        await this.#pass();
        this.#failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted && this.phase === 'terminating' && this.#woken) continue;
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    if (this.phase === 'gone') return;
    // Whatever failed may have left something: nothing is taken for known.
    this.#view.changed();
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures++);
    this.#ports.log.warn('pod is not as it should be yet', {
      pod: `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`,
      error: messageOf(error),
      retryMs: delayMs,
    });
    this.#later(delayMs);
  }

  /** Reads what has changed, plans, and performs the plan while the pod is wanted as before. */
  async #pass(): Promise<void> {
    if (this.phase !== 'terminated') await this.#read();
    const { phase } = this.#state;
    const steps = plan(this.#state, this.#pod, this.#world());
    if (phase === 'running') this.#watchDeadline();
    for (const step of steps) {
      if (this.#state.phase !== phase) return this.wake();
      await this.#performer.perform(step);
    }
    if (this.phase === 'running' && this.#teller.finished()) this.wake();
    if (this.phase !== phase && this.phase !== 'gone') this.wake();
  }

  async #read(): Promise<void> {
    await this.#view.refresh();
    const { runtime, restored } = this.#state;
    if (restored && !this.#looked) {
      this.#looked = true;
      restoreBackOff(this.#ports.backOff, this.#pod, runtime);
      // A node that starts without the server has not been told when its pods began.
      const oldest = runtime.sandboxes.at(-1);
      if (!this.#pod.status?.startTime && oldest)
        this.#become({ ...this.#state, startTime: timeOf(Number(oldest.createdAt / 1_000_000n)) });
    }
    // After a restart of the agent nobody else knows the addresses of what runs.
    const [sandbox] = this.#state.runtime.sandboxes;
    if (sandbox?.ready && sandbox.ips.length > 0 && !this.#pod.spec.hostNetwork)
      this.#ports.podAddresses.tell(this.#pod, sandbox.ips);
  }

  #world(): PodWorld {
    const { clock, backOff, probes, node, readiness } = this.#ports;
    const verdictOf =
      (type: 'liveness' | 'startup') =>
      (id: string): ProbeVerdict => {
        const result = probes.result(id, type);
        return result === 'Success' ? 'success' : result === 'Failure' ? 'failure' : undefined;
      };
    const nowMs = clock.now();
    return {
      nowMs,
      liveness: verdictOf('liveness'),
      startup: verdictOf('startup'),
      backOffMs: (name, endedMs) =>
        backOff.remainingMs(backOffKey(this.#pod, name), endedMs, nowMs),
      finished: this.phase === 'running' && this.#teller.finished(),
      networkReady: readiness.network(),
      runtimeSettled: readiness.runtimeSettled(),
      allocatable: node.allocatable(),
      promised: (resource) => node.promised(this.uid, resource),
    };
  }

  #watchDeadline(): void {
    const leftMs = deadlineMs(this.#state, this.#pod) - this.#ports.clock.now();
    this.#deadline?.cancel();
    if (leftMs > 0 && leftMs < Infinity)
      this.#deadline = this.#ports.clock.after('pod.deadline', leftMs, () => this.wake());
  }
}
