import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Disk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { Usage } from './eviction.ts';
import { startPressure, type EvictionPolicy } from './pressure.ts';

const mebibyte = 1024 ** 2;

/** A node with a disk of 1000 MiB, and pods that hold so much of it. */
class SmallDisk {
  readonly clock = new FakeClock();
  readonly evicted: string[] = [];
  readonly pressure: boolean[] = [];
  readonly helpless: string[] = [];
  readonly collected: number[] = [];
  readonly pods: Map<string, number>;
  /** What evicting a pod would not free. */
  others: number;
  inodesFree = 900;
  readOnly = false;
  toldReadOnly = false;
  /** Ends the wait for the pod that was evicted last. */
  ended: () => void = () => undefined;
  readonly stop: () => void;

  constructor(pods: Record<string, number>, others: number, policy: EvictionPolicy = {}) {
    this.pods = new Map(Object.entries(pods));
    this.others = others;
    const disk = partOf<Disk>({
      read: () => Promise.resolve(Buffer.from('MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n')),
    });
    const room = () =>
      Promise.resolve({
        capacityBytes: 1000 * mebibyte,
        availableBytes: this.available * mebibyte,
        inodes: 1000,
        inodesFree: this.inodesFree,
      });
    this.stop = startPressure({
      policy,
      disk,
      clock: this.clock,
      log: silentLog,
      nodeRoom: room,
      imageRoom: room,
      pods: () =>
        [...this.pods.keys()].map(
          (uid) => ({ metadata: { uid }, spec: { containers: [{ name: 'c' }] } }) as Pod,
        ),
      usage: () =>
        Promise.resolve(
          new Map(
            [...this.pods].map(([uid, held]): [string, Usage] => [
              uid,
              { memoryBytes: 0, diskBytes: held * mebibyte, inodes: held, containers: [] },
            ]),
          ),
        ),
      reclaimDisk: () => Promise.resolve(void this.collected.push(this.available)),
      evict: (pod) => void this.evicted.push(pod.metadata.uid ?? ''),
      ended: () => new Promise((resolve) => (this.ended = resolve)),
      helpless: (signal) => void this.helpless.push(signal),
      report: ({ disk: now, readOnly }) => {
        this.pressure.push(now);
        this.toldReadOnly = readOnly;
      },
      readOnly: () => Promise.resolve(this.readOnly),
    });
  }

  get available(): number {
    return 1000 - this.others - [...this.pods.values()].reduce((sum, held) => sum + held, 0);
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      await this.clock.advance(1000);
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The evicted pod is gone, and its files with it. */
  async end(uid: string): Promise<void> {
    this.pods.delete(uid);
    this.ended();
    await this.pass(2000);
  }
}

describe('a full disk', () => {
  it('takes no pod whose end frees nothing, and says so once', async () => {
    const disk = new SmallDisk({ a: 0, b: 0.1, c: 0 }, 999);
    await disk.pass(60_000);
    expect(disk.evicted).toEqual([]);
    expect(disk.helpless).toEqual(['nodefs.available']);
    expect(disk.pressure).toEqual([true]);
    expect(disk.collected.length).toBeGreaterThan(0);
    disk.stop();
  });

  it('takes the greediest first, waits until it is gone, stops when there is room', async () => {
    const disk = new SmallDisk({ small: 50, greedy: 400, none: 0, middle: 300 }, 240);
    await disk.pass(60_000);
    expect(disk.evicted).toEqual(['greedy']);
    await disk.end('greedy');
    await disk.pass(60_000);
    expect(disk.evicted).toEqual(['greedy']);
    disk.others = 640;
    await disk.pass(70_000);
    expect(disk.evicted).toEqual(['greedy', 'middle']);
    disk.stop();
  });

  it('goes on to the next at once when the first did not free enough', async () => {
    const disk = new SmallDisk({ a: 30, b: 20 }, 940);
    await disk.pass(10_000);
    expect(disk.evicted).toEqual(['a']);
    await disk.end('a');
    expect(disk.evicted).toEqual(['a', 'b']);
    disk.stop();
  });

  it('wants minReclaim above the threshold once it was broken', async () => {
    const policy: EvictionPolicy = {
      hard: { 'nodefs.available': { share: 0.1 } },
      minReclaim: { 'nodefs.available': { share: 0.1 } },
    };
    const disk = new SmallDisk({ a: 60, b: 50 }, 810, policy);
    await disk.pass(10_000);
    await disk.end('a');
    // 140 MiB: above the threshold, and not by enough.
    expect(disk.evicted).toEqual(['a', 'b']);
    disk.stop();
  });

  it('is over at once when there is much room, and told for a while with little', async () => {
    const disk = new SmallDisk({ a: 0 }, 999);
    await disk.pass(10_000);
    disk.others = 100;
    await disk.pass(10_000);
    expect(disk.pressure).toEqual([true, false]);
    disk.others = 999;
    await disk.pass(60_000);
    disk.others = 820;
    await disk.pass(200_000);
    expect(disk.pressure).toEqual([true, false, true]);
    await disk.pass(200_000);
    expect(disk.pressure).toEqual([true, false, true, false]);
    disk.stop();
  });

  it(
    'that has become read-only is told, takes no pod, and is forgotten when it takes writes ' +
      'again',
    async () => {
      const disk = new SmallDisk({ a: 500 }, 0);
      await disk.pass(10_000);
      disk.readOnly = true;
      await disk.pass(61_000);
      expect([disk.pressure, disk.toldReadOnly, disk.evicted]).toEqual([[true], true, []]);
      disk.readOnly = false;
      await disk.pass(10_000);
      expect([disk.pressure, disk.toldReadOnly]).toEqual([[true, false], false]);
      disk.stop();
    },
  );

  it('goes by inodes when those are what is short', async () => {
    const disk = new SmallDisk({ few: 50, many: 300 }, 0);
    disk.inodesFree = 10;
    await disk.pass(10_000);
    expect(disk.evicted).toEqual(['many']);
    disk.stop();
  });
});
