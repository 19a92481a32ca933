import type { Container, Pod, Probe } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import { runProbe, type ProbeDoors, type ProbeOutcome } from './run-probe.ts';

export type ProbeType = 'startup' | 'readiness' | 'liveness';
export type ProbeResult = 'Success' | 'Failure' | 'Unknown';

/** A container as the runtime shows it now. */
export interface ContainerView {
  containerId: string;
  running: boolean;
  /** Wall-clock time of its start. */
  startedAtMs: number;
  /** It ran before this agent did: what the API server said of it then still counts. */
  restored?: { started: boolean; ready: boolean };
}

/** What a worker reads of its pod, and tells about it. */
export interface WorkerPlace {
  pod(): Pod;
  podIP(): string;
  /** Startup is over, or was never asked for. */
  started(containerId: string): boolean;
  result(containerId: string, result: ProbeResult): void;
  /** It was put once, and this came of it. */
  probed(outcome: 'successful' | 'failed' | 'unknown'): void;
  /** An event about the container. */
  event(reason: 'Unhealthy' | 'ProbeWarning', message: string): void;
}

const initialResult: Record<ProbeType, ProbeResult> = {
  startup: 'Unknown',
  readiness: 'Failure',
  liveness: 'Success',
};
const title: Record<ProbeType, string> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};
/** A probe that could not be put is put again at once, this often in all. */
const mostTries = 3;
const firstEagerMs = 50;

/** One probe of one container of one pod, over all its restarts. */
export class ProbeWorker {
  readonly #type: ProbeType;
  readonly #container: Container;
  readonly #probe: Probe;
  readonly #place: WorkerPlace;
  readonly #doors: ProbeDoors;
  #view: ContainerView | undefined;
  #timer: Timer | undefined;
  #busy = false;
  #stopped = false;
  /**
   * Startup is decided, or a liveness failure was told: nothing to ask until there is a new
   * container.
   */
  #resting = false;
  #nextAtMs = 0;
  #last: ProbeResult | undefined;
  #run = 0;
  #everSucceeded = false;
  #eagerMs = firstEagerMs;

  constructor(options: {
    type: ProbeType;
    container: Container;
    probe: Probe;
    place: WorkerPlace;
    doors: ProbeDoors;
  }) {
    this.#type = options.type;
    this.#container = options.container;
    this.#probe = options.probe;
    this.#place = options.place;
    this.#doors = options.doors;
  }

  /** The container changed: another one, running or not. */
  show(view: ContainerView | undefined, jitterMs: number): void {
    const known = this.#view;
    this.#view = view;
    if (!view) return this.#rest();
    if (known?.containerId !== view.containerId) this.#begin(view, jitterMs);
    if (!view.running) {
      this.#rest();
      this.#place.result(view.containerId, 'Failure');
      return;
    }
    this.wake();
  }

  /** Something that this probe waits for may have come: startup, or the pod's end. */
  wake(): void {
    const view = this.#view;
    if (!view?.running || this.#stopped) return;
    if (this.#type !== 'readiness' && this.#place.pod().metadata.deletionTimestamp) {
      // Nothing restarts a container of a pod that is going away.
      this.#place.result(view.containerId, 'Success');
      this.#resting = true;
      return this.#rest();
    }
    if (this.#resting || this.#busy || this.#timer) return;
    if (this.#type !== 'startup' && !this.#place.started(view.containerId)) return;
    const { clock } = this.#doors;
    const delayMs = (this.#probe.initialDelaySeconds ?? 0) * 1000;
    // The runtime's start is a wall clock's, and that may have been set since.
    const untilEarliestMs = Math.min(delayMs, view.startedAtMs + delayMs - clock.now());
    this.#arm(Math.max(0, this.#nextAtMs - clock.monotonicMs(), untilEarliestMs));
  }

  stop(): void {
    this.#stopped = true;
    this.#rest();
  }

  #begin(view: ContainerView, jitterMs: number): void {
    this.#rest();
    this.#resting = false;
    this.#last = undefined;
    this.#run = 0;
    this.#everSucceeded = false;
    this.#eagerMs = firstEagerMs;
    this.#nextAtMs = this.#doors.clock.monotonicMs() + jitterMs;
    const { restored } = view;
    if (restored && this.#type === 'startup' && restored.started) {
      this.#place.result(view.containerId, 'Success');
      this.#resting = true;
    } else if (restored && this.#type === 'readiness' && restored.ready) {
      this.#everSucceeded = true;
      this.#place.result(view.containerId, 'Success');
    } else {
      this.#place.result(view.containerId, initialResult[this.#type]);
    }
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#doors.clock.after(`probe.${this.#type}`, delayMs, () => {
      this.#timer = undefined;
      void this.#ask();
    });
  }

  get #periodMs(): number {
    return (this.#probe.periodSeconds || 10) * 1000;
  }

  async #ask(): Promise<void> {
    const view = this.#view;
    if (!view || this.#busy) return;
    this.#busy = true;
    const startMs = this.#doors.clock.monotonicMs();
    const regular = startMs >= this.#nextAtMs;
    const outcome = await this.#try(view);
    this.#busy = false;
    if (this.#stopped || this.#view?.containerId !== view.containerId || !this.#view.running)
      return this.wake();
    if (regular) this.#nextAtMs = startMs + this.#periodMs;
    this.#judge(view, outcome, regular);
    if (this.#resting) return;
    if (this.#eager(outcome)) {
      const untilRegular = this.#nextAtMs - this.#doors.clock.monotonicMs();
      this.#arm(Math.max(0, Math.min(this.#eagerMs, untilRegular)));
      this.#eagerMs *= 2;
    } else {
      this.wake();
    }
  }

  /**
   * Servers need a moment to listen; only cheap probes are worth asking again within the period.
   */
  #eager(outcome: ProbeOutcome | Error): boolean {
    const quick = this.#type !== 'liveness' && !this.#everSucceeded && !this.#probe.exec;
    return (
      quick &&
      !(outcome instanceof Error) &&
      outcome.result === 'Failure' &&
      this.#eagerMs < this.#periodMs
    );
  }

  async #try(view: ContainerView): Promise<ProbeOutcome | Error> {
    const target = {
      probe: this.#probe,
      container: this.#container,
      containerId: view.containerId,
      podIP: this.#place.podIP(),
    };
    for (let tries = 1; ; tries++) {
      try {
        return await runProbe(target, this.#doors);
      } catch (error) {
        if (tries >= mostTries) return error instanceof Error ? error : new Error(messageOf(error));
      }
    }
  }

  #judge(view: ContainerView, outcome: ProbeOutcome | Error, regular: boolean): void {
    if (outcome instanceof Error) {
      this.#place.probed('unknown');
      this.#place.event(
        'Unhealthy',
        `${title[this.#type]} probe errored and resulted in unknown state: ${outcome.message}`,
      );
      return;
    }
    const result: ProbeResult = outcome.result === 'Failure' ? 'Failure' : 'Success';
    this.#place.probed(result === 'Failure' ? 'failed' : 'successful');
    if (result === 'Failure' && !regular) return;
    if (result === 'Failure')
      this.#place.event('Unhealthy', `${title[this.#type]} probe failed: ${outcome.output}`);
    if (outcome.result === 'Warning')
      this.#place.event('ProbeWarning', `${title[this.#type]} probe warning: ${outcome.output}`);
    if (result === 'Success') this.#everSucceeded = true;
    this.#run = this.#last === result ? this.#run + 1 : 1;
    this.#last = result;
    const threshold =
      result === 'Failure'
        ? (this.#probe.failureThreshold ?? 3)
        : (this.#probe.successThreshold ?? 1);
    if (this.#run < threshold) return;
    this.#place.result(view.containerId, result);
    if (this.#type === 'startup' || (this.#type === 'liveness' && result === 'Failure')) {
      this.#resting = true;
      this.#run = 0;
    }
  }
}
