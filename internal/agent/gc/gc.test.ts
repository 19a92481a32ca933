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
import { surplusContainers } from './dead-containers.ts';
import { broken, evictionMessage, rank, type Usage } from './eviction.ts';
import { ImageCollector } from './image-collector.ts';
import { rotateLog, startLogRotation } from './log-rotation.ts';

it('keeps one dead instance of each container', () => {
  const instance = (id: string, name: string, exited: boolean, createdAt: bigint) => ({ id, name, exited, createdAt });
  expect(surplusContainers([instance('3', 'a', false, 3n), instance('2', 'a', true, 2n), instance('1', 'a', true, 1n), instance('x', 'b', true, 9n)])).toEqual(['1']);
});

describe('log rotation', () => {
  it('keeps five files, the older ones compressed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'logs-'));
    const path = join(dir, '0.log');
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const options = { clock, disk: realDisk, tree: realTree, log: silentLog, running: () => [], reopen: () => writeFile(path, '') };
    for (let i = 0; i < 7; i++) {
      await writeFile(path, `lines ${i}`);
      await rotateLog('c', path, options);
      await clock.advance(1000);
    }
    const names = (await readdir(dir)).sort();
    expect(names).toEqual(['0.log', '0.log.20260101-000003.gz', '0.log.20260101-000004.gz', '0.log.20260101-000005.gz', '0.log.20260101-000006']);
    expect(gunzipSync(await readFile(join(dir, '0.log.20260101-000004.gz'))).toString()).toBe('lines 4');
    await expect(rotateLog('c', path, { ...options, reopen: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
    expect(await readFile(path, 'utf8')).toBe('');
    await rm(dir, { recursive: true });
  });

  it('looks by itself', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'logs-'));
    const path = join(dir, '0.log');
    await writeFile(path, 'x'.repeat(100));
    const clock = new FakeClock();
    const reopen = vi.fn(() => writeFile(path, ''));
    const stop = startLogRotation({ clock, disk: realDisk, tree: realTree, log: silentLog, maxBytes: 50, running: () => [{ id: 'c', logPath: path }], reopen });
    await clock.advance(60_000);
    await vi.waitFor(() => expect(reopen).toHaveBeenCalledWith('c'));
    stop();
    await rm(dir, { recursive: true });
  });
});

describe('ImageCollector', () => {
  it('removes the longest unused first, and no more than needed', async () => {
    const clock = new FakeClock();
    let available = 500;
    const used = new Set(['a', 'b']);
    const removed: string[] = [];
    const warn = vi.fn();
    const collector = new ImageCollector({
      clock,
      log: silentLog,
      images: () => Promise.resolve(['a', 'b', 'c', 'pause'].filter((id) => !removed.includes(id)).map((id) => ({ id, sizeBytes: 60, pinned: id === 'pause' }))),
      inUse: () => Promise.resolve(used),
      remove: (id) => (removed.push(id), Promise.resolve()),
      room: () => Promise.resolve({ capacityBytes: 1000, availableBytes: available, inodes: 0, inodesFree: 0 }),
      warn,
    });
    await collector.collect();
    await clock.advance(200_000);
    used.delete('b');
    available = 100;
    await collector.collect();
    expect(removed).toEqual(['c', 'b']);
    await collector.collect();
    expect(warn).toHaveBeenCalledWith('FreeDiskSpaceFailed', expect.stringContaining('Attempted to free 100 bytes, but only found 0 bytes'));
  });
});

describe('eviction', () => {
  const podOf = (uid: string, priority: number, request?: string): Pod =>
    ({ metadata: { uid }, spec: { priority, containers: [{ name: 'c', resources: request ? { requests: { memory: request } } : {} }] } }) as unknown as Pod;
  const usage = (bytes: number): Usage => ({ memoryBytes: bytes, diskBytes: 0, containers: [{ name: 'c', memoryBytes: bytes, diskBytes: 0 }] });

  it('knows the thresholds', () => {
    expect(broken({ 'memory.available': { available: 99 * 1024 ** 2, capacity: 1024 ** 3 }, 'nodefs.available': { available: 11, capacity: 100 }, 'imagefs.available': { available: 14, capacity: 100 } })).toEqual(['memory.available', 'imagefs.available']);
  });

  it('takes the greedy before the modest, the humble before the important', () => {
    const pods = [podOf('modest', 0, '1Gi'), podOf('important', 10), podOf('humble', 0), podOf('humbler', 0), podOf('critical', 2_000_000_001)];
    const used = new Map([['modest', usage(10)], ['important', usage(100)], ['humble', usage(50)], ['humbler', usage(60)], ['critical', usage(1000)]]);
    expect(rank(pods, 'memory.available', used).map((p) => p.metadata.uid)).toEqual(['humbler', 'humble', 'important', 'modest']);
  });

  it('says why', () => {
    const signals = { 'memory.available': { available: 51_200_000, capacity: 1e9 } };
    expect(evictionMessage(podOf('u', 0), 'memory.available', signals, usage(2048))).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50000Ki. Container c was using 2Ki, request is 0, has larger consumption of memory. ',
    );
  });
});
