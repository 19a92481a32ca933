import type { PodStatus } from '../api/generated/types/core-v1.ts';
import { msOf } from '../api/times.ts';
import { growing, MetricSet } from '../base/metrics/metric-set.ts';
import type { Clock } from '../io/clock.ts';

const startBounds = [
  ...[0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480],
  ...[600, 900, 1200, 1800, 2700, 3600],
];
const callBounds = growing(0.005, 2.5, 14);

export interface Probed {
  probe_type: string;
  result: 'successful' | 'failed' | 'unknown';
  container: string;
  namespace: string;
  pod: string;
  pod_uid: string;
}

/** What an agent does, counted in the kubelet's names. */
export class AgentMetrics {
  readonly own = new MetricSet();
  /** /metrics/probes. */
  readonly probes = new MetricSet();
  readonly #clock: Clock;
  readonly #calls;
  readonly #errors;
  readonly #took;
  readonly #started;
  readonly #probed;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#calls = this.own.counter(
      'kubelet_runtime_operations_total',
      '[ALPHA] Cumulative number of runtime operations by operation type.',
    );
    this.#errors = this.own.counter(
      'kubelet_runtime_operations_errors_total',
      '[ALPHA] Cumulative number of runtime operation errors by operation type.',
    );
    this.#took = this.own.histogram(
      'kubelet_runtime_operations_duration_seconds',
      '[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.',
      callBounds,
    );
    this.#started = this.own.histogram(
      'kubelet_pod_start_duration_seconds',
      '[ALPHA] Duration in seconds from kubelet seeing a pod for the first time to it running',
      startBounds,
    );
    this.#probed = this.probes.counter(
      'prober_probe_total',
      '[BETA] Cumulative number of probes of a container by type and result.',
    );
  }

  /** A call to the runtime, by its name in CRI: `runPodSandbox`. */
  called(name: string, tookMs: number, failed: boolean): void {
    const labels = { operation_type: operationOf(name) };
    this.#calls.add(labels);
    if (failed) this.#errors.add(labels);
    this.#took.observe(tookMs / 1000, labels);
  }

  /** A status that will be shown, after the one before. */
  shown(before: PodStatus | undefined, now: PodStatus): void {
    if (now.phase !== 'Running' || before?.phase === 'Running' || !now.startTime) return;
    this.#started.observe(Math.max(0, this.#clock.now() - msOf(now.startTime)) / 1000);
  }

  probed(labels: Probed): void {
    this.#probed.add({ ...labels });
  }
}

/** As the kubelet calls it: `run_podsandbox`. */
const operationOf = (name: string): string =>
  name
    .replace('PodSandbox', 'Podsandbox')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
