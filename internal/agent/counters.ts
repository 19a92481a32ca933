import type { Disk } from '../io/disk.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import type { Counters, NetworkCounters } from './server/node-view.ts';

const op = 'counters';
/** /proc counts processor time in ticks of a hundredth of a second on every Linux (USER_HZ). */
const nanosecondsPerTick = 1e7;
const nanosecondsPerMicro = 1000;

type Read = (controller: string, file: string) => Promise<string>;

/** What the kernel counts of a container beyond what the runtime tells, where it counts it. */
export async function readCounters(
  { disk, cgroups }: { disk: Disk; cgroups: Cgroups },
  group: string,
): Promise<Counters> {
  const read: Read = async (controller, file) => {
    const dir = cgroups.pathOf(group, controller);
    const bytes = dir === undefined ? undefined : await disk.readIfThere(op, `${dir}/${file}`);
    return bytes?.toString() ?? '';
  };
  return cgroups.version === 1 ? await ofVersion1(read) : await ofVersion2(read);
}

async function ofVersion1(read: Read): Promise<Counters> {
  const [cpu, ticks, memory, peak, failures, bytes, operations, quota, period, limit, tasks] =
    await Promise.all([
      read('cpu', 'cpu.stat').then(fields),
      read('cpuacct', 'cpuacct.stat').then(fields),
      read('memory', 'memory.stat').then(fields),
      read('memory', 'memory.max_usage_in_bytes').then(Number),
      read('memory', 'memory.failcnt').then(Number),
      read('blkio', 'blkio.throttle.io_service_bytes'),
      read('blkio', 'blkio.throttle.io_serviced'),
      read('cpu', 'cpu.cfs_quota_us').then(Number),
      read('cpu', 'cpu.cfs_period_us').then(Number),
      read('memory', 'memory.limit_in_bytes').then(Number),
      read('pids', 'pids.current').then(Number),
    ]);
  const devices = new Map<string, Counters['devices'][0]>();
  const add = (
    text: string,
    names: { Read: 'readBytes' | 'reads'; Write: 'writtenBytes' | 'writes' },
  ) => {
    for (const [, device = '', way = '', value] of text.matchAll(
      /^(\d+:\d+) (Read|Write) (\d+)$/gm,
    )) {
      const row = devices.get(device) ?? { device, ...noTraffic };
      devices.set(device, { ...row, [names[way as 'Read' | 'Write']]: Number(value) });
    }
  };
  add(bytes, { Read: 'readBytes', Write: 'writtenBytes' });
  add(operations, { Read: 'reads', Write: 'writes' });
  return {
    userNanoseconds: (ticks.get('user') ?? 0) * nanosecondsPerTick,
    systemNanoseconds: (ticks.get('system') ?? 0) * nanosecondsPerTick,
    periods: cpu.get('nr_periods') ?? 0,
    throttledPeriods: cpu.get('nr_throttled') ?? 0,
    throttledNanoseconds: cpu.get('throttled_time') ?? 0,
    cacheBytes: memory.get('total_cache') ?? memory.get('cache') ?? 0,
    swapBytes: memory.get('total_swap') ?? memory.get('swap') ?? 0,
    mappedFileBytes: memory.get('total_mapped_file') ?? memory.get('mapped_file') ?? 0,
    peakBytes: peak,
    memoryFailures: failures,
    processes: tasks,
    ...(quota > 0 && { quotaMicros: quota, periodMicros: period }),
    // Without a limit it is the largest multiple of a page that fits.
    memoryLimitBytes: limit < Number.MAX_SAFE_INTEGER ? limit : 0,
    devices: [...devices.values()],
  };
}

async function ofVersion2(read: Read): Promise<Counters> {
  const [cpu, memory, swap, peak, events, io, max, limit, tasks] = await Promise.all([
    read('cpu', 'cpu.stat').then(fields),
    read('memory', 'memory.stat').then(fields),
    read('memory', 'memory.swap.current').then(Number),
    read('memory', 'memory.peak').then(Number),
    read('memory', 'memory.events').then(fields),
    read('io', 'io.stat'),
    read('cpu', 'cpu.max'),
    read('memory', 'memory.max'),
    read('pids', 'pids.current').then(Number),
  ]);
  const [quota = 0, period = 0] = max.split(/\s/).map(Number);
  return {
    userNanoseconds: (cpu.get('user_usec') ?? 0) * nanosecondsPerMicro,
    systemNanoseconds: (cpu.get('system_usec') ?? 0) * nanosecondsPerMicro,
    periods: cpu.get('nr_periods') ?? 0,
    throttledPeriods: cpu.get('nr_throttled') ?? 0,
    throttledNanoseconds: (cpu.get('throttled_usec') ?? 0) * nanosecondsPerMicro,
    cacheBytes: memory.get('file') ?? 0,
    swapBytes: swap,
    mappedFileBytes: memory.get('file_mapped') ?? 0,
    peakBytes: peak,
    memoryFailures: events.get('max') ?? 0,
    processes: tasks,
    ...(quota > 0 && { quotaMicros: quota, periodMicros: period }),
    memoryLimitBytes: Number(limit) || 0,
    devices: [...io.matchAll(/^(\d+:\d+) (.*)$/gm)].map(([, device = '', rest = '']) => {
      const of = fields(rest.replaceAll(' ', '\n').replaceAll('=', ' '));
      return {
        device,
        readBytes: of.get('rbytes') ?? 0,
        reads: of.get('rios') ?? 0,
        writtenBytes: of.get('wbytes') ?? 0,
        writes: of.get('wios') ?? 0,
      };
    }),
  };
}

const noTraffic = { readBytes: 0, reads: 0, writtenBytes: 0, writes: 0 };

/** Lines of a name and a number. */
function fields(text: string): Map<string, number> {
  return new Map(
    [...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  );
}

/** The interfaces of a pod, as one of its processes sees them; none when it has no process. */
export async function readNetwork(
  { disk, cgroups }: { disk: Disk; cgroups: Cgroups },
  sandboxGroup: string,
): Promise<NetworkCounters[]> {
  const dir = cgroups.pathOf(sandboxGroup, 'memory');
  const procs = dir === undefined ? undefined : await disk.readIfThere(op, `${dir}/cgroup.procs`);
  const pid = /^\d+/.exec(procs?.toString() ?? '')?.[0];
  if (pid === undefined) return [];
  const table = await disk.readIfThere(op, `/proc/${pid}/net/dev`).catch(() => undefined);
  return (table?.toString() ?? '')
    .split('\n')
    .slice(2)
    .map((line) => line.trim().split(/[:\s]+/))
    .filter(([name]) => name && name !== 'lo')
    .map(([name = '', ...counts]) => {
      const at = (i: number): number => Number(counts[i] ?? 0);
      return {
        name,
        rx: { bytes: at(0), packets: at(1), errors: at(2), dropped: at(3) },
        tx: { bytes: at(8), packets: at(9), errors: at(10), dropped: at(11) },
      };
    });
}

/** The names of disks by their numbers: `8:0` is `/dev/sda`. */
export async function diskNames(disk: Disk): Promise<Map<string, string>> {
  const table = (await disk.readIfThere(op, '/proc/partitions'))?.toString() ?? '';
  return new Map(
    [...table.matchAll(/^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)$/gm)].map(([, major, minor, name]) => [
      `${major}:${minor}`,
      `/dev/${name}`,
    ]),
  );
}
