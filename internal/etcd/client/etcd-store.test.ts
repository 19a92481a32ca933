import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realClock, type Clock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import type { Store, StoreEvent } from '../../store/store.ts';
import { etcdBinary, startEtcd, type EtcdProcess } from '../testing/etcd-process.ts';
import { openEtcdStore } from './etcd-store.ts';

const binary = etcdBinary();
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** States of a process' threads, as proc(5) writes them. */
const states = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map(
    (id) => /\) (.)/.exec(readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8'))?.[1] ?? '',
  );

describe('the Store on an etcd', () => {
  let etcd: EtcdProcess;
  let store: Store;

  beforeAll(async () => {
    etcd = await startEtcd(binary);
    store = await openEtcdStore({
      endpoints: ['127.0.0.1:1', etcd.endpoint],
      clock: realClock,
      log: silentLog,
    });
  }, 30_000);
  afterAll(async () => {
    await store?.close();
    await etcd?.stop();
  });

  test('reads, writes and compares', async () => {
    const { revision } = await store.put({ key: 'a', value: Buffer.from('1'), soft: true });
    expect(await store.put({ key: 'a', value: Buffer.from('2'), prevKv: true })).toMatchObject({
      revision: revision + 1,
      prevKv: { key: 'a', version: 1 },
    });
    const swapped = await store.txn({
      compare: [{ key: 'a', target: 'MOD', result: 'EQUAL', operand: revision }],
      success: [],
      failure: [{ op: 'range', key: 'a' }],
    });
    expect(swapped).toMatchObject({
      succeeded: false,
      responses: [{ op: 'range', kvs: [{ key: 'a', modRevision: revision + 1 }] }],
    });
    await expect(store.range({ key: 'a', revision: revision + 100 })).rejects.toMatchObject({
      code: 'FUTURE_REVISION',
    });
    expect(store.revision).toBe(revision + 1);
  });

  test('watches from the past and from now, with progress, until compacted', async () => {
    const first = (await store.put({ key: 'w1', value: Buffer.from('1') })).revision;
    const seen: StoreEvent[] = [];
    const past = store.watch({
      key: 'w',
      end: 'x',
      startRevision: first,
      prevKv: true,
      onEvents: (events) => seen.push(...events),
      onEnd: () => undefined,
    });
    const fresh: StoreEvent[] = [];
    const now = store.watch({
      key: 'w',
      end: 'x',
      onEvents: (events) => fresh.push(...events),
      onEnd: () => undefined,
    });
    await store.put({ key: 'w1', value: Buffer.from('2') });
    await store.deleteRange({ key: 'w1' });
    await until(() => seen.length === 3 && fresh.length === 2);
    expect(seen.map((e) => [e.type, e.prevKv?.version])).toEqual([
      ['PUT', undefined],
      ['PUT', 1],
      ['DELETE', 2],
    ]);
    await store.put({ key: 'other', value: Buffer.from('') });
    expect(await past.progress()).toBeGreaterThanOrEqual(store.revision);
    past.cancel();
    now.cancel();
    await store.compact(store.revision);
    let why: unknown;
    store.watch({
      key: 'w',
      startRevision: first,
      onEvents: () => undefined,
      onEnd: (end) => (why = end),
    });
    await until(() => why !== undefined);
    expect(why).toMatchObject({ reason: 'compacted', compactRevision: store.revision });
  });

  test('progress of a watch from the past comes after what it is about', async () => {
    const since = store.revision;
    for (const value of ['1', '2']) await store.put({ key: 'then', value: Buffer.from(value) });
    await store.deleteRange({ key: 'then' });
    // What another watch was told is of no use to it.
    const other = store.watch({ key: 'other', onEvents: () => undefined, onEnd: () => undefined });
    for (const key of ['then', 'never']) {
      const seen: StoreEvent[] = [];
      const watch = store.watch({
        key,
        startRevision: since + 1,
        onEvents: (events) => seen.push(...events),
        onEnd: () => undefined,
      });
      expect(await watch.progress()).toBeGreaterThanOrEqual(store.revision);
      expect(seen.map(({ type }) => type)).toEqual(key === 'then' ? ['PUT', 'PUT', 'DELETE'] : []);
      watch.cancel();
    }
    other.cancel();
  });

  test('leases', async () => {
    const { id } = await store.leaseGrant({ ttlSeconds: 100 });
    await store.put({ key: 'leased', value: Buffer.from(''), lease: id });
    expect(await store.leaseTimeToLive(id, { keys: true })).toMatchObject({
      grantedTtlSeconds: 100,
      keys: ['leased'],
    });
    expect(await store.leaseKeepAlive(id)).toEqual({ ttlSeconds: 100 });
    await store.leaseRevoke(id);
    expect((await store.range({ key: 'leased' })).count).toBe(0);
    await expect(store.leaseKeepAlive(id)).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
  });

  test('an owner of a lease hears in time that a member gives no answer', async () => {
    const { id } = await store.leaseGrant({ ttlSeconds: 100 });
    process.kill(etcd.pid, 'SIGSTOP');
    // Each thread stops when it is next scheduled; until the last has, etcd may still answer.
    await until(() => states(etcd.pid).every((state) => state === 'T'));
    try {
      await expect(store.leaseKeepAlive(id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    } finally {
      process.kill(etcd.pid, 'SIGCONT');
    }
    expect(await store.leaseKeepAlive(id)).toEqual({ ttlSeconds: 100 });
  }, 30_000);

  test('gives memory back after a flood, its own or one that it only watches', async () => {
    const clock: Clock = {
      ...realClock,
      after: (op, ms, fn) => realClock.after(op, op === 'store.give-back' ? 50 : ms, fn),
    };
    const collections = [0, 0];
    const [writer, reader] = await Promise.all(
      collections.map((_, i) =>
        openEtcdStore({
          endpoints: [etcd.endpoint],
          clock,
          log: silentLog,
          collect: () => void (collections[i] as number)++,
        }),
      ),
    );
    let seen = 0;
    reader?.watch({
      key: 'flood',
      end: 'flooe',
      onEvents: (events) => void (seen += events.length),
      onEnd: () => undefined,
    });
    for (let i = 0; i < 3; i++) await writer?.put({ key: 'flood', value: Buffer.alloc(1_000_000) });
    await until(() => seen === 3);
    expect(collections).toEqual([0, 0]);
    for (let i = 0; i < 7; i++)
      await writer?.txn({
        compare: [],
        success: [{ op: 'put', key: 'flood', value: Buffer.alloc(1_000_000) }],
        failure: [],
      });
    await until(() => collections.every((count) => count > 0));
    await Promise.all([writer?.close(), reader?.close()]);
  }, 30_000);
});
