import { MetricsText, type HistogramRow } from '../../base/metrics/metrics-text.ts';
import { table } from '../../base/own.ts';
import { flowControlMetrics } from '../flowcontrol/metrics.ts';
import { PolicyMetrics } from '../policies/policy-metrics.ts';
import type { Core } from '../registry/core.ts';
import type { ApiServerOptions } from '../options.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { Authorization } from '../authz/authorization.ts';
import type { FlowControl } from '../flowcontrol/flow-control.ts';
import type { Exchange } from './exchange.ts';
import type { RequestInfo } from './request-info.ts';

/** kube-apiserver's upper bounds, in seconds; its service levels are told from the third on. */
const bounds = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3],
  ...[4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
];
const sliFrom = 2;
/** Label sets beyond this many are counted together: paths and resources come from outside. */
const maxSeries = 2000;

interface Series extends HistogramRow {
  count: number;
  sum: number;
  buckets: number[];
}

/** The parts of a server that have metrics. */
interface MetricSources {
  core: Core;
  options: ApiServerOptions;
  authorization: Authorization;
  flowControl: FlowControl;
  aggregator: { metrics(): string[] };
  audit: Auditor | undefined;
}

/**
 * Counts requests by verb, resource and code, in the names Prometheus rules for kube-apiserver
 * know.
 */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #terminated = new Map<string, number>();
  readonly #durations = new Map<string, Series>();
  readonly policies = new PolicyMetrics('validating');
  readonly mutations = new PolicyMetrics('mutating');
  watches = 0;

  count(exchange: Exchange, code: number, seconds: number): void {
    const { info } = exchange;
    const verb = info.isResource ? (verbs[info.verb] ?? info.verb.toUpperCase()) : info.method;
    const where =
      `group="${clean(info.group)}",version="${clean(info.version)}",` +
      `resource="${clean(info.resource)}",` +
      'subresource="' +
      `${clean(info.isResource ? info.subresource : (info.path.split('/')[1] ?? ''))}",` +
      `scope="${scopeOf(info)}",component="apiserver"`;
    const labels = `verb="${verb}",${where}`;
    bump(this.#requests, `${labels},code="${code}"`);
    if (code === 429) bump(this.#terminated, `${labels},code="${code}"`);
    if (info.verb === 'watch') return;
    let series = this.#durations.get(labels);
    if (!series) {
      if (this.#durations.size >= maxSeries) return;
      this.#durations.set(
        labels,
        (series = { labels, bounds, count: 0, sum: 0, buckets: bounds.map(() => 0) }),
      );
    }
    series.count++;
    series.sum += seconds;
    const at = bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) series.buckets[at] = (series.buckets[at] ?? 0) + 1;
  }

  text(server: MetricSources): string {
    const memory = process.memoryUsage.rss();
    const cpu = process.cpuUsage();
    const lines = [
      '# TYPE process_cpu_seconds_total counter',
      `process_cpu_seconds_total ${(cpu.user + cpu.system) / 1e6}`,
      '# TYPE process_start_time_seconds gauge',
      `process_start_time_seconds ${server.core.clock.now() / 1000 - process.uptime()}`,
      '# TYPE process_resident_memory_bytes gauge',
      `process_resident_memory_bytes ${memory}`,
      '# TYPE apiserver_storage_resource_version gauge',
      `apiserver_storage_resource_version ${server.core.store.revision}`,
      '# TYPE apiserver_longrunning_requests gauge',
      `apiserver_longrunning_requests{verb="WATCH"} ${this.watches}`,
      '# TYPE kubernetes_build_info gauge',
      'kubernetes_build_info{git_version="' +
        `${server.options.version?.gitVersion ?? 'v1.36.3+skiff'}"} 1`,
      '# TYPE apiserver_request_total counter',
    ];
    for (const [labels, value] of this.#requests)
      lines.push(`apiserver_request_total{${labels}} ${value}`);
    lines.push('# TYPE apiserver_request_terminations_total counter');
    for (const [labels, value] of this.#terminated)
      lines.push(`apiserver_request_terminations_total{${labels}} ${value}`);
    lines.push(...flowControlMetrics(server.flowControl));
    lines.push(...server.aggregator.metrics());
    lines.push(...server.authorization.metrics());
    lines.push(...this.policies.lines(), ...this.mutations.lines());
    lines.push(...(server.audit?.metrics() ?? []));
    return `${lines.join('\n')}\n${this.#histograms()}${server.options.metrics?.text() ?? ''}`;
  }

  /** Time that webhooks and queues take counts among the service levels, too: it is waited for. */
  #histograms(): string {
    const all = [...this.#durations.values()];
    return new MetricsText()
      .histogram(
        'apiserver_request_duration_seconds',
        '[STABLE] Response latency distribution in seconds',
        all,
      )
      .histogram(
        'apiserver_request_sli_duration_seconds',
        '[ALPHA] Response latency distribution in seconds, of which service levels are made',
        all.map((series) => withoutFirst(series, sliFrom)),
      )
      .toString();
  }
}

/** The same, with fewer bounds: what fell below the first of the rest counts there. */
function withoutFirst({ labels, buckets, count, sum }: Series, first: number): HistogramRow {
  const [below = 0, ...rest] = buckets.slice(first);
  const fewer = buckets.slice(0, first).reduce((all, one) => all + one, below);
  return { labels, bounds: bounds.slice(first), buckets: [fewer, ...rest], count, sum };
}

/** How much a request may touch, by which service levels differ. */
function scopeOf({ isResource, name, verb, namespace }: RequestInfo): string {
  if (name !== '' || verb === 'create') return 'resource';
  if (namespace !== '') return 'namespace';
  return isResource ? 'cluster' : '';
}

const verbs: Record<string, string> = table({
  create: 'POST',
  update: 'PUT',
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
});

const clean = (text: string): string => (/^[\w.-]{0,80}$/.test(text) ? text : 'other');

function bump(map: Map<string, number>, key: string): void {
  const known = map.get(key);
  if (known === undefined && map.size >= maxSeries) return;
  map.set(key, (known ?? 0) + 1);
}
