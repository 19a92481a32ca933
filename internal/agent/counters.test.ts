import { describe, expect, it } from 'vitest';
import type { Disk } from '../io/disk.ts';
import { partOf } from '../base/testing/part-of.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import { diskNames, readCounters, readNetwork } from './counters.ts';
import { cadvisorMetrics } from './server/cadvisor.ts';
import type { Counters, PodDetail } from './server/node-view.ts';

const at = '2026-01-01T00:00:00.000Z';

/** A machine with these files, cgroups of one version below /cg. */
function machine(version: 1 | 2, files: Record<string, string>) {
  return {
    disk: partOf<Disk>({
      readIfThere: (_op: string, path: string) =>
        Promise.resolve(files[path] === undefined ? undefined : Buffer.from(files[path])),
    }),
    cgroups: partOf<Cgroups>({
      version,
      pathOf: (group: string, controller: string) =>
        version === 1 ? `/cg/${controller}${group}` : `/cg${group}`,
    }),
  };
}

describe('what the kernel counts of a container', () => {
  it('is read from control groups of version 1', async () => {
    const doors = machine(1, {
      '/cg/cpu/p/c/cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n',
      '/cg/cpuacct/p/c/cpuacct.stat': 'user 7\nsystem 3\n',
      '/cg/memory/p/c/memory.stat': 'cache 1\ntotal_cache 4096\ntotal_swap 8\n',
      '/cg/memory/p/c/memory.limit_in_bytes': '9223372036854771712\n',
      '/cg/cpu/p/c/cpu.cfs_quota_us': '20000\n',
      '/cg/cpu/p/c/cpu.cfs_period_us': '100000\n',
      '/cg/blkio/p/c/blkio.throttle.io_service_bytes':
        '8:0 Read 100\n8:0 Write 50\n8:0 Sync 0\n8:0 Total 150\nTotal 150\n',
      '/cg/blkio/p/c/blkio.throttle.io_serviced': '8:0 Read 2\n8:0 Write 1\nTotal 3\n',
    });
    expect(await readCounters(doors, '/p/c')).toMatchObject({
      userNanoseconds: 7e7,
      systemNanoseconds: 3e7,
      periods: 10,
      throttledPeriods: 4,
      throttledNanoseconds: 5000,
      cacheBytes: 4096,
      swapBytes: 8,
      memoryLimitBytes: 0,
      quotaMicros: 20000,
      devices: [{ device: '8:0', readBytes: 100, writtenBytes: 50, reads: 2, writes: 1 }],
    });
  });

  it('is read from control groups of version 2', async () => {
    const doors = machine(2, {
      '/cg/p/c/cpu.stat':
        'user_usec 5\nsystem_usec 4\nnr_periods 3\nnr_throttled 1\nthrottled_usec 2\n',
      '/cg/p/c/cpu.max': 'max 100000\n',
      '/cg/p/c/memory.max': '1048576\n',
      '/cg/p/c/memory.stat': 'anon 5\nfile 4096\n',
      '/cg/p/c/io.stat': '259:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n',
    });
    const counters = await readCounters(doors, '/p/c');
    expect(counters).toMatchObject({
      userNanoseconds: 5000,
      systemNanoseconds: 4000,
      throttledNanoseconds: 2000,
      cacheBytes: 4096,
      memoryLimitBytes: 1048576,
      devices: [{ device: '259:0', readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 }],
    });
    expect(counters).not.toHaveProperty('quotaMicros');
  });

  it('is nothing when the container has just ended', async () => {
    const counters = await readCounters(machine(2, {}), '/p/c');
    expect(Object.values(counters).filter((v) => typeof v === 'number' && v !== 0)).toEqual([]);
  });
});

it('interfaces are those that a process of the pod sees', async () => {
  const doors = machine(2, {
    '/cg/p/s/cgroup.procs': '41\n42\n',
    '/proc/41/net/dev':
      'Inter-| Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n' +
      '  eth0: 100 5 1 2 0 0 0 0 200 6 3 4 0 0 0 0\n',
  });
  expect(await readNetwork(doors, '/p/s')).toEqual([
    {
      name: 'eth0',
      rx: { bytes: 100, packets: 5, errors: 1, dropped: 2 },
      tx: { bytes: 200, packets: 6, errors: 3, dropped: 4 },
    },
  ]);
  expect(await readNetwork(machine(2, {}), '/p/s')).toEqual([]);
});

it('disks have their names', async () => {
  const { disk } = machine(1, {
    '/proc/partitions': 'major minor  #blocks  name\n\n 254        0   1000 vda\n',
  });
  expect(await diskNames(disk)).toEqual(new Map([['254:0', '/dev/vda']]));
});

it("cAdvisor's series have the labels that rules of Prometheus join by", () => {
  const counters = { periods: 3, devices: [] } as Partial<Counters> as Counters;
  const container = {
    ...{ id: 'cid', name: 'c', image: 'registry/c:1', group: '/kubepods/poduid/cid', at },
    ...{ startTime: at, cpuNanoseconds: 2e9, workingSetBytes: 1, usageBytes: 1, rssBytes: 1 },
  };
  const one = { bytes: 7, packets: 1, errors: 0, dropped: 0 };
  const pod: PodDetail = {
    ...{ namespace: 'ns', name: 'p', uid: 'uid', startTime: at },
    ...{ group: '/kubepods/poduid/sid', sandboxId: 'sid', sandboxImage: 'pause:1' },
    interfaces: [{ name: 'eth0', rx: one, tx: one }],
    containers: [
      { ...container, counters: { ...counters, quotaMicros: 1000 } },
      { ...container, name: 'free', counters },
      { ...container, name: 'over', counters: undefined },
    ],
  };
  const lines = cadvisorMetrics([pod], { cpus: 4, memoryTotalBytes: 1024 }).split('\n');
  expect(lines).toContain(
    'container_cpu_usage_seconds_total{container="c",id="/kubepods/poduid/cid",' +
      'image="registry/c:1",name="cid",namespace="ns",pod="p"} 2 1767225600000',
  );
  expect(lines).toContain(
    'container_network_receive_bytes_total{container="",id="/kubepods/poduid/sid",' +
      'image="pause:1",interface="eth0",name="sid",namespace="ns",pod="p"} 7',
  );
  expect(lines).toContain('machine_cpu_cores 4');
  // Without a limit nothing is ever throttled, and a ratio of 0 to 0 says nothing.
  expect(lines.filter((line) => line.startsWith('container_cpu_cfs_periods_total{'))).toHaveLength(
    1,
  );
});
