import { expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import type { Store, WatchRequest } from '../store/store.ts';
import { follow, type Change } from './follow.ts';
import { memoryStore } from './memory-store.fake.ts';

type End = Parameters<WatchRequest['onEnd']>[0];

/** A store whose watches end when told, and whose ranges fail when told. */
function breakable(): { store: Store; end(why: End): void; failures: number; ranges: number } {
  const inner = memoryStore();
  const open = new Set<{ cancel(): void; request: WatchRequest }>();
  const control = {
    failures: 0,
    ranges: 0,
    end(why: End): void {
      for (const one of [...open]) {
        open.delete(one);
        one.cancel();
        one.request.onEnd(why);
      }
    },
    store: {
      ...inner,
      get revision() {
        return inner.revision;
      },
      range: async (request: Parameters<Store['range']>[0]) => {
        control.ranges++;
        if (control.failures > 0) {
          control.failures--;
          throw Object.assign(new Error('the store is away'), { code: 'UNAVAILABLE' });
        }
        return inner.range(request);
      },
      watch: (request: WatchRequest) => {
        const watch = inner.watch(request);
        open.add({ cancel: () => watch.cancel(), request });
        return watch;
      },
    } as Store,
  };
  return control;
}

async function followed(): Promise<{
  told: string[];
  broken: ReturnType<typeof breakable>;
  clock: FakeClock;
  put(key: string): Promise<unknown>;
  remove(key: string): Promise<unknown>;
  stop(): void;
}> {
  const broken = breakable();
  const clock = new FakeClock();
  const told: string[] = [];
  const put = (key: string): Promise<unknown> => broken.store.put({ key, value: Buffer.from('v') });
  await put('/a/1');
  const onChanges = (changes: Change[]): void =>
    void told.push(
      ...changes.map(
        ({ key, kv, before }) => `${kv ? (before ? 'changed' : 'new') : 'gone'} ${key}`,
      ),
    );
  const { stop } = await follow({
    store: broken.store,
    clock,
    log: silentLog,
    name: 'things',
    prefix: '/a/',
    onChanges,
  }).then((f) => ({ stop: () => f.stop() }));
  return { told, broken, clock, put, remove: (key) => broken.store.deleteRange({ key }), stop };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('tells what is there, and then each change', async () => {
  const f = await followed();
  await f.put('/a/2');
  await f.put('/a/1');
  await f.put('/b/1');
  await f.remove('/a/2');
  expect(f.told).toEqual(['new /a/1', 'new /a/2', 'changed /a/1', 'gone /a/2']);
});

test.each<End>([
  { reason: 'compacted', compactRevision: 2 },
  { reason: 'slow' },
  { reason: 'failed', message: 'x' },
])('after a gap ($reason) it tells the difference, what was deleted meanwhile too', async (why) => {
  const f = await followed();
  await f.put('/a/2');
  f.told.length = 0;
  f.broken.failures = 1; // the gap lasts until the retry
  f.broken.end(why);
  await f.remove('/a/1');
  await f.put('/a/3');
  await turn();
  await f.clock.advance(100);
  await turn();
  expect(f.told).toEqual(['gone /a/1', 'new /a/3']);
  await f.put('/a/4');
  expect(f.told.at(-1)).toBe('new /a/4');
});

test('a store that is away is asked less and less often, and nothing is thrown', async () => {
  const f = await followed();
  f.broken.failures = 20;
  f.broken.ranges = 0;
  f.broken.end({ reason: 'slow' });
  await turn();
  for (let i = 0; i < 60; i++) {
    await f.clock.advance(1000);
    await turn();
  }
  expect(f.broken.ranges).toBeGreaterThan(5);
  expect(f.broken.ranges).toBeLessThan(15);
});

test('when stopped it asks and tells no more', async () => {
  const f = await followed();
  f.broken.failures = 1;
  f.broken.end({ reason: 'slow' });
  await turn();
  f.stop();
  f.told.length = 0;
  await f.put('/a/9');
  await f.clock.advance(60_000);
  await turn();
  expect(f.told).toEqual([]);
  expect(f.clock.timers).toBe(0);
});
