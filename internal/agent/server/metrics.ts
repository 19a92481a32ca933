import { MetricsText } from '../../base/metrics/metrics-text.ts';
import type { VolumeUsage } from '../volumes/volume-usage.ts';
import type { NodeUsage } from './stats.ts';
import type { ContainerUsage, PodUsage, TerminatedSample } from './node-view.ts';

const seconds = (nanoseconds: number): number => nanoseconds / 1e9;
const ms = (iso: string): number => Date.parse(iso);

type Row = { pod: PodUsage; c: ContainerUsage; labels: Record<string, string> };

function rows(pods: PodUsage[]): Row[] {
  return pods.flatMap((pod) =>
    pod.containers.map((c) => ({
      pod,
      c,
      labels: { container: c.name, namespace: pod.namespace, pod: pod.name },
    })),
  );
}

/** /metrics/resource: what metrics-server reads. */
export function resourceMetrics(node: NodeUsage, pods: PodUsage[]): string {
  const all = rows(pods);
  const podLabels = (pod: PodUsage): Record<string, string> => ({
    namespace: pod.namespace,
    pod: pod.name,
  });
  const at = (pod: PodUsage): number => ms(pod.containers[0]?.at ?? pod.startTime);
  const sum = (pod: PodUsage, of: (c: ContainerUsage) => number): number =>
    pod.containers.reduce((s, c) => s + of(c), 0);
  const live = pods.filter((p) => p.containers.length > 0);
  return new MetricsText()
    .family(
      'container_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the container in core-seconds',
      all.map((r) => [r.labels, seconds(r.c.cpuNanoseconds), ms(r.c.at)]),
    )
    .family(
      'container_memory_working_set_bytes',
      'gauge',
      'Current working set of the container in bytes',
      all.map((r) => [r.labels, r.c.workingSetBytes, ms(r.c.at)]),
    )
    .family(
      'container_start_time_seconds',
      'gauge',
      'Start time of the container since unix epoch in seconds',
      all.map((r) => [r.labels, ms(r.c.startTime) / 1000]),
    )
    .family(
      'node_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the node in core-seconds',
      [[{}, seconds(node.cpuNanoseconds), ms(node.at)]],
    )
    .family('node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes', [
      [{}, node.workingSetBytes, ms(node.at)],
    ])
    .family(
      'pod_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the pod in core-seconds',
      live.map((p) => [podLabels(p), seconds(sum(p, (c) => c.cpuNanoseconds)), at(p)]),
    )
    .family(
      'pod_memory_working_set_bytes',
      'gauge',
      'Current working set of the pod in bytes',
      live.map((p) => [podLabels(p), sum(p, (c) => c.workingSetBytes), at(p)]),
    )
    .family(
      'resource_scrape_error',
      'gauge',
      '1 if there was an error while getting container metrics, 0 otherwise',
      [[{}, 0]],
    )
    .toString();
}

const volumeGauges: [name: string, help: string, of: (volume: VolumeUsage) => number][] = [
  ['capacity_bytes', 'Capacity in bytes of the volume', (v) => v.capacityBytes],
  ['available_bytes', 'Number of available bytes in the volume', (v) => v.availableBytes],
  ['used_bytes', 'Number of used bytes in the volume', (v) => v.capacityBytes - v.availableBytes],
  ['inodes', 'Maximum number of inodes in the volume', (v) => v.inodes],
  ['inodes_free', 'Number of free inodes in the volume', (v) => v.inodesFree],
  ['inodes_used', 'Number of used inodes in the volume', (v) => v.inodes - v.inodesFree],
];

/** /metrics: the agent itself. */
export function agentMetrics(own: {
  cpuSeconds: number;
  residentBytes: number;
  startSeconds: number;
  pods: number;
  containers: number;
  terminated: TerminatedSample[];
  volumes: VolumeUsage[];
  version: string;
  nodeName: string;
  mounted: [plugin: string, count: number][];
}): string {
  const text = new MetricsText();
  for (const [name, help, of] of volumeGauges)
    text.family(
      `kubelet_volume_stats_${name}`,
      'gauge',
      `[ALPHA] ${help}`,
      // A claim that two pods share is one.
      [...new Map(own.volumes.map((v) => [`${v.namespace}/${v.claim}`, v])).values()].map((v) => [
        { namespace: v.namespace, persistentvolumeclaim: v.claim },
        of(v),
      ]),
    );
  return text
    .family(
      'process_cpu_seconds_total',
      'counter',
      'Total user and system CPU time spent in seconds.',
      [[{}, own.cpuSeconds]],
    )
    .family('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', [
      [{}, own.residentBytes],
    ])
    .family(
      'process_start_time_seconds',
      'gauge',
      'Start time of the process since unix epoch in seconds.',
      [[{}, own.startSeconds]],
    )
    .family('kubelet_node_name', 'gauge', "[ALPHA] The node's name. The count is always 1.", [
      [{ node: own.nodeName }, 1],
    ])
    .family(
      'volume_manager_total_volumes',
      'gauge',
      '[ALPHA] Number of volumes in Volume Manager',
      own.mounted.map(([plugin, count]) => [
        { plugin_name: plugin, state: 'actual_state_of_world' },
        count,
      ]),
    )
    .family('kubelet_running_pods', 'gauge', 'Number of pods that have a running pod sandbox', [
      [{}, own.pods],
    ])
    .family('kubelet_running_containers', 'gauge', 'Number of containers currently running', [
      [{ container_state: 'running' }, own.containers],
    ])
    .family(
      'kubelet_terminated_containers_total',
      'counter',
      'Cumulative number of containers terminated',
      own.terminated.map(({ count, ...labels }) => [labels, count]),
    )
    .family(
      'kubernetes_build_info',
      'gauge',
      'A metric with a constant 1 value labeled by version.',
      [
        [
          {
            git_version: own.version,
            platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
          },
          1,
        ],
      ],
    )
    .toString();
}

/** /metrics/slis: the results of health checks. */
export function healthMetrics(checks: Record<string, boolean>): string {
  const rows = Object.entries(checks);
  return new MetricsText()
    .family(
      'kubernetes_healthcheck',
      'gauge',
      '[STABLE] This metric records the result of a single healthcheck.',
      rows.map(([name, well]) => [{ name, type: 'healthz' }, well ? 1 : 0]),
    )
    .toString();
}
