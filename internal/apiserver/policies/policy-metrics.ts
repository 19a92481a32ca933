export interface Checked {
  policy: string;
  binding: string;
  /** The action on it; changes have none. */
  action?: string;
  message: string;
  tookMs: number;
}

/** Upstream's buckets, in seconds. */
const bounds = [0.0000005, 0.001, 0.01, 0.1, 1];
/**
 * A policy and a binding have four actions and four errors at most; a cluster has a few dozen of
 * them.
 */
const maxSeries = 2000;

interface Series {
  labels: string;
  buckets: number[];
  count: number;
  seconds: number;
}

/**
 * apiserver_{validating,mutating}_admission_policy_*: what policies found, by policy, binding and
 * what was done about it.
 */
export class PolicyMetrics {
  readonly #sort: string;
  readonly #series = new Map<string, Series>();

  constructor(sort: 'validating' | 'mutating') {
    this.#sort = sort;
  }

  observe({ policy, binding, action, message, tookMs }: Checked): void {
    const labels =
      `${action === undefined ? '' : `enforcement_action="${action}",`}` +
      `error_type="${errorType(message)}",policy="${policy}",policy_binding="${binding}"`;
    let series = this.#series.get(labels);
    if (!series) {
      if (this.#series.size >= maxSeries) return;
      this.#series.set(
        labels,
        (series = { labels, buckets: bounds.map(() => 0), count: 0, seconds: 0 }),
      );
    }
    const seconds = tookMs / 1000;
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.count++;
    series.seconds += seconds;
  }

  lines(): string[] {
    if (this.#series.size === 0) return [];
    const total = `apiserver_${this.#sort}_admission_policy_check_total`;
    const duration = `apiserver_${this.#sort}_admission_policy_check_duration_seconds`;
    const all = [...this.#series.values()];
    return [
      `# TYPE ${total} counter`,
      ...all.map(({ labels, count }) => `${total}{${labels}} ${count}`),
      `# TYPE ${duration} histogram`,
      ...all.flatMap(({ labels, buckets, count, seconds }) => {
        let sum = 0;
        const rows = bounds.map(
          (bound, i) => `${duration}_bucket{${labels},le="${bound}"} ${(sum += buckets[i] ?? 0)}`,
        );
        return [
          ...rows,
          `${duration}_bucket{${labels},le="+Inf"} ${count}`,
          `${duration}_sum{${labels}} ${seconds}`,
          `${duration}_count{${labels}} ${count}`,
        ];
      }),
    ];
  }
}

/** By the words of the finding, as upstream does. */
function errorType(message: string): string {
  if (message === '') return 'no_error';
  if (message.startsWith('compilation')) return 'compile_error';
  return message.startsWith('validation failed due to running out of cost budget')
    ? 'out_of_budget'
    : 'invalid_error';
}
