import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { collectGarbage } from '../../io/collect-garbage.ts';
import { silentLog } from '../../io/log.ts';
import type { LogStore } from '../log-store.ts';
import { openDatabase } from './log-file.ts';
import { openSqliteStore } from './open.ts';
import { trimAllocator } from './trim-allocator.ts';

const anonymousBytes = (): number =>
  1024 *
  Number(/^Anonymous:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1] ?? 0);

describe('a store through which much has gone', () => {
  let dir: string;
  let clock: FakeClock;
  let store: LogStore;
  const open = async (): Promise<void> => {
    store = await openSqliteStore({ dir, clock, log: silentLog });
  };
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'skiff-give-back-'));
    clock = new FakeClock();
    await open();
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const size = (): number =>
    statSync(join(dir, 'store.db')).size + statSync(join(dir, 'store.db-wal')).size;
  const write = async (prefix: string, count: number, bytes: number): Promise<void> => {
    for (let i = 0; i < count; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          store.put({ key: `${prefix}${i + n}`, value: Buffer.alloc(bytes, n) }),
        ),
      );
  };
  const rest = async (): Promise<void> => {
    for (let i = 0; i < 130; i++) {
      await clock.advance(1000);
      await store.flushed();
    }
    // The thread has answered all that it was asked before.
    await store.size();
  };

  it('gives the room on the disk back, and holds what it held', async () => {
    await write('kept', 200, 1000);
    await write('gone', 4000, 10_000);
    await store.deleteRange({ key: 'gone', end: 'gonf' });
    expect(size()).toBeGreaterThan(40_000_000);
    await rest();
    expect(size()).toBeLessThan(3_000_000);
    const { kvs } = await store.range({ key: '\0', end: '\0' });
    expect(kvs).toHaveLength(200);
    await store.close();
    await open();
    expect((await store.range({ key: '\0', end: '\0' })).kvs).toHaveLength(200);
  });

  it('leaves the file as large as it is when much would have to be rewritten', async () => {
    await write('kept', 1200, 10_000);
    await write('gone', 4000, 10_000);
    await store.deleteRange({ key: 'gone', end: 'gonf' });
    const before = statSync(join(dir, 'store.db')).size;
    await rest();
    expect(statSync(join(dir, 'store.db')).size).toBeGreaterThanOrEqual(before);
    const { bytes, inUseBytes } = await store.size();
    expect(inUseBytes).toBeLessThan(bytes / 2);
  });
});

it('gives pages between living pieces back to the kernel, leaves the pieces alone', async () => {
  let freed: Buffer[] = [];
  const kept: Buffer[] = [];
  for (let i = 0; i < 3000; i++) {
    freed.push(Buffer.alloc(50_000, 1));
    kept.push(Buffer.alloc(5000, i % 251));
  }
  freed = [];
  collectGarbage();
  const before = anonymousBytes();
  trimAllocator(await openDatabase(':memory:'));
  expect(freed).toEqual([]);
  expect(before - anonymousBytes()).toBeGreaterThan(60_000_000);
  expect(kept.every((piece, i) => piece.every((byte) => byte === i % 251))).toBe(true);
});
