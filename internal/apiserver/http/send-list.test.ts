import { Buffer } from 'node:buffer';
import { Writable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import type { KeyValue } from '../../store/store.ts';
import type { Listed } from '../registry/list.ts';
import { runsOf } from '../registry/runs.ts';
import { ListCache } from './list-cache.ts';
import type { ListForm } from './list-form.ts';
import { sendList } from './send-list.ts';

const value = Buffer.alloc(10_000, 'x');

const record = (i: number, modRevision = i, bytes = value): KeyValue => ({
  key: `/registry/configmaps/default/c${String(i).padStart(6, '0')}`,
  value: bytes,
  createRevision: i,
  modRevision,
  version: 1,
  lease: '0',
});

const records = (count: number, bytes = value): KeyValue[] =>
  Array.from({ length: count }, (_, i) => record(i, i, bytes));

/** A fake answer whose client reads only when told to. */
class SlowAnswer extends Writable {
  headersSent = false;
  status = 0;
  took = '';
  #take: (() => void) | undefined;
  #open = false;

  writeHead(status: number): void {
    this.status = status;
    this.headersSent = true;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.took += chunk.toString();
    if (this.#open) setImmediate(done);
    else this.#take = done;
  }

  takeAll(): void {
    this.#open = true;
    this.#take?.();
  }
}

function listing(count: number, options: { measured?: boolean; failAt?: number } = {}) {
  const clock = new FakeClock();
  const lists = new ListCache(clock);
  const kvs = records(count);
  let made = 0;
  const form: ListForm = {
    name: options.measured ? 'protobuf' : 'json',
    contentType: 'x/y',
    items: (some) => {
      made += some.length;
      if (some.some((kv) => kv === kvs[options.failAt ?? -1])) throw new Error('broken');
      return Buffer.from(some.map((kv) => `${kv.key.slice(-7)}${value}`).join(','));
    },
    between: Buffer.from(','),
    head: (bytes) => Buffer.from(options.measured ? `${bytes}:[` : '['),
    tail: Buffer.from(']'),
    measured: options.measured === true,
  };
  const answer = new SlowAnswer();
  const listed: Listed = { kvs, revision: 1, continue: '', whole: true };
  const exchange = { answer, warnings: [], auditId: 'a' } as never;
  const server = { core: { clock }, lists, flowControl: { requestTimeoutMs: 60_000 } };
  const send = (): Promise<void> =>
    sendList(server as never, exchange, 200, { resource: { engine: {} } as never, listed, form });
  return { answer, clock, lists, listed, send, made: () => made };
}

const whole = (kvs: readonly KeyValue[]): string =>
  `[${kvs.map((kv) => `${kv.key.slice(-7)}${value}`).join(',')}]`;

test('a list is made at the pace of its client', async () => {
  const { answer, listed, made, send } = listing(2000);
  const done = send();
  await vi.waitFor(() => expect(answer.writableLength).toBeGreaterThan(512 * 1024));
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Half a megabyte waits, and the run that was being made.
  expect(made()).toBeLessThan(100);
  answer.takeAll();
  await done;
  await vi.waitFor(() => expect(answer.writableFinished).toBe(true));
  expect(made()).toBe(2000);
  expect(answer.took === whole(listed.kvs)).toBe(true);
});

test('nothing more is made for a client that left or takes longer than it may', async () => {
  for (const leave of ['left', 'late'] as const) {
    const { answer, clock, made, send } = listing(2000);
    const done = send();
    await vi.waitFor(() => expect(answer.writableLength).toBeGreaterThan(512 * 1024));
    if (leave === 'left') answer.destroy();
    else await clock.advance(60_000);
    await done;
    expect(answer.destroyed).toBe(true);
    expect(made()).toBeLessThan(100);
  }
});

test('a head that tells how long the items are is right', async () => {
  for (const [count, times] of [
    [100, 1],
    [2000, 2],
  ] as const) {
    const { answer, listed, made, send } = listing(count, { measured: true });
    answer.takeAll();
    await send();
    await vi.waitFor(() => expect(answer.writableFinished).toBe(true));
    const items = whole(listed.kvs).slice(1, -1);
    expect(answer.took === `${items.length}:[${items}]`).toBe(true);
    expect(made()).toBe(count * times);
  }
});

test('a list that cannot be made is broken off, never ended', async () => {
  const { answer, send } = listing(2000, { failAt: 1500 });
  answer.takeAll();
  await expect(send()).rejects.toThrow('broken');
  expect(answer.status).toBe(200);
  expect(answer.destroyed).toBe(true);
  expect(answer.writableFinished).toBe(false);
  const measured = listing(2000, { failAt: 1500, measured: true });
  await expect(measured.send()).rejects.toThrow('broken');
  expect(measured.answer.headersSent).toBe(false);
});

test('runs are made once for all who list soon, and forgotten when nobody does', async () => {
  const { answer, clock, lists, made, send } = listing(500);
  answer.takeAll();
  await send();
  const first = made();
  expect(first).toBe(500);
  expect(lists.bytes).toBeGreaterThan(4_000_000);
  await send().catch(() => undefined);
  await clock.advance(9_000);
  expect(lists.bytes).toBeGreaterThan(0);
  await clock.advance(11_000);
  expect(lists.bytes).toBe(0);
});

test('a change makes one run again, and the cache keeps no more than it may', () => {
  const lists = new ListCache(new FakeClock());
  const resource = {} as never;
  const small = Buffer.alloc(500);
  const before = records(3000, small);
  const made: number[] = [];
  const all = (kvs: readonly KeyValue[]): void => {
    for (const { from, to } of runsOf(kvs))
      lists.run(resource, 'json', kvs.slice(from, to), () => {
        made.push(to - from);
        return Buffer.alloc(1000 * (to - from));
      });
  };
  all(before);
  made.length = 0;
  all(before);
  expect(made).toEqual([]);
  all(before.map((kv, i) => (i === 1234 ? record(i, 5000, small) : kv)));
  expect(made.length).toBe(1);
  all(before.filter((_, i) => i !== 1234));
  expect(made.length).toBeLessThan(5);
  all(records(60_000));
  expect(lists.bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
});
