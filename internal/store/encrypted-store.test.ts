import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { realClock } from '../io/clock.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import type { Encryption } from './cipher.ts';
import { EncryptedStore, keyIdOf } from './encrypted-store.ts';
import { LogStore } from './log-store.ts';
import { recover } from './recovery.ts';
import type { StoreEvent, WatchRequest } from './store.ts';
import { MemoryJournal } from './testing/memory-journal.ts';

const prefixes = ['/registry/secrets/'];
const random = seededRandom(11);
const key = (id: number): Encryption['keys'][number] => ({ id, key: random.bytes(32) });
const [one, two] = [key(1), key(0xfffffffe)];
const under = (...keys: Encryption['keys']): Encryption => ({ prefixes, keys });
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
const all = { key: '/registry/', end: '/registry0' };
const secret = (name: string): string => `/registry/secrets/default/${name}`;

let inner: LogStore;
beforeEach(() => {
  const clock = new FakeClock();
  inner = new LogStore({
    journal: new MemoryJournal(),
    recovered: recover([], clock).recovered,
    clock,
    log: silentLog,
    random,
    historyMs: 0,
  });
});
const raw = async (): Promise<string> =>
  (await inner.range(all)).kvs.map((kv) => text(kv.value)).join('\n');

interface Seen {
  events: StoreEvent[];
  ends: Parameters<WatchRequest['onEnd']>[0][];
  request: WatchRequest;
}
function seeing(range: { key: string; end?: string; startRevision?: number }): Seen {
  const seen: Omit<Seen, 'request'> = { events: [], ends: [] };
  return {
    ...seen,
    request: {
      ...range,
      prevKv: true,
      onEvents: (events) => void seen.events.push(...events),
      onEnd: (why) => void seen.ends.push(why),
    },
  };
}

describe('values of the chosen prefixes', () => {
  test('are stored unreadable and read by every way as they were written', async () => {
    const store = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
    });
    const seen = seeing({ ...all });
    const watch = store.watch(seen.request);
    await store.put({ key: secret('a'), value: bytes('correct horse') });
    await store.put({ key: '/registry/pods/default/p', value: bytes('battery staple') });
    const swapped = await store.txn({
      compare: [{ key: secret('a'), target: 'VERSION', result: 'EQUAL', operand: 1 }],
      success: [
        { op: 'put', key: secret('a'), value: bytes('correct donkey'), prevKv: true },
        {
          op: 'txn',
          compare: [],
          success: [{ op: 'put', key: secret('b'), value: bytes('nested mule') }],
          failure: [],
        },
        { op: 'range', key: secret('a') },
      ],
      failure: [],
    });
    expect(await raw()).not.toMatch(/horse|donkey|mule/);
    expect(await raw()).toContain('battery staple');
    expect(swapped).toMatchObject({
      succeeded: true,
      responses: [{ op: 'put' }, { op: 'txn', succeeded: true }, { op: 'range', count: 1 }],
    });
    const [put, , range] = swapped.responses;
    expect([
      put?.op === 'put' && text(put.prevKv?.value),
      range?.op === 'range' && text(range.kvs[0]?.value),
    ]).toEqual(['correct horse', 'correct donkey']);
    expect((await store.range(all)).kvs.map((kv) => text(kv.value))).toEqual([
      'battery staple',
      'correct donkey',
      'nested mule',
    ]);
    expect(text((await store.range({ key: secret('a'), revision: 2 })).kvs[0]?.value)).toBe(
      'correct horse',
    );
    expect(
      (await store.range({ ...all, keysOnly: true })).kvs.map((kv) => kv.value.length),
    ).toEqual([0, 0, 0]);
    expect(
      text((await store.put({ key: secret('b'), value: bytes('x'), prevKv: true })).prevKv?.value),
    ).toBe('nested mule');
    expect(
      (await store.deleteRange({ ...all, prevKv: true })).prevKvs.map((kv) => text(kv.value)),
    ).toEqual(['battery staple', 'correct donkey', 'x']);
    expect(
      seen.events
        .filter((e) => e.kv.key === secret('a'))
        .map((e) => [e.type, text(e.kv.value), text(e.prevKv?.value)]),
    ).toEqual([
      ['PUT', 'correct horse', ''],
      ['PUT', 'correct donkey', 'correct horse'],
      ['DELETE', '', 'correct donkey'],
    ]);
    expect(await watch.progress()).toBe(store.revision);
    watch.cancel();
  });

  test('pass through the same objects when they are none of its own', async () => {
    const store = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
    });
    await store.put({ key: '/registry/pods/default/p', value: bytes('p') });
    expect((await store.range({ key: '/registry/pods/default/p' })).kvs[0]).toBe(
      (await inner.range({ key: '/registry/pods/default/p' })).kvs[0],
    );
  });

  test('cannot be compared or sorted by, and all else can', async () => {
    const store = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
    });
    const compare = (range: { key: string; end?: string }) =>
      store.txn({
        compare: [{ ...range, target: 'VALUE', result: 'EQUAL', operand: bytes('x') }],
        success: [],
        failure: [],
      });
    for (const range of [
      { key: secret('a') },
      { key: '/', end: '0' },
      { key: '/registry/secrets', end: '\0' },
    ])
      await expect(compare(range)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        hint: 'go by revisions',
      });
    await expect(
      store.range({ ...all, sort: { target: 'VALUE', order: 'ASCEND' } }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await compare({ key: '/registry/secrets' })).toMatchObject({ succeeded: false });
    await store.put({ key: '/registry/pods/p', value: bytes('x') });
    expect(await compare({ key: '/registry/pods/', end: '/registry/pods0' })).toMatchObject({
      succeeded: true,
    });
  });

  test('cannot be put in the place of each other, nor changed', async () => {
    const store = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
    });
    await store.put({ key: secret('a'), value: bytes('a') });
    const stolen = (await inner.range({ key: secret('a') })).kvs[0]?.value as Uint8Array;
    await inner.put({ key: secret('b'), value: stolen });
    await expect(store.range({ key: secret('b') })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: /does not match/,
    });
    const bent = Uint8Array.from(stolen);
    bent[bent.length - 1] = (bent[bent.length - 1] as number) ^ 1;
    await inner.put({ key: secret('a'), value: bent });
    await expect(store.range({ key: secret('a') })).rejects.toMatchObject({ code: 'CORRUPT' });
    const seen = seeing({ ...all, startRevision: 2 });
    store.watch(seen.request);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.ends).toEqual([
      { reason: 'failed', message: expect.stringContaining('does not match') as string },
    ]);
  });
});

describe('a change of keys', () => {
  test(
    'rewrites what is under another key or none, keeps leases, and is refused nothing by ' +
      'concurrent writers',
    async () => {
      const store = new EncryptedStore(inner, {
        clock: realClock,
        betweenWalksMs: 0,
        encryption: { prefixes, keys: [] },
      });
      const { id } = await store.leaseGrant({ ttlSeconds: 1000 });
      for (let i = 0; i < 1200; i++)
        await store.put({
          key: secret(`s${i}`),
          value: bytes(`value ${i}`),
          ...(i === 7 ? { lease: id } : {}),
        });
      expect(await store.keyCensus()).toEqual({ plain: 1200, keys: [] });
      await store.encrypt(under(one));
      expect(await store.keyCensus()).toEqual({ plain: 0, keys: [[1, 1200]] });
      expect((await inner.range({ key: secret('s7') })).kvs[0]?.lease).toBe(id);
      let stop = false;
      let written = 0;
      const writers = Array.from({ length: 4 }, async (_, w) => {
        while (!stop) {
          await store.put({
            key: secret(`s${(written * 7 + w) % 1200}`),
            value: bytes(`again ${written++}`),
          });
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const steps: [number, number][] = [];
      await store.encrypt(under(two, one), (done, total) => steps.push([done, total]));
      stop = true;
      await Promise.all(writers);
      expect(written).toBeGreaterThan(10);
      expect(steps.at(-1)).toEqual([1200, 1200]);
      expect(await store.keyCensus()).toEqual({ plain: 0, keys: [[two.id, 1200]] });
      // The new key alone reads everything there is.
      const later = new EncryptedStore(inner, {
        clock: realClock,
        betweenWalksMs: 0,
        encryption: under(two),
      });
      expect(
        (await later.range({ key: secret(''), end: '/registry/secrets0' })).kvs.every((kv) =>
          /^(value|again) \d+$/.test(text(kv.value)),
        ),
      ).toBe(true);
      await later.encrypt({ ...under(two), plain: true });
      expect(await later.keyCensus()).toEqual({ plain: 1200, keys: [] });
      expect(await raw()).toMatch(/value \d+/);
    },
  );

  test('by another server is noticed in reads and watches, in order', async () => {
    const here = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
      reload: async () => (await new Promise((resolve) => setImmediate(resolve)), under(two, one)),
    });
    const there = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(two, one),
    });
    const seen = seeing(all);
    const watch = here.watch(seen.request);
    await there.put({ key: secret('a'), value: bytes('1') });
    await here.put({ key: '/registry/pods/default/p', value: bytes('2') });
    await there.put({ key: secret('a'), value: bytes('3') });
    expect(await watch.progress()).toBe(inner.revision);
    expect(watch.revision).toBe(inner.revision);
    expect(seen.events.map((e) => text(e.kv.value))).toEqual(['1', '2', '3']);
    await here.put({ key: secret('b'), value: bytes('4') });
    expect(keyIdOf((await inner.range({ key: secret('b') })).kvs[0]?.value as Uint8Array)).toBe(
      two.id,
    );
  });

  test('whose key nobody has is said in one line', async () => {
    await new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(two),
    }).put({ key: secret('a'), value: bytes('1') });
    const store = new EncryptedStore(inner, {
      clock: realClock,
      betweenWalksMs: 0,
      encryption: under(one),
    });
    await expect(store.range(all)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: 'a value is encrypted with the unknown key fffffffe',
      hint: 'put the encryption keys of this cluster back',
    });
    const seen = seeing({ ...all, startRevision: 2 });
    store.watch(seen.request);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.ends).toMatchObject([{ reason: 'failed' }]);
  });
});
