import { partOf } from '../../base/testing/part-of.ts';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realTree } from '../../io/tree.ts';
import { broken, defaultEvictionHard, evictionMessage, rank, type Usage } from './eviction.ts';
import { ImageCollector } from './image-collector.ts';
import { LogRotation, rotateLog } from './log-rotation.ts';
import { startPressure, type EvictionPolicy } from './pressure.ts';
import type { Disk } from '../../io/disk.ts';

describe('log rotation', () => {
  it('keeps five files, the older ones compressed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'logs-'));
    const path = join(dir, '0.log');
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const options = {
      clock,
      disk: realDisk,
      tree: realTree,
      log: silentLog,
      reopen: () => writeFile(path, ''),
    };
    for (let i = 0; i < 7; i++) {
      await writeFile(path, `lines ${i}`);
      await rotateLog('c', path, options);
      await clock.advance(1000);
    }
    const names = (await readdir(dir)).sort();
    expect(names).toEqual([
      '0.log',
      '0.log.20260101-000003.gz',
      '0.log.20260101-000004.gz',
      '0.log.20260101-000005.gz',
      '0.log.20260101-000006',
    ]);
    expect(gunzipSync(await readFile(join(dir, '0.log.20260101-000004.gz'))).toString()).toBe(
      'lines 4',
    );
    await expect(
      rotateLog('c', path, { ...options, reopen: () => Promise.reject(new Error('no')) }),
    ).rejects.toThrow('no');
    expect(await readFile(path, 'utf8')).toBe('');
    await rm(dir, { recursive: true });
  });

  it('keeps every file of a flood, and packs none of it in the hurry', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'logs-'));
    const path = join(dir, '0.log');
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const options = {
      clock,
      disk: realDisk,
      tree: realTree,
      log: silentLog,
      hurry: true,
      reopen: () => writeFile(path, ''),
    };
    for (let i = 0; i < 7; i++) {
      await writeFile(path, `lines ${i}`);
      if (i === 5) clock.jump(-3600_000);
      await rotateLog('c', path, options);
    }
    const names = (await readdir(dir)).sort().slice(1);
    expect(names.length).toBe(4);
    expect(await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')))).toEqual([
      'lines 3',
      'lines 4',
      'lines 5',
      'lines 6',
    ]);
    await rm(dir, { recursive: true });
  });

  it('keeps fewer files when a flood made them larger than they should be', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'logs-'));
    const path = join(dir, '0.log');
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const options = {
      clock,
      disk: realDisk,
      tree: realTree,
      log: silentLog,
      hurry: true,
      maxBytes: 10,
      reopen: () => writeFile(path, ''),
    };
    const sizes = async (): Promise<number[]> =>
      Promise.all(
        (await readdir(dir))
          .sort()
          .slice(1)
          .map(async (name) => (await readFile(join(dir, name))).length),
      );
    const rotate = async (bytes: number): Promise<number[]> => {
      await writeFile(path, 'x'.repeat(bytes));
      await rotateLog('c', path, options);
      return await sizes();
    };
    for (let i = 0; i < 6; i++) await rotate(12);
    expect(await sizes()).toEqual([12, 12, 12, 12]);
    expect(await rotate(25)).toEqual([12, 12, 25]);
    expect(await rotate(25)).toEqual([25, 25]);
    const [packed, ...others] = await rotate(600);
    expect([packed! < 50, others]).toEqual([true, []]);
    expect((await readdir(dir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await rm(dir, { recursive: true });
  });

  /** A log of so many bytes, and whoever watches its folder. */
  const follow = async (maxBytes: number) => {
    const clock = new FakeClock();
    const state = {
      size: 0,
      looks: 0,
      largest: 0,
      tell: undefined as ((name: string) => void) | undefined,
    };
    const disk = partOf<Disk>({
      stat: () => (state.looks++, Promise.resolve({ size: state.size })),
      list: () => Promise.resolve([]),
      remove: () => Promise.resolve(),
      watch: (_op: string, _dir: string, changed: (name: string) => void) => (
        (state.tell = changed),
        () => void (state.tell = undefined)
      ),
    });
    const reopen = vi.fn(() => {
      state.largest = Math.max(state.largest, state.size);
      state.size = 0;
      return Promise.resolve();
    });
    const logs = new LogRotation({
      clock,
      disk,
      tree: { rename: () => Promise.resolve() } as never,
      log: silentLog,
      maxBytes,
      maxFiles: 3,
      reopen,
    });
    logs.sync('u', [{ id: 'c', logPath: '/logs/0.log' }]);
    const write = async (bytes: number, seconds: number): Promise<void> => {
      for (let ms = 0; ms < seconds * 1000; ms += 50) {
        state.size += bytes / 20;
        state.tell?.('log');
        await clock.advance(50);
      }
    };
    await clock.advance(10_000);
    return { clock, state, reopen, logs, write };
  };

  it('holds the size against forty megabytes a second, out of silence', async () => {
    const { state, reopen, logs, write } = await follow(10e6);
    await write(40e6, 20);
    expect(reopen.mock.calls.length).toBeGreaterThan(45);
    expect(state.largest).toBeLessThan(20e6);
    logs.stop();
  });

  it('looks at nothing while nothing is written, and holds no timer', async () => {
    const { clock, state, logs, write } = await follow(10e6);
    await write(1000, 1);
    await clock.advance(10_000);
    const { looks } = state;
    expect(clock.timers).toBe(0);
    await clock.advance(3600_000);
    expect(state.looks).toBe(looks);
    state.size += 10;
    state.tell?.('log');
    await clock.advance(1000);
    expect(state.looks).toBeGreaterThan(looks);
    logs.sync('u', []);
    await clock.advance(10_000);
    expect([clock.timers, state.tell]).toEqual([0, undefined]);
  });

  it('rotates a log that was too large when found, and tries again what failed', async () => {
    const { clock, state, reopen, logs } = await follow(100);
    logs.sync('u', []);
    state.size = 500;
    reopen.mockRejectedValueOnce(new Error('containerd is away') as never);
    logs.sync('u', [{ id: 'd', logPath: '/logs/1.log' }]);
    await clock.advance(20_000);
    expect([reopen.mock.calls, state.size]).toEqual([[['d'], ['d']], 0]);
    logs.stop();
  });
});

describe('ImageCollector', () => {
  it('goes by the shares of the operator', async () => {
    const removed: string[] = [];
    const collect = (policy: {
      highShare: number;
      lowShare: number;
      leastAgeMs: number;
    }): Promise<void> =>
      new ImageCollector({
        policy,
        clock: new FakeClock(),
        log: silentLog,
        images: () =>
          Promise.resolve(['a', 'b', 'c'].map((id) => ({ id, sizeBytes: 60, pinned: false }))),
        inUse: () => Promise.resolve(new Set<string>()),
        remove: (id) => (removed.push(id), Promise.resolve()),
        room: () =>
          Promise.resolve({ capacityBytes: 1000, availableBytes: 500, inodes: 0, inodesFree: 0 }),
        warn: () => undefined,
      }).collect();
    await collect({ highShare: 0.6, lowShare: 0.4, leastAgeMs: 0 });
    await collect({ highShare: 0.5, lowShare: 0.4, leastAgeMs: 60_000 });
    expect(removed).toEqual([]);
    await collect({ highShare: 0.5, lowShare: 0.4, leastAgeMs: 0 });
    expect(removed).toEqual(['a', 'b']);
  });

  it('removes the longest unused first, and no more than needed', async () => {
    const clock = new FakeClock();
    let available = 500;
    const used = new Set(['a', 'b']);
    const removed: string[] = [];
    const warn = vi.fn();
    const collector = new ImageCollector({
      clock,
      log: silentLog,
      images: () =>
        Promise.resolve(
          ['a', 'b', 'c', 'pause']
            .filter((id) => !removed.includes(id))
            .map((id) => ({ id, sizeBytes: 60, pinned: id === 'pause' })),
        ),
      inUse: () => Promise.resolve(used),
      remove: (id) => (removed.push(id), Promise.resolve()),
      room: () =>
        Promise.resolve({
          capacityBytes: 1000,
          availableBytes: available,
          inodes: 0,
          inodesFree: 0,
        }),
      warn,
    });
    await collector.collect();
    await clock.advance(200_000);
    used.delete('b');
    available = 100;
    await collector.collect();
    expect(removed).toEqual(['c', 'b']);
    await collector.collect();
    expect(warn).toHaveBeenCalledWith(
      'FreeDiskSpaceFailed',
      expect.stringContaining('Attempted to free 100 bytes, but only found 0 bytes'),
    );
  });
});

describe('eviction', () => {
  const podOf = (uid: string, priority: number, request?: string): Pod =>
    ({
      metadata: { uid },
      spec: {
        priority,
        containers: [{ name: 'c', resources: request ? { requests: { memory: request } } : {} }],
      },
    }) as Pod;
  const usage = (bytes: number): Usage => ({
    memoryBytes: bytes,
    diskBytes: 0,
    containers: [{ name: 'c', memoryBytes: bytes, diskBytes: 0 }],
  });

  it('knows the thresholds', () => {
    expect(
      broken({
        'memory.available': { available: 99 * 1024 ** 2, capacity: 1024 ** 3 },
        'nodefs.available': { available: 11, capacity: 100 },
        'imagefs.available': { available: 14, capacity: 100 },
      }),
    ).toEqual(['memory.available', 'imagefs.available']);
  });

  it('takes the greedy before the modest, the humble before the important', () => {
    const pods = [
      podOf('modest', 0, '1Gi'),
      podOf('important', 10),
      podOf('humble', 0),
      podOf('humbler', 0),
      podOf('critical', 2_000_000_001),
    ];
    const used = new Map([
      ['modest', usage(10)],
      ['important', usage(100)],
      ['humble', usage(50)],
      ['humbler', usage(60)],
      ['critical', usage(1000)],
    ]);
    expect(rank(pods, 'memory.available', used).map((p) => p.metadata.uid)).toEqual([
      'humbler',
      'humble',
      'important',
      'modest',
    ]);
  });

  /** What happens to one pod on a node with so much memory, minute by minute. */
  async function minutes(
    availableKib: number[],
    policy: EvictionPolicy,
  ): Promise<{ evicted: { minute: number; graceSeconds: number }[]; pressure: boolean[] }> {
    const clock = new FakeClock();
    const now = { kib: 1_000_000 };
    const evicted: { minute: number; graceSeconds: number }[] = [];
    const pressure: boolean[] = [];
    let minute = 0;
    const disk = partOf<Disk>({
      read: () =>
        Promise.resolve(Buffer.from(`MemTotal: 1000000 kB\nMemAvailable: ${now.kib} kB\n`)),
    });
    const plenty = () =>
      Promise.resolve({ capacityBytes: 1000, availableBytes: 900, inodes: 1000, inodesFree: 900 });
    const stop = startPressure({
      policy,
      clock,
      disk,
      log: silentLog,
      nodeRoom: plenty,
      imageRoom: plenty,
      reclaimDisk: () => Promise.resolve(),
      pods: () => [podOf('a', 0)],
      usage: () => Promise.resolve(new Map([['a', usage(10)]])),
      evict: (_pod, _reason, _message, graceSeconds) => void evicted.push({ minute, graceSeconds }),
      report: ({ memory }) => void pressure.push(memory),
      readOnly: () => Promise.resolve(false),
      ended: () => Promise.resolve(),
      helpless: () => undefined,
    });
    for (const kib of availableKib) {
      now.kib = kib;
      for (let i = 0; i < 6; i++) {
        await clock.advance(10_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      minute += 1;
    }
    stop();
    return { evicted, pressure };
  }

  it('goes by thresholds of the operator', async () => {
    const hard = { 'memory.available': { share: 0.5 } };
    expect((await minutes([600_000, 600_000], { hard })).evicted).toEqual([]);
    expect((await minutes([600_000, 400_000], { hard })).evicted[0]).toEqual({
      minute: 1,
      graceSeconds: 1,
    });
    expect(
      (await minutes([600_000, 1000], { hard: { 'nodefs.available': { share: 0.1 } } })).evicted,
    ).toEqual([]);
  });

  it('evicts by a soft threshold only after its grace period, and gently', async () => {
    const policy: EvictionPolicy = {
      soft: { 'memory.available': { amount: 500_000 * 1024 } },
      softGraceMs: { 'memory.available': 150_000 },
      maxPodGraceSeconds: 30,
      lingerMs: 60_000,
    };
    expect((await minutes([400_000, 400_000, 600_000, 400_000, 400_000], policy)).evicted).toEqual(
      [],
    );
    const long = await minutes([400_000, 400_000, 400_000, 400_000], policy);
    expect(long.evicted[0]).toEqual({ minute: 2, graceSeconds: 30 });
    expect(long.pressure).toEqual([true]);
  });

  it('says why', () => {
    const signals = { 'memory.available': { available: 51_200_000, capacity: 1e9 } };
    expect(
      evictionMessage(podOf('u', 0), 'memory.available', {
        signals,
        thresholds: defaultEvictionHard,
        usage: usage(2048),
      }),
    ).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50000Ki. ' +
        'Container c was using 2Ki, request is 0, has larger consumption of memory. ',
    );
  });
});
