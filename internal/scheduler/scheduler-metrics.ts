import { growing, type MetricSet } from '../base/metrics/metric-set.ts';
import type { QueuedPod } from './queue/queued-pod.ts';

type Result = 'scheduled' | 'unschedulable' | 'error';

const attemptBounds = growing(0.001, 2, 15);
const podBounds = growing(0.01, 2, 20);
const roundBounds = growing(1, 2, 5);

/** What a scheduler tells of its work, in kube-scheduler's names. */
export class SchedulerMetrics {
  readonly #now: () => number;
  readonly #attempts;
  readonly #attemptTook;
  readonly #algorithmTook;
  readonly #podTook;
  readonly #rounds;

  constructor(set: MetricSet, clock: { monotonicMs(): number }) {
    this.#now = () => clock.monotonicMs();
    this.#attempts = set.counter(
      'scheduler_schedule_attempts_total',
      '[STABLE] Number of attempts to schedule pods, by the result',
    );
    this.#attemptTook = set.histogram(
      'scheduler_scheduling_attempt_duration_seconds',
      '[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)',
      attemptBounds,
    );
    this.#algorithmTook = set.histogram(
      'scheduler_scheduling_algorithm_duration_seconds',
      '[ALPHA] Scheduling algorithm latency in seconds',
      attemptBounds,
    );
    this.#podTook = set.histogram(
      'scheduler_pod_scheduling_sli_duration_seconds',
      '[BETA] E2e latency for a pod being scheduled, from the time it enters the queue',
      podBounds,
    );
    this.#rounds = set.histogram(
      'scheduler_pod_scheduling_attempts',
      '[STABLE] Number of attempts to successfully schedule a pod',
      roundBounds,
    );
  }

  began(): number {
    return this.#now();
  }

  searched({ beganAt }: QueuedPod): void {
    this.#algorithmTook.observe((this.#now() - beganAt) / 1000);
  }

  attempted({ profile, beganAt }: QueuedPod, result: Result): void {
    const labels = { profile: profile.schedulerName, result };
    this.#attempts.add(labels);
    this.#attemptTook.observe((this.#now() - beganAt) / 1000, labels);
  }

  /** `queuedMs`: how long ago the pod came in. */
  bound({ attempts }: QueuedPod, queuedMs: number): void {
    // Upstream's counts end at 16 for the same reason: a label for each would be without end.
    const label = attempts >= 16 ? '16+' : String(attempts);
    this.#podTook.observe(Math.max(0, queuedMs) / 1000, { attempts: label });
    this.#rounds.observe(attempts);
  }
}
