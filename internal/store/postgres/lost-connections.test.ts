import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { realClock, type Clock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { Store, StoreEvent } from '../store.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';
import { Proxy } from './testing/proxy.ts';
import { startPostgres, type PostgresProcess } from './testing/postgres-process.ts';
import { until } from './testing/until.ts';

let postgres: PostgresProcess;
let proxy: Proxy;
let databases = 0;
let database = '';
const stores: Store[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await Proxy.open(postgres.port);
});
afterEach(async () => {
  Object.assign(proxy, {
    holdRequests: false,
    dropAnswers: false,
    refuse: false,
    delayMs: 0,
    onAnswer: () => undefined,
    onRequest: () => undefined,
  });
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => {
  await proxy?.close();
  await postgres?.stop();
});

/** A clock ten times as fast, for what waits long. */
const hasty: Clock = {
  ...realClock,
  monotonicMs: () => realClock.monotonicMs() * 10,
  after: (op, delayMs, fn) => realClock.after(op, delayMs / 10, fn),
  every: (op, periodMs, fn) => realClock.every(op, periodMs / 10, fn),
  sleep: (op, delayMs, signal) => realClock.sleep(op, delayMs / 10, signal),
};

const fresh = (): void => void (database = `lost${databases++}`);
async function open(port: number, more: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const endpoint = postgres
    .url(database, '?sslmode=disable')
    .replace(`:${postgres.port}/`, `:${port}/`);
  const store = await openPostgresStore({
    endpoint,
    clock: realClock,
    disk: realDisk,
    log: silentLog,
    ...more,
  });
  stores.push(store);
  return store;
}
const bytes = (text: string): Buffer => Buffer.from(text);
const text = async (store: Store, key: string): Promise<string | undefined> =>
  (await store.range({ key })).kvs.map((kv) => Buffer.from(kv.value).toString())[0];
const isCommit = (wire: Buffer): boolean => wire.includes('skiff_commit');

function watchAll(store: Store, startRevision = 1): { events: string[]; ends: string[] } {
  const seen: { events: string[]; ends: string[] } = { events: [], ends: [] };
  const say = (event: StoreEvent): string =>
    `${event.type} ${event.kv.key} ${event.kv.modRevision} ${event.kv.version}`;
  store.watch({
    key: '\0',
    end: '\0',
    startRevision,
    onEvents: (events) => seen.events.push(...events.map(say)),
    onEnd: (why) => seen.ends.push(why.reason),
  });
  return seen;
}

describe('a commit without an answer', () => {
  test('that happened is answered as one that happened, once', async () => {
    fresh();
    const store = await open(proxy.port);
    const seen = watchAll(store);
    await store.put({ key: 'a', value: bytes('1') });
    // The server carries it out, and the line is cut before its answer is through.
    proxy.onAnswer = (wire) => {
      if (!wire.includes('SELECT 1')) return;
      proxy.onAnswer = () => undefined;
      proxy.cut();
    };
    proxy.onRequest = (wire) => (proxy.dropAnswers ||= isCommit(wire));
    const put = store.put({ key: 'a', value: bytes('2'), prevKv: true });
    await until(() => proxy.connections === 0);
    Object.assign(proxy, { dropAnswers: false, onRequest: () => undefined });
    expect(await put).toMatchObject({ revision: 3, prevKv: { version: 1 } });
    expect(await store.put({ key: 'b', value: bytes('3') })).toEqual({ revision: 4 });
    expect(seen).toEqual({ events: ['PUT a 2 1', 'PUT a 3 2', 'PUT b 4 1'], ends: [] });
    expect((await (await open(postgres.port)).range({ key: 'a' })).kvs[0]).toMatchObject({
      version: 2,
      modRevision: 3,
    });
  });

  test('that never arrived is evaluated again, and cannot arrive late', async () => {
    fresh();
    const store = await open(proxy.port);
    const seen = watchAll(store);
    await store.put({ key: 'a', value: bytes('1') });
    let commits = 0;
    proxy.onRequest = (wire) => {
      if (isCommit(wire)) commits++;
      proxy.holdRequests ||= isCommit(wire);
    };
    const put = store.put({ key: 'a', value: bytes('2') });
    await until(() => commits === 1);
    const deliver = proxy.cutClients();
    proxy.holdRequests = false;
    // The write was found not to have happened and is sent again. Just then the first one reaches
    // the server, which must not heed it.
    await until(() => commits === 2);
    await deliver();
    proxy.onRequest = () => undefined;
    proxy.release();
    expect(await put).toEqual({ revision: 3 });
    expect(await store.put({ key: 'a', value: bytes('3') })).toEqual({ revision: 4 });
    expect(seen).toEqual({ events: ['PUT a 2 1', 'PUT a 3 2', 'PUT a 4 3'], ends: [] });
  });

  test('that arrives while the connection is made again is answered as done', async () => {
    fresh();
    const store = await open(proxy.port);
    await store.put({ key: 'a', value: bytes('1') });
    let asked = false;
    proxy.onRequest = (wire) => (proxy.holdRequests = asked ||= isCommit(wire));
    const put = store.put({ key: 'late', value: bytes('2') });
    await until(() => asked);
    const deliver = proxy.cutClients();
    proxy.onRequest = () => undefined;
    // Nothing new gets through, so nothing can be settled yet: the old statement is first at the
    // head.
    await deliver();
    proxy.cut();
    proxy.holdRequests = false;
    expect(await put).toEqual({ revision: 3 });
    expect((await store.range({ key: 'late' })).kvs[0]).toMatchObject({
      version: 1,
      modRevision: 3,
    });
  });

  test('is told to be unknown when the database stays away', async () => {
    fresh();
    const store = await open(proxy.port, { clock: hasty });
    await store.put({ key: 'a', value: bytes('1') });
    proxy.onRequest = (wire) => {
      if (!isCommit(wire)) return;
      proxy.refuse = true;
      setImmediate(() => proxy.cut());
    };
    const put = store.put({ key: 'a', value: bytes('2') });
    await expect(put).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('may or may not') as string,
    });
    // From now on nobody waits.
    await expect(store.put({ key: 'a', value: bytes('3') })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      hint: expect.stringContaining('datastore-endpoint') as string,
    });
    await expect(store.range({ key: 'a' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await store.range({ key: 'a', serializable: true })).kvs[0]).toMatchObject({
      version: 1,
    });
    Object.assign(proxy, { refuse: false, onRequest: () => undefined });
    await until(async () => (await store.range({ key: 'a' }).catch(() => undefined)) !== undefined);
    const { version } = (await store.range({ key: 'a' })).kvs[0] as { version: number };
    expect([1, 2]).toContain(version);
    expect(await (await open(postgres.port)).range({ key: 'a' })).toMatchObject({
      kvs: [{ version }],
    });
  }, 40_000);
});

describe('a lost connection', () => {
  test('loses no event, whatever happened meanwhile', async () => {
    fresh();
    const [near, far] = [await open(postgres.port), await open(proxy.port)];
    const seen = watchAll(far);
    let written = 0;
    for (let round = 0; round < 5; round++) {
      proxy.refuse = true;
      proxy.cut();
      for (let i = 0; i < 20; i++, written++)
        await near.put({ key: `k${written}`, value: bytes('x') });
      proxy.refuse = false;
      await until(() => seen.events.length === written);
    }
    expect(seen.events).toEqual(Array.from({ length: written }, (_, i) => `PUT k${i} ${i + 2} 1`));
    expect(seen.ends).toEqual([]);
  });

  test('for longer than history is kept ends the watches and loads everything again', async () => {
    fresh();
    const [near, far] = [await open(postgres.port, { pruneGraceMs: 0 }), await open(proxy.port)];
    await near.leaseGrant({ id: '4', ttlSeconds: 300 });
    for (const key of ['a', 'b', 'c']) await near.put({ key, value: bytes('1'), lease: '4' });
    const seen = watchAll(far);
    await until(() => seen.events.length === 3);
    proxy.onRequest = (wire) => {
      // The last word of the server that goes away: nobody will be able to tell what became of it.
      if (!isCommit(wire)) return;
      proxy.refuse = true;
      setImmediate(() => proxy.cut());
    };
    const put = far.put({ key: 'own', value: bytes('1') }).then(
      () => 'done',
      (error: { message: string }) => error.message,
    );
    await until(() => proxy.connections === 0);
    proxy.onRequest = () => undefined;
    await near.deleteRange({ key: 'b' });
    await near.deleteRange({ key: 'own' });
    await near.leaseRevoke('4');
    const { revision } = await near.put({ key: 'd', value: bytes('1') });
    await near.compact(revision);
    await until(
      async () =>
        (await postgres.sql('SELECT count(*)::text AS n FROM skiff_log', database))[0]?.['n'] ===
        '1',
    );
    proxy.refuse = false;
    await until(() => seen.ends.length > 0);
    expect(seen.ends).toEqual(['compacted']);
    expect(await put).toMatch(/may or may not have happened/);
    expect(
      (await far.range({ key: '\0', end: '\0', serializable: true })).kvs.map((kv) => kv.key),
    ).toEqual(['d']);
    expect(await far.leases()).toEqual([]);
    const again = watchAll(far, revision);
    expect(await far.put({ key: 'e', value: bytes('1') })).toEqual({ revision: revision + 1 });
    expect(again.events).toEqual([`PUT d ${revision} 1`, `PUT e ${revision + 1} 1`]);
  });

  test('that dies without a word is found, and made again', async () => {
    fresh();
    const [near, far] = [await open(postgres.port), await open(proxy.port, { clock: hasty })];
    const seen = watchAll(far);
    proxy.holdRequests = proxy.dropAnswers = true;
    const { accepted } = proxy;
    await near.put({ key: 'a', value: bytes('1') });
    const read = far.range({ key: 'a' });
    // The read finds out; its answer comes over the next connection.
    await until(() => proxy.accepted > accepted);
    proxy.cut();
    proxy.holdRequests = proxy.dropAnswers = false;
    expect(await read).toMatchObject({ revision: 2, kvs: [{ key: 'a' }] });
    expect(seen.events).toEqual(['PUT a 2 1']);
  }, 60_000);

  test('of both servers, again and again, loses no write and doubles none', async () => {
    fresh();
    const pair = [await open(proxy.port), await open(proxy.port)];
    const seen = pair.map(watchAll);
    let done = 0;
    const counters = pair.flatMap((store, s) =>
      [0, 1, 2, 3].map(async (c) => {
        for (let i = 0; i < 60; i++, done++) {
          const key = `count/${c}`;
          // Both servers count on the same keys.
          for (;;) {
            const old = (await store.range({ key })).kvs[0];
            const next = bytes(String(Number(old ? Buffer.from(old.value).toString() : 0) + 1));
            const { succeeded } = await store.txn({
              compare: [{ key, target: 'MOD', result: 'EQUAL', operand: old?.modRevision ?? 0 }],
              success: [{ op: 'put', key, value: next }],
              failure: [],
            });
            if (succeeded) break;
          }
          await store.put({ key: `own/${s}/${c}`, value: bytes(String(i)) });
        }
      }),
    );
    const all = Promise.all(counters);
    for (let next = 40; done < 480; next += 40) {
      await until(() => done >= Math.min(next, 480));
      if (next % 80 === 0) proxy.cut();
      else
        await postgres.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skiff'",
        );
    }
    await all;
    for (let c = 0; c < 4; c++) {
      const kv = (await (pair[c % 2] as Store).range({ key: `count/${c}` })).kvs[0];
      expect(Buffer.from(kv?.value ?? []).toString()).toBe('120');
      expect(kv?.version).toBe(120);
      for (const s of [0, 1])
        expect((await (pair[0] as Store).range({ key: `own/${s}/${c}` })).kvs[0]).toMatchObject({
          version: 60,
        });
    }
    await until(() => seen.every(({ events }) => events.length === 960));
    expect(seen[1]).toEqual(seen[0]);
    expect(new Set(seen[0]?.events.map((e) => e.split(' ')[2])).size).toBe(960);
  }, 120_000);
});

describe('a distant server', () => {
  test('is not starved by a near one that never pauses', async () => {
    fresh();
    const [near, far] = [await open(postgres.port), await open(proxy.port)];
    proxy.delayMs = 5;
    let over = false;
    let byNear = 0;
    const busy = Array.from({ length: 16 }, async (_, c) => {
      for (; !over; byNear++) await near.put({ key: `near/${c}`, value: bytes('x') });
    });
    await until(() => byNear > 100);
    for (let i = 0; i < 15; i++) await far.put({ key: 'far', value: bytes(String(i)) });
    const before = byNear;
    await until(() => byNear > before + 100);
    over = true;
    await Promise.all(busy);
    proxy.delayMs = 0;
    expect((await near.range({ key: 'far' })).kvs[0]).toMatchObject({ version: 15 });
  }, 30_000);
});

describe('PostgreSQL', () => {
  test('may crash and come back', async () => {
    fresh();
    const pair = [await open(postgres.port), await open(postgres.port)] as [Store, Store];
    const seen = watchAll(pair[1]);
    await pair[0].put({ key: 'a', value: bytes('1') });
    await postgres.halt('immediate');
    const put = pair[0].put({ key: 'a', value: bytes('2') });
    const read = text(pair[1], 'a');
    await postgres.start();
    expect(await put).toEqual({ revision: 3 });
    expect(['1', '2']).toContain(await read);
    await until(() => seen.events.length === 2);
    expect(seen).toEqual({ events: ['PUT a 2 1', 'PUT a 3 2'], ends: [] });
  });

  test(
    'that lost commits, as a failover may, makes servers load everything again and end their ' +
      'watches',
    async () => {
      fresh();
      const store = await open(proxy.port);
      for (const value of ['1', '2', '3']) await store.put({ key: 'a', value: bytes(value) });
      const seen = watchAll(store);
      await until(() => seen.events.length === 3);
      proxy.refuse = true;
      proxy.cut();
      await postgres.sql(
        'DELETE FROM skiff_log WHERE seq > 2; UPDATE skiff_head SET seq = 2, revision = 3',
        database,
      );
      const other = await open(postgres.port);
      expect(await other.put({ key: 'b', value: bytes('x') })).toEqual({ revision: 4 });
      proxy.refuse = false;
      await until(() => seen.ends.length > 0);
      expect(seen.ends).toEqual(['compacted']);
      expect(
        (await store.range({ key: '\0', end: '\0' })).kvs.map(
          (kv) => `${kv.key} ${kv.modRevision}`,
        ),
      ).toEqual(['a 3', 'b 4']);
      expect(await store.put({ key: 'a', value: bytes('4') })).toEqual({ revision: 5 });
    },
  );

  test('whose log has a hole is not believed', async () => {
    fresh();
    const store = await open(proxy.port);
    await store.put({ key: 'a', value: bytes('1') });
    proxy.refuse = true;
    proxy.cut();
    await postgres.sql(
      "INSERT INTO skiff_log VALUES (3, 9, '\\x00'); UPDATE skiff_head SET seq = 3, revision = 3",
      database,
    );
    proxy.refuse = false;
    await until(
      async () =>
        (await store.range({ key: 'a' }).catch((error: { code: string }) => error.code)) ===
        'CORRUPT',
    );
    await postgres.sql(
      'DELETE FROM skiff_log WHERE seq = 3; UPDATE skiff_head SET seq = 1, revision = 2',
      database,
    );
    await until(
      async () =>
        (await store.put({ key: 'a', value: bytes('2') }).catch(() => undefined)) !== undefined,
    );
  });
});
