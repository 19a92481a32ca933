import { describe, expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import { StoreError } from './errors.ts';
import { LogStore } from './log-store.ts';
import { recover } from './recovery.ts';
import { keyOf, prefixEnd, type KeyValue, type StoreEvent } from './store.ts';
import { MemoryJournal } from './testing/memory-journal.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const plain = (kv: KeyValue): object => ({
  key: kv.key,
  value: Buffer.from(kv.value).toString(),
  create: kv.createRevision,
  mod: kv.modRevision,
  version: kv.version,
  lease: kv.lease,
});

interface Opened {
  store: LogStore;
  journal: MemoryJournal;
  clock: FakeClock;
}

function open(from?: MemoryJournal, clock = new FakeClock(), historyMs = 300_000): Opened {
  const { recovered, census } = recover(from?.log() ?? [], clock);
  const journal = new MemoryJournal(new Map(from?.log()), census);
  return {
    store: new LogStore({
      journal,
      recovered,
      clock,
      log: silentLog,
      random: seededRandom(1),
      historyMs,
    }),
    journal,
    clock,
  };
}

async function everything(store: LogStore): Promise<object[]> {
  return (await store.range({ key: '\0', end: '\0' })).kvs.map(plain);
}

/** A commit that goes on when told. */
function gated(journal: MemoryJournal): () => void {
  let go: () => void = () => undefined;
  journal.gate = new Promise((resolve) => (go = resolve));
  return go;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('reads of the past', () => {
  test('a negative revision is the newest for a range, and gone in a transaction', async () => {
    const { store } = open();
    await store.put({ key: 'a', value: bytes('1') });
    await store.put({ key: 'a', value: bytes('2') });
    const inside = (revision: number): Promise<unknown> =>
      store.txn({ compare: [], success: [{ op: 'range', key: 'a', revision }], failure: [] });
    // Before the first compaction etcd's oldest revision is -1.
    await expect(inside(-1)).resolves.toMatchObject({ succeeded: true });
    await expect(inside(-2)).rejects.toMatchObject({ code: 'COMPACTED' });
    await store.compact(2);
    await expect(inside(-1)).rejects.toMatchObject({ code: 'COMPACTED' });
    expect((await store.range({ key: 'a', revision: -1 })).kvs.map(plain)).toMatchObject([
      { value: '2' },
    ]);
    await store.close();
  });
});

describe('publication', () => {
  test('nobody sees a write before it is durable, and the next one builds on it', async () => {
    const { store, journal } = open();
    const events: string[] = [];
    store.watch({
      key: 'a',
      onEvents: (list, revision) =>
        events.push(...list.map((e) => `${e.type} ${e.kv.key}@${e.kv.modRevision}/${revision}`)),
      onEnd: () => undefined,
    });
    const go = gated(journal);
    const first = store.put({ key: 'a', value: bytes('1') });
    await turn();
    const second = store.txn({
      compare: [{ key: 'a', target: 'VERSION', result: 'EQUAL', operand: 1 }],
      success: [{ op: 'put', key: 'a', value: bytes('2') }],
      failure: [],
    });
    await turn();
    expect(await everything(store)).toEqual([]);
    expect(events).toEqual([]);
    expect(store.revision).toBe(1);
    go();
    expect((await first).revision).toBe(2);
    expect(await second).toMatchObject({ succeeded: true, revision: 3 });
    expect(events).toEqual(['PUT a@2/2', 'PUT a@3/3']);
    await store.close();
  });

  test('writes that come together share a commit', async () => {
    const { store, journal } = open();
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => store.put({ key: `k${i}`, value: bytes('x') })),
    );
    expect(journal.commits).toBe(1);
    await store.close();
  });

  test('a commit that fails takes back what was applied, and what was built on it', async () => {
    const { store, journal } = open();
    await store.put({ key: 'a', value: bytes('1') });
    const before = await everything(store);
    journal.failures.push(new StoreError('NO_SPACE', 'full'));
    const go = gated(journal);
    const lost = [
      store.put({ key: 'a', value: bytes('2') }),
      store.put({ key: 'b', value: bytes('2') }),
      store.leaseGrant({ ttlSeconds: 60, id: '5' }),
    ];
    await turn();
    lost.push(store.deleteRange({ key: 'a' }), store.put({ key: 'a', value: bytes('3') }));
    go();
    const results = await Promise.allSettled(lost);
    expect(
      results.map((r) => (r.status === 'rejected' ? (r.reason as StoreError).code : r.status)),
    ).toEqual(Array.from({ length: 5 }, () => 'NO_SPACE'));
    expect(await everything(store)).toEqual(before);
    expect(await store.leases()).toEqual([]);
    expect((await store.put({ key: 'b', value: bytes('4') })).revision).toBe(3);
    const again = open(journal);
    expect(await everything(again.store)).toEqual(await everything(store));
    await store.close();
  });
});

describe('recovery', () => {
  test('the same keys, revisions, versions and history', async () => {
    const { store, journal } = open();
    await store.leaseGrant({ ttlSeconds: 60, id: '7' });
    for (let i = 0; i < 3; i++) await store.put({ key: 'a', value: bytes(String(i)), lease: '7' });
    await store.put({ key: keyOf('ü'), value: bytes('x') });
    await store.deleteRange({ key: keyOf('ü') });
    const again = open(journal);
    expect(again.store.revision).toBe(6);
    expect(await everything(again.store)).toEqual(await everything(store));
    expect((await again.store.range({ key: 'a', revision: 3 })).kvs.map(plain)).toEqual(
      (await store.range({ key: 'a', revision: 3 })).kvs.map(plain),
    );
    expect((await again.store.leaseTimeToLive('7', { keys: true })).keys).toEqual(['a']);
    expect(again.store.hashKv(0)).toEqual(store.hashKv(0));
  });

  test('a damaged, missing or foreign row is found', async () => {
    const { store, journal } = open();
    for (let i = 0; i < 20; i++) await store.put({ key: `k${i}`, value: bytes('value') });
    const log = journal.log();
    const flipped = log.map(([seq, row]): [number, Buffer] => [seq, Buffer.from(row)]);
    (flipped[4] as [number, Buffer])[1][20] ^= 1;
    expect(() => recover(flipped, new FakeClock())).toThrow(/row 5 of the log is damaged/);
    expect(() =>
      recover(
        log.filter(([seq]) => seq !== 7),
        new FakeClock(),
      ),
    ).toThrow(/has 19 rows where its seal knows 20/);
    const swapped = log.map(([seq, row]): [number, Buffer] => [
      seq,
      seq === 3 ? (log[3] as [number, Buffer])[1] : row,
    ]);
    expect(() => recover(swapped, new FakeClock())).toThrow(/damaged/);
  });

  test('a lease lives no longer for a restart, and one that is kept alive no shorter', async () => {
    const { store, journal, clock } = open();
    await store.leaseGrant({ ttlSeconds: 100, id: '1' });
    await store.leaseGrant({ ttlSeconds: 100, id: '2' });
    await store.put({ key: 'one', value: bytes(''), lease: '1' });
    await clock.advance(60_000);
    await store.leaseKeepAlive('2');
    const later = new FakeClock(clock.now() + 30_000);
    const again = open(journal, later);
    expect((await again.store.leaseTimeToLive('1')).ttlSeconds).toBe(10);
    expect((await again.store.leaseTimeToLive('2')).ttlSeconds).toBe(100);
    await later.advance(12_000);
    expect(await again.store.leases()).toEqual(['2']);
    expect(await everything(again.store)).toEqual([]);
    // A clock that jumped back must not lengthen it.
    expect((await open(journal, new FakeClock(0)).store.leaseTimeToLive('1')).ttlSeconds).toBe(100);
  });
});

describe('soft state', () => {
  const beat = (store: LogStore, i: number): Promise<unknown> =>
    store.put({ key: '/leases/node', value: bytes(`beat ${i}`), soft: true });

  test('is visible at once, costs few commits, and only it is lost in a power cut', async () => {
    const { store, journal, clock } = open();
    await store.put({ key: 'pod', value: bytes('hard') });
    for (let i = 0; i < 50; i++) {
      await beat(store, i);
      await clock.advance(1000);
    }
    expect(await everything(store)).toMatchObject([
      { key: '/leases/node', value: 'beat 49', version: 50 },
      { key: 'pod' },
    ]);
    expect(journal.commits).toBeLessThanOrEqual(3);
    const again = open(journal);
    expect(await everything(again.store)).toMatchObject([
      { key: '/leases/node', value: 'beat 0' },
      { key: 'pod', value: 'hard' },
    ]);
    // No revision that was handed out is ever given to something else, and watches of the time
    // before are told.
    expect(again.store.revision).toBeGreaterThan(store.revision);
    let ended: unknown;
    again.store.watch({
      key: 'pod',
      startRevision: store.revision + 1,
      onEvents: () => undefined,
      onEnd: (why) => (ended = why),
    });
    await turn();
    expect(ended).toMatchObject({ reason: 'compacted' });
  });

  test('is flushed after five minutes, and kept by a stop in order', async () => {
    const { store, journal, clock } = open();
    for (let i = 0; i < 40; i++) {
      await beat(store, i);
      await clock.advance(10_000);
    }
    expect(await everything(open(journal).store)).toMatchObject([
      { value: expect.stringMatching(/^beat (29|30|31)$/) as string },
    ]);
    await beat(store, 99);
    const last = store.revision;
    await store.close();
    const again = open(journal);
    expect(await everything(again.store)).toMatchObject([{ value: 'beat 99' }]);
    expect(again.store.revision).toBe(last);
    // Versions between were never written: history before the stop has gaps and must not be read.
    await expect(
      again.store.range({ key: '/leases/node', revision: last - 3 }),
    ).rejects.toMatchObject({ code: 'COMPACTED' });
  });

  test('deletions leave nothing on disk', async () => {
    const { store, journal, clock } = open();
    await store.leaseGrant({ ttlSeconds: 60, id: '9' });
    for (let i = 0; i < 10; i++)
      await store.put({ key: `/events/${i}`, value: bytes('e'), lease: '9', soft: true });
    await store.close();
    const again = open(journal, new FakeClock(clock.now()));
    expect(
      (await again.store.range({ key: '/events/', end: prefixEnd('/events/'), countOnly: true }))
        .count,
    ).toBe(10);
    // The first write after a start is hard: it reserves revisions for those to come.
    await again.store.put({ key: 'x', value: bytes(''), soft: true });
    await again.clock.advance(61_000);
    await again.store.close();
    expect(await everything(open(again.journal).store)).toMatchObject([{ key: 'x' }]);
    expect(again.journal.rows.size).toBe(2);
  });
});

describe('compaction', () => {
  test('by the clock: five minutes of history stay, rows go, nothing ticks after', async () => {
    const { store, journal, clock } = open();
    for (let i = 0; i < 100; i++) {
      await store.put({ key: 'a', value: bytes(String(i)) });
      await clock.advance(10_000);
    }
    expect(store.compactRevision).toBeGreaterThan(60);
    expect(store.compactRevision).toBeLessThan(store.revision - 28);
    await expect(
      store.range({ key: 'a', revision: store.compactRevision - 1 }),
    ).rejects.toMatchObject({ code: 'COMPACTED' });
    expect((await store.range({ key: 'a', revision: store.compactRevision })).kvs).toHaveLength(1);
    await clock.advance(600_000);
    expect(clock.timers).toBe(0);
    await store.close();
    expect(journal.rows.size).toBeLessThan(5);
    expect(await everything(open(journal).store)).toMatchObject([
      { value: '99', version: 100, create: 2 },
    ]);
  });

  test('by size: history is cut when it takes too much memory', async () => {
    const { recovered, census } = recover([], new FakeClock());
    const journal = new MemoryJournal(new Map(), census);
    const store = new LogStore({
      journal,
      recovered,
      clock: new FakeClock(),
      log: silentLog,
      random: seededRandom(1),
      historyMs: 300_000,
      maxHistoryBytes: 100_000,
    });
    for (let i = 0; i < 2000; i++) await store.put({ key: 'a', value: Buffer.alloc(100) });
    expect(store.compactRevision).toBeGreaterThan(1600);
    expect(store.revision - store.compactRevision).toBeGreaterThan(100);
    await store.close();
    expect(journal.rows.size).toBeLessThan(400);
  });

  test('deleted keys are forgotten', async () => {
    const { store, journal } = open();
    for (let i = 0; i < 50; i++) await store.put({ key: `k${i}`, value: bytes('x') });
    await store.deleteRange({ key: 'k', end: 'l' });
    await store.put({ key: 'z', value: bytes('x') });
    await store.compact(store.revision);
    await store.close();
    expect(journal.rows.size).toBeLessThanOrEqual(2);
    expect(await everything(open(journal).store)).toMatchObject([{ key: 'z' }]);
  });
});

describe('watches', () => {
  test('from the past: whole history in order, then what comes', async () => {
    const { store } = open();
    for (let i = 0; i < 5000; i++) void store.put({ key: `k${i % 10}`, value: bytes(String(i)) });
    await store.put({ key: 'k0', value: bytes('last') });
    const seen: StoreEvent[] = [];
    const watch = store.watch({
      key: 'k',
      end: 'l',
      startRevision: 2,
      prevKv: true,
      onEvents: (list) => seen.push(...list),
      onEnd: () => undefined,
    });
    await store.put({ key: 'k1', value: bytes('new') });
    expect(await watch.progress()).toBe(5003);
    expect(seen.map((e) => e.kv.modRevision)).toEqual(
      Array.from({ length: 5002 }, (_, i) => i + 2),
    );
    expect(
      seen
        .slice(10)
        .every((e) => e.prevKv?.key === e.kv.key && e.prevKv.version === e.kv.version - 1),
    ).toBe(true);
    watch.cancel();
    expect(store.watches).toBe(0);
  });

  test('a watch may be cancelled, and others made, from within a callback', async () => {
    const { store } = open();
    const seen: string[] = [];
    const first = store.watch({
      key: 'a',
      onEvents: () => {
        seen.push('first');
        first.cancel();
        store.watch({
          key: 'a',
          onEvents: (list) => seen.push(`second ${list.length}`),
          onEnd: () => undefined,
        });
      },
      onEnd: () => undefined,
    });
    await store.put({ key: 'a', value: bytes('1') });
    await store.put({ key: 'a', value: bytes('2') });
    expect(seen).toEqual(['first', 'second 1']);
  });
});

test('one write may change more keys than a call may have arguments', async () => {
  const many = 130_000;
  const { store, journal, clock } = open();
  await store.txn({
    compare: [],
    success: Array.from({ length: many }, (_, i) => ({
      op: 'put',
      key: `k${i}`,
      value: bytes('v'),
    })),
    failure: [],
  });
  expect(await store.deleteRange({ key: 'k', end: 'l' })).toMatchObject({
    deleted: many,
    revision: 3,
  });
  await store.compact(store.revision);
  await store.put({ key: 'other', value: bytes('x') });
  await store.close();
  const again = open(journal, clock).store;
  expect(await everything(again)).toMatchObject([{ key: 'other' }]);
  await again.close();
});
