import { expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import { LogStore } from './log-store.ts';
import { recover } from './recovery.ts';
import { MemoryJournal } from './testing/memory-journal.ts';

test('memory is given back once much history is gone and nobody writes', async () => {
  const clock = new FakeClock();
  let collections = 0;
  const { recovered } = recover([], clock);
  const store = new LogStore({
    journal: new MemoryJournal(),
    recovered,
    clock,
    log: silentLog,
    random: seededRandom(1),
    historyMs: 300_000,
    collectGarbage: () => void collections++,
  });
  const churn = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await store.put({ key: `k${i}`, value: Buffer.alloc(50_000) });
      await store.deleteRange({ key: `k${i}` });
    }
  };
  await churn(10);
  await clock.advance(400_000);
  expect(collections).toBe(0);
  await churn(400);
  await clock.advance(330_500);
  // Somebody writes: V8 collects by itself.
  for (let i = 0; i < 20; i++) {
    await store.put({ key: 'busy', value: Buffer.alloc(1) });
    await clock.advance(500);
  }
  expect(collections).toBe(0);
  await clock.advance(2000);
  expect(collections).toBe(1);
  await clock.advance(600_000);
  expect(collections).toBe(1);
  await store.close();
});
