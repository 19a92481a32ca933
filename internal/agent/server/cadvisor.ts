import { MetricsText, type Labels, type Sample } from '../../base/metrics/metrics-text.ts';
import type { ContainerDetail, Counters, NetworkCounters, PodDetail } from './node-view.ts';

const seconds = (nanoseconds: number): number => nanoseconds / 1e9;
const ms = (iso: string): number => Date.parse(iso);

interface Series {
  name: string;
  type?: 'counter';
  help: string;
  of(c: ContainerDetail): number | undefined;
}
const counted = (of: (counters: Counters) => number | undefined): Series['of'] => {
  return ({ counters }) => counters && of(counters);
};

/** One value for each container, in cAdvisor's names. */
const perContainer: Series[] = [
  {
    name: 'cpu_usage_seconds_total',
    type: 'counter',
    help: 'Cumulative cpu time consumed in seconds.',
    of: (c) => seconds(c.cpuNanoseconds),
  },
  {
    name: 'cpu_user_seconds_total',
    type: 'counter',
    help: 'Cumulative user cpu time consumed in seconds.',
    of: counted((n) => seconds(n.userNanoseconds)),
  },
  {
    name: 'cpu_system_seconds_total',
    type: 'counter',
    help: 'Cumulative system cpu time consumed in seconds.',
    of: counted((n) => seconds(n.systemNanoseconds)),
  },
  {
    name: 'cpu_cfs_periods_total',
    type: 'counter',
    help: 'Number of elapsed enforcement period intervals.',
    of: counted((n) => (n.quotaMicros === undefined ? undefined : n.periods)),
  },
  {
    name: 'cpu_cfs_throttled_periods_total',
    type: 'counter',
    help: 'Number of throttled period intervals.',
    of: counted((n) => (n.quotaMicros === undefined ? undefined : n.throttledPeriods)),
  },
  {
    name: 'cpu_cfs_throttled_seconds_total',
    type: 'counter',
    help: 'Total time duration the container has been throttled.',
    of: counted((n) => (n.quotaMicros === undefined ? undefined : seconds(n.throttledNanoseconds))),
  },
  {
    name: 'spec_cpu_quota',
    help: 'CPU quota of the container.',
    of: counted((n) => n.quotaMicros),
  },
  {
    name: 'spec_cpu_period',
    help: 'CPU period of the container.',
    of: counted((n) => n.periodMicros),
  },
  {
    name: 'spec_memory_limit_bytes',
    help: 'Memory limit for the container.',
    of: counted((n) => n.memoryLimitBytes),
  },
  {
    name: 'memory_working_set_bytes',
    help: 'Current working set in bytes.',
    of: (c) => c.workingSetBytes,
  },
  {
    name: 'memory_usage_bytes',
    help: 'Current memory usage in bytes, including all memory regardless of when it was accessed',
    of: (c) => c.usageBytes,
  },
  { name: 'memory_rss', help: 'Size of RSS in bytes.', of: (c) => c.rssBytes },
  {
    name: 'memory_cache',
    help: 'Number of bytes of page cache memory.',
    of: counted((n) => n.cacheBytes),
  },
  { name: 'memory_swap', help: 'Container swap usage in bytes.', of: counted((n) => n.swapBytes) },
  {
    name: 'memory_mapped_file',
    help: 'Size of memory mapped files in bytes.',
    of: counted((n) => n.mappedFileBytes),
  },
  {
    name: 'memory_max_usage_bytes',
    help: 'Maximum memory usage recorded in bytes',
    of: counted((n) => n.peakBytes),
  },
  {
    name: 'memory_failcnt',
    type: 'counter',
    help: 'Number of memory usage hits limits',
    of: counted((n) => n.memoryFailures),
  },
  {
    name: 'start_time_seconds',
    help: 'Start time of the container since unix epoch in seconds.',
    of: (c) => ms(c.startTime) / 1000,
  },
  {
    name: 'last_seen',
    help: 'Last time a container was seen by the exporter',
    of: (c) => Math.floor(ms(c.at) / 1000),
  },
  {
    name: 'threads',
    help: 'Number of threads running inside the container',
    of: counted((n) => n.processes),
  },
  {
    name: 'fs_usage_bytes',
    help: 'Number of bytes that are consumed by the container on this filesystem.',
    of: (c) => c.rootfsUsedBytes ?? 0,
  },
];

type Traffic = NetworkCounters['rx'];
const ways = { receive: 'rx', transmit: 'tx' } as const;
const perInterface: [name: string, help: string, of: (traffic: Traffic) => number][] = [
  ['bytes', 'Cumulative count of bytes', (t) => t.bytes],
  ['packets', 'Cumulative count of packets', (t) => t.packets],
  ['packets_dropped', 'Cumulative count of packets dropped', (t) => t.dropped],
  ['errors', 'Cumulative count of errors encountered', (t) => t.errors],
];

type Device = Counters['devices'][0];
const perDevice: [name: string, help: string, of: (device: Device) => number][] = [
  ['reads_total', 'Cumulative count of reads completed', (d) => d.reads],
  ['reads_bytes_total', 'Cumulative count of bytes read', (d) => d.readBytes],
  ['writes_total', 'Cumulative count of writes completed', (d) => d.writes],
  ['writes_bytes_total', 'Cumulative count of bytes written', (d) => d.writtenBytes],
];

/** /metrics/cadvisor: what the kernel counts of containers, under cAdvisor's names and labels. */
export function cadvisorMetrics(
  pods: PodDetail[],
  node: { cpus: number; memoryTotalBytes: number },
): string {
  const text = new MetricsText();
  const rows = pods.flatMap((pod) => pod.containers.map((c) => ({ c, labels: labelsOf(pod, c) })));
  for (const { name, type = 'gauge', help, of } of perContainer)
    text.family(`container_${name}`, type, help, known(rows, of));
  for (const [name, help, of] of perDevice)
    text.family(
      `container_fs_${name}`,
      'counter',
      help,
      rows.flatMap(({ c, labels }) =>
        (c.counters?.devices ?? []).map((device): Sample => {
          return [{ ...labels, device: device.device }, of(device), ms(c.at)];
        }),
      ),
    );
  for (const [way, field] of Object.entries(ways) as ['receive', 'rx'][])
    for (const [name, help, of] of perInterface)
      text.family(
        `container_network_${way}_${name}_total`,
        'counter',
        `${help} (${way})`,
        pods.flatMap((pod) =>
          pod.interfaces.map((one): Sample => [networkLabels(pod, one.name), of(one[field])]),
        ),
      );
  return text
    .family('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.', [[{}, node.cpus]])
    .family('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.', [
      [{}, node.memoryTotalBytes],
    ])
    .toString();
}

function known(rows: { c: ContainerDetail; labels: Labels }[], of: Series['of']): Sample[] {
  return rows.flatMap(({ c, labels }): Sample[] => {
    const value = of(c);
    return value === undefined ? [] : [[labels, value, ms(c.at)]];
  });
}

const labelsOf = (pod: PodDetail, c: ContainerDetail): Labels => ({
  container: c.name,
  id: c.group,
  image: c.image,
  name: c.id,
  namespace: pod.namespace,
  pod: pod.name,
});

/** An interface is the pod's, not one container's: it stands beside the sandbox. */
const networkLabels = (pod: PodDetail, name: string): Labels => ({
  container: '',
  id: pod.group,
  image: pod.sandboxImage,
  interface: name,
  name: pod.sandboxId,
  namespace: pod.namespace,
  pod: pod.name,
});
