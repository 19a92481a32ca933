import { statfs } from '../../io/filesystem.ts';
import type { Disk } from '../../io/disk.ts';
import type { Clock } from '../../io/clock.ts';
import type { NodeUsage } from './stats.ts';

/** Kernel ticks a second as /proc/stat counts them on every Linux that skiff runs on (USER_HZ). */
const ticksPerSecond = 100;

/** Reads the node's counters from /proc and the file system that holds `dataDir`. */
export async function readNodeUsage(effects: {
  disk: Disk;
  clock: Clock;
  dataDir: string;
}): Promise<NodeUsage> {
  const read = async (path: string): Promise<string> =>
    (await effects.disk.readIfThere('stats.proc', path))?.toString() ?? '';
  const [stat, meminfo, net, pidMax] = await Promise.all([
    read('/proc/stat'),
    read('/proc/meminfo'),
    read('/proc/net/dev'),
    read('/proc/sys/kernel/pid_max'),
  ]);
  const memory = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const ticks = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? '').split(/\s+/).map(Number);
  // user, nice, system, irq, softirq, steal: all but idle and iowait.
  const busy = [0, 1, 2, 5, 6, 7].reduce((sum, i) => sum + (ticks[i] ?? 0), 0);
  const bootSeconds = Number(/^btime (\d+)/m.exec(stat)?.[1] ?? 0);
  const total = memory('MemTotal');
  const workingSetBytes =
    total - memory('MemFree') - memory('Inactive\\(file\\)') - memory('SReclaimable');
  return {
    at: new Date(effects.clock.now()).toISOString(),
    startTime: new Date(bootSeconds * 1000).toISOString(),
    cpus: stat.match(/^cpu\d+ /gm)?.length ?? 0,
    cpuNanoseconds: (busy / ticksPerSecond) * 1e9,
    memoryTotalBytes: total,
    memoryAvailableBytes: memory('MemAvailable'),
    workingSetBytes: Math.max(0, workingSetBytes),
    rssBytes: memory('AnonPages'),
    network: interfaces(net),
    fs: await statfs('stats.fs', effects.dataDir),
    pids: {
      most: Number(pidMax) || 0,
      now:
        Number(/^processes (\d+)/m.exec(stat)?.[1] ?? 0) &&
        countThreads(await read('/proc/loadavg')),
    },
  };
}

/** The fourth field of /proc/loadavg is `running/all` tasks. */
const countThreads = (loadavg: string): number => Number(loadavg.split(/[\s/]+/)[4] ?? 0);

/** Real interfaces: neither lo nor the pods' ends. */
function interfaces(procNetDev: string): NodeUsage['network'] {
  return procNetDev
    .split('\n')
    .slice(2)
    .map((line) => line.trim().split(/[:\s]+/))
    .filter(([name]) => name && name !== 'lo' && !/^(veth|cni|flannel)/.test(name))
    .map((f) => ({
      name: f[0] as string,
      rxBytes: Number(f[1]),
      rxErrors: Number(f[3]),
      txBytes: Number(f[9]),
      txErrors: Number(f[11]),
    }));
}
