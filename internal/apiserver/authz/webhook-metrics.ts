export type Result = 'success' | 'timeout' | 'error';

/** Prometheus' default buckets, which kube-apiserver uses for webhook_duration_seconds. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Durations {
  count: number;
  seconds: number;
  buckets: number[];
}

/**
 * apiserver_authorization_webhook_* and -match_condition_*, by the webhook's name. They outlive a
 * configuration.
 */
export class WebhookMetrics {
  readonly #durations = new Map<string, Durations>();
  readonly #failOpen = new Map<string, number>();
  readonly #excluded = new Map<string, number>();
  readonly #conditionErrors = new Map<string, number>();

  asked(name: string, result: Result, seconds: number): void {
    const labels = `name="${name}",result="${result}"`;
    const known = this.#durations.get(labels) ?? {
      count: 0,
      seconds: 0,
      buckets: bounds.map(() => 0),
    };
    known.count++;
    known.seconds += seconds;
    const at = bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) known.buckets[at] = (known.buckets[at] ?? 0) + 1;
    this.#durations.set(labels, known);
  }

  failedOpen(name: string, result: Result): void {
    bump(this.#failOpen, `name="${name}",result="${result}"`);
  }

  excluded(name: string): void {
    bump(this.#excluded, `type="Webhook",name="${name}"`);
  }

  conditionFailed(name: string): void {
    bump(this.#conditionErrors, `type="Webhook",name="${name}"`);
  }

  lines(): string[] {
    const prefix = 'apiserver_authorization_';
    const counter = (name: string, rows: Iterable<[string, number]>): string[] => [
      `# TYPE ${prefix}${name} counter`,
      ...[...rows].map(([labels, count]) => `${prefix}${name}{${labels}} ${count}`),
    ];
    const durations = [...this.#durations];
    return [
      ...counter(
        'webhook_evaluations_total',
        durations.map(([labels, { count }]) => [labels, count]),
      ),
      ...counter('webhook_evaluations_fail_open_total', this.#failOpen),
      ...counter('match_condition_exclusions_total', this.#excluded),
      ...counter('match_condition_evaluation_errors_total', this.#conditionErrors),
      `# TYPE ${prefix}webhook_duration_seconds histogram`,
      ...durations.flatMap(([labels, one]) =>
        histogram(`${prefix}webhook_duration_seconds`, labels, one),
      ),
    ];
  }
}

function histogram(name: string, labels: string, { count, seconds, buckets }: Durations): string[] {
  let sum = 0;
  const rows = bounds.map(
    (bound, i) => `${name}_bucket{${labels},le="${bound}"} ${(sum += buckets[i] ?? 0)}`,
  );
  return [
    ...rows,
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${seconds}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

function bump(map: Map<string, number>, labels: string): void {
  map.set(labels, (map.get(labels) ?? 0) + 1);
}
