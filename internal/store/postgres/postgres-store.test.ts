import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { realClock, type Clock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { KeyValue, Store, StoreEvent } from '../store.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';
import type { PostgresStore } from './postgres-store.ts';
import { startPostgres, type PostgresProcess } from './testing/postgres-process.ts';
import { until } from './testing/until.ts';

let postgres: PostgresProcess;
let databases = 0;
let database = '';
const stores: Store[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => await postgres?.stop());

async function open(more: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> {
  const store = await openPostgresStore({
    endpoint: postgres.url(database),
    clock: realClock,
    disk: realDisk,
    log: silentLog,
    ...more,
  });
  stores.push(store);
  return store;
}
async function pair(
  more: Partial<PostgresStoreOptions> = {},
): Promise<[PostgresStore, PostgresStore]> {
  database = `store${databases++}`;
  return [await open(more), await open(more)];
}
const bytes = (text: string): Buffer => Buffer.from(text);
const plain = (kv: KeyValue): string =>
  `${kv.key} ${Buffer.from(kv.value).toString()} ${kv.createRevision} ${kv.modRevision} ` +
  `${kv.version}`;
const everything = async (store: Store): Promise<string[]> =>
  (await store.range({ key: '\0', end: '\0' })).kvs.map(plain);
const rows = async (): Promise<number> =>
  Number((await postgres.sql('SELECT count(*)::text AS n FROM skiff_log', database))[0]?.['n']);

interface Seen {
  events: string[];
  ends: unknown[];
}
function watch(store: Store, from: number): Seen {
  const seen: Seen = { events: [], ends: [] };
  const say = ({ type, kv, prevKv }: StoreEvent): string =>
    `${type} ${kv.key} ${kv.modRevision} ${prevKv ? prevKv.modRevision : '-'}`;
  store.watch({
    key: '\0',
    end: '\0',
    startRevision: from,
    prevKv: true,
    onEvents: (events) => seen.events.push(...events.map(say)),
    onEnd: (why) => seen.ends.push(why),
  });
  return seen;
}

describe('two servers on one database', () => {
  test('see each other’s writes at once, and count revisions together', async () => {
    const [a, b] = await pair();
    expect((await a.range({ key: 'x' })).revision).toBe(1);
    for (let i = 0; i < 10; i++) {
      const [writer, reader] = i % 2 === 0 ? [a, b] : [b, a];
      expect(await writer.put({ key: 'x', value: bytes(String(i)) })).toEqual({ revision: i + 2 });
      expect((await reader.range({ key: 'x' })).kvs.map(plain)).toEqual([
        `x ${i} 2 ${i + 2} ${i + 1}`,
      ]);
    }
    expect(await b.deleteRange({ key: 'x', prevKv: true })).toMatchObject({
      deleted: 1,
      revision: 12,
      prevKvs: [{ version: 10 }],
    });
    expect(await a.put({ key: 'x', value: bytes('n') })).toEqual({ revision: 13 });
    expect(await everything(b)).toEqual(['x n 13 13 1']);
    expect(a.hashKv(0)).toEqual(b.hashKv(0));
  });

  test('judge a compare by the newest state, also when it fails or nothing changes', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 20; i++) {
      const { revision } = await a.put({ key: 'lock', value: bytes(`a${i}`) });
      const swap = await b.txn({
        compare: [{ key: 'lock', target: 'MOD', result: 'EQUAL', operand: revision }],
        success: [{ op: 'delete', key: 'lock' }],
        failure: [{ op: 'range', key: 'lock' }],
      });
      expect(swap.succeeded).toBe(true);
      // Nothing is there to be deleted: no revision is used up, but the answer is of now.
      expect(await a.deleteRange({ key: 'lock' })).toMatchObject({
        deleted: 0,
        revision: revision + 1,
      });
      await b.put({ key: 'lock', value: bytes(`b${i}`) });
      const stale = await a.txn({
        compare: [{ key: 'lock', target: 'VERSION', result: 'EQUAL', operand: 0 }],
        success: [{ op: 'put', key: 'lock', value: bytes('no') }],
        failure: [{ op: 'range', key: 'lock' }],
      });
      expect(stale).toMatchObject({
        succeeded: false,
        responses: [{ kvs: [{ modRevision: revision + 2 }] }],
      });
      await expect(
        a.put({ key: `none${i}`, value: bytes(''), ignoreValue: true }),
      ).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
      await a.deleteRange({ key: 'lock' });
    }
  });

  test('writing at the same time both get on, and agree', async () => {
    const both = await pair();
    const seen = both.map((store) => watch(store, 1));
    await Promise.all(
      both.flatMap((store, s) =>
        Array.from({ length: 16 }, async (_, c) => {
          for (let i = 0; i < 40; i++)
            await store.put({ key: `k${c % 4}/${s}/${i % 3}`, value: bytes(`${s}${c}${i}`) });
        }),
      ),
    );
    expect(await everything(both[1])).toEqual(await everything(both[0]));
    await until(() => seen.every(({ events }) => events.length === 1280));
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]?.events.map((event) => Number(event.split(' ')[2]))).toEqual(
      Array.from({ length: 1280 }, (_, i) => i + 2),
    );
  });

  test('resume watches from the past, with what was there before', async () => {
    const [a, b] = await pair();
    await a.put({ key: 'k', value: bytes('1') });
    await a.txn({
      compare: [],
      success: [
        { op: 'put', key: 'k', value: bytes('2') },
        { op: 'put', key: 'l', value: bytes('2') },
      ],
      failure: [],
    });
    await a.deleteRange({ key: '\0', end: '\0' });
    await b.range({ key: 'k' });
    const seen = watch(b, 2);
    await until(() => seen.events.length === 5);
    expect(seen.events).toEqual([
      'PUT k 2 -',
      'PUT k 3 2',
      'PUT l 3 -',
      'DELETE k 4 3',
      'DELETE l 4 3',
    ]);
  });

  test('that start at once make one set of tables', async () => {
    database = `store${databases++}`;
    const many = await Promise.all(Array.from({ length: 4 }, () => open()));
    for (const [i, store] of many.entries()) await store.put({ key: `s${i}`, value: bytes('') });
    expect((await everything(many[0] as Store)).length).toBe(4);
  });
});

describe('leases', () => {
  test('belong to all servers, and end the keys of all', async () => {
    const [a, b] = await pair();
    expect(await a.leaseGrant({ id: '7', ttlSeconds: 600 })).toEqual({ id: '7', ttlSeconds: 600 });
    await expect(b.leaseGrant({ id: '7', ttlSeconds: 10 })).rejects.toMatchObject({
      code: 'LEASE_EXISTS',
    });
    await b.put({ key: 'l1', value: bytes(''), lease: '7' });
    await a.put({ key: 'l2', value: bytes(''), lease: '7' });
    expect(await a.leaseTimeToLive('7', { keys: true })).toMatchObject({
      grantedTtlSeconds: 600,
      keys: ['l1', 'l2'],
    });
    expect(await b.leases()).toEqual(['7']);
    const seen = watch(a, 4);
    await b.leaseRevoke('7');
    expect((await a.range({ key: '\0', end: '\0' })).count).toBe(0);
    expect(seen.events).toEqual(['DELETE l1 4 2', 'DELETE l2 4 3']);
    await expect(a.leaseKeepAlive('7')).rejects.toMatchObject({ code: 'LEASE_NOT_FOUND' });
    // The id is free again, everywhere.
    expect(await a.leaseGrant({ id: '7', ttlSeconds: 10 })).toEqual({ id: '7', ttlSeconds: 10 });
    expect(await b.leaseTimeToLive('7', { keys: true })).toMatchObject({ keys: [] });
  });

  test('expire while only one server is left, and stay while another keeps them', async () => {
    const [a, b] = await pair();
    await a.leaseGrant({ id: '8', ttlSeconds: 2 });
    await a.leaseGrant({ id: '9', ttlSeconds: 2 });
    for (const id of ['8', '9']) await a.put({ key: `of${id}`, value: bytes(''), lease: id });
    await b.range({ key: 'x' });
    const seen = watch(b, 4);
    await a.close();
    const started = performance.now();
    let kept = 0;
    await until(async () => {
      await b.leaseKeepAlive('9');
      kept++;
      return seen.events.length > 0;
    });
    expect(performance.now() - started).toBeGreaterThan(1000);
    expect(seen.events).toEqual(['DELETE of8 4 2']);
    expect(kept).toBeGreaterThan(1);
    // Another server knows of the last keep-alive, not only of the grant.
    const c = await open();
    expect((await c.leaseTimeToLive('9')).ttlSeconds).toBe(1);
    await until(() => seen.events.length === 2);
    expect(await c.leases()).toEqual([]);
  });

  test('run on while no server does', async () => {
    const [a, b] = await pair();
    await a.leaseGrant({ id: '5', ttlSeconds: 1000 });
    await a.leaseGrant({ id: '6', ttlSeconds: 3 });
    for (const id of ['5', '6']) await a.put({ key: `of${id}`, value: bytes(''), lease: id });
    await Promise.all([a.close(), b.close()]);
    const c = await open();
    const left = (await c.leaseTimeToLive('5')).ttlSeconds;
    expect(left).toBeGreaterThan(990);
    expect((await c.leaseTimeToLive('6')).ttlSeconds).toBeLessThan(3);
    await until(async () => (await c.range({ key: 'of6' })).count === 0);
    expect((await c.range({ key: 'of5' })).count).toBe(1);
  });
});

describe('compaction', () => {
  test('by one server holds for all', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 5; i++) await a.put({ key: 'k', value: bytes(String(i)) });
    await b.compact(4);
    await expect(a.range({ key: 'k', revision: 3 })).rejects.toMatchObject({ code: 'COMPACTED' });
    expect((await a.range({ key: 'k', revision: 4 })).kvs.map(plain)).toEqual(['k 2 2 4 3']);
    expect(a.compactRevision).toBe(4);
    await expect(a.compact(4)).rejects.toMatchObject({ code: 'COMPACTED' });
    await expect(a.compact(100)).rejects.toMatchObject({ code: 'FUTURE_REVISION' });
    const seen = watch(a, 3);
    await until(() => seen.ends.length > 0);
    expect(seen.ends).toEqual([{ reason: 'compacted', compactRevision: 4 }]);
    await Promise.all([a.close(), b.close()]);
    const c = await open();
    expect(c.compactRevision).toBe(4);
    await expect(c.range({ key: 'k', revision: 3 })).rejects.toMatchObject({ code: 'COMPACTED' });
    expect((await c.range({ key: 'k', revision: 5 })).kvs.map(plain)).toEqual(['k 3 2 5 4']);
  });

  test('deletes rows that nobody needs, also those that a server left behind', async () => {
    const [a] = await pair({ pruneGraceMs: 0 });
    for (let i = 0; i < 50; i++) await a.put({ key: `k${i % 5}`, value: bytes(String(i)) });
    await a.deleteRange({ key: 'k0' });
    for (let i = 0; i < 3; i++) {
      await a.leaseGrant({ id: '3', ttlSeconds: 100 });
      await a.leaseKeepAlive('3');
      await a.leaseRevoke('3');
    }
    expect(await rows()).toBeLessThanOrEqual(60);
    const before = await everything(a);
    await a.put({ key: 'last', value: bytes('') });
    await a.compact(a.revision);
    await until(async () => (await rows()) === 5);
    await a.close();
    const c = await open({ pruneGraceMs: 0 });
    expect((await everything(c)).slice(0, 4)).toEqual(before);
    // With nobody left to delete them, rows stay; the next server knows them.
    await stores[1]?.close();
    for (let i = 0; i < 20; i++) await c.put({ key: 'k1', value: bytes('') });
    await postgres.sql('UPDATE skiff_head SET compact = revision', database);
    await c.close();
    expect(await rows()).toBe(25);
    await open({ pruneGraceMs: 0 });
    await until(async () => (await rows()) === 5);
  });

  test('happens by itself when history is old enough', async () => {
    database = `store${databases++}`;
    const a = await open({ historyMs: 200, pruneGraceMs: 0 });
    await a.put({ key: 'k', value: bytes('0') });
    for (let i = 0; i < 10; i++) await a.put({ key: 'k', value: bytes(String(i)) });
    await until(() => a.compactRevision >= 12);
    await until(async () => (await rows()) === 1);
    expect(await everything(a)).toEqual(['k 9 2 12 11']);
    expect(
      Number((await postgres.sql('SELECT pruned::text FROM skiff_head', database))[0]?.['pruned']),
    ).toBe(10);
  });

  test('cuts history that takes too much memory', async () => {
    database = `store${databases++}`;
    const a = await open({ maxHistoryBytes: 100_000 });
    for (let i = 0; i < 40; i++) await a.put({ key: 'k', value: Buffer.alloc(5000, i) });
    await until(() => a.compactRevision > 10);
    expect((await a.range({ key: 'k' })).kvs[0]).toMatchObject({ version: 40 });
  });
});

describe('a restart', () => {
  test('finds everything as it was', async () => {
    const [a, b] = await pair();
    await a.leaseGrant({ id: '11', ttlSeconds: 500 });
    for (let i = 0; i < 30; i++)
      await a.put({ key: `k${i % 7}`, value: bytes(`v${i}`), ...(i % 5 === 0 && { lease: '11' }) });
    await a.txn({
      compare: [],
      success: [
        { op: 'put', key: 'large', value: Buffer.alloc(1_500_000, 'x') },
        { op: 'delete', key: 'k3' },
      ],
      failure: [],
    });
    const [was, hash] = [await everything(a), a.hashKv(0)];
    const { keys } = await b.leaseTimeToLive('11', { keys: true });
    await Promise.all([a.close(), b.close()]);
    await postgres.halt('fast');
    await postgres.start();
    const c = await open();
    expect(await everything(c)).toEqual(was);
    expect(c.hashKv(0)).toEqual(hash);
    expect((await c.leaseTimeToLive('11', { keys: true })).keys).toEqual(keys);
    const seen = watch(c, 20);
    await until(() => seen.events.length === 14);
    expect(seen.events.slice(-2)).toEqual(['PUT large 32 -', 'DELETE k3 32 26']);
    expect((await c.size()).bytes).toBeGreaterThan(10_000);
  });

  test('of a server with more rows than fit one page', async () => {
    const [a, b] = await pair();
    const value = Buffer.alloc(200_000, 'x');
    const large = {
      compare: [],
      success: Array.from({ length: 60 }, (_, i) => ({
        op: 'put' as const,
        key: `one/${i}`,
        value,
      })),
      failure: [],
    };
    const seen = watch(b, 1);
    await a.txn(large);
    await Promise.all(
      Array.from({ length: 3000 }, (_, i) => a.put({ key: `many/${i}`, value: bytes('x') })),
    );
    await until(() => seen.events.length === 3060);
    expect(new Set(seen.events.slice(0, 60).map((event) => event.split(' ')[2]))).toEqual(
      new Set(['2']),
    );
    const c = await open();
    expect((await c.range({ key: '\0', end: '\0', countOnly: true })).count).toBe(3060);
    expect(c.hashKv(0)).toEqual(b.hashKv(0));
  });

  test('gives memory back after a flood, and forgets much history early', async () => {
    const started = performance.now();
    const clock: Clock = {
      ...realClock,
      // A minute is three seconds.
      monotonicMs: () => started + (performance.now() - started) * 20,
      after: (op, ms, fn) => realClock.after(op, op.startsWith('store.') ? ms / 20 : ms, fn),
    };
    let collections = 0;
    const historyMs = 300_000;
    const [a, b] = await pair({ clock, historyMs, collect: () => void collections++ });
    const { revision } = await a.put({ key: 'early', value: bytes('') });
    for (let i = 0; i < 10; i++) await a.put({ key: 'flood', value: Buffer.alloc(1_000_000) });
    await until(() => collections >= 2);
    await until(() => a.compactRevision > revision && b.compactRevision > revision);
    expect(clock.monotonicMs() - started).toBeLessThan(historyMs);
  }, 60_000);
});
