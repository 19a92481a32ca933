import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import { LogStore } from './log-store.ts';
import { recover } from './recovery.ts';
import { MemoryJournal } from './testing/memory-journal.ts';

let clock: FakeClock;
let collections: number;
let given: number;
let store: LogStore;
let journal: MemoryJournal;
const pass = async (seconds: number): Promise<void> => {
  for (let i = 0; i < seconds; i++) await clock.advance(1000);
};

beforeEach(() => {
  clock = new FakeClock();
  collections = 0;
  given = 0;
  const { recovered } = recover([], clock);
  journal = Object.assign(new MemoryJournal(), { giveBack: () => Promise.resolve(void given++) });
  store = new LogStore({
    journal,
    recovered,
    clock,
    log: silentLog,
    random: seededRandom(1),
    historyMs: 300_000,
    collectGarbage: () => void collections++,
  });
});

const churn = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) {
    await store.put({ key: `k${i}`, value: Buffer.alloc(50_000) });
    await store.deleteRange({ key: `k${i}` });
  }
};

describe('after much was written', () => {
  it('gives memory back once nobody writes, and not for a little', async () => {
    await churn(10);
    await pass(30);
    expect(collections).toBe(0);
    await churn(200);
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < 5; n++) await store.put({ key: 'busy', value: Buffer.alloc(1) });
      await clock.advance(1000);
    }
    expect(collections).toBe(0);
    await pass(10);
    expect([collections, given]).toEqual([1, 1]);
  });

  it('takes heartbeats for quiet', async () => {
    await churn(200);
    for (let i = 0; i < 10; i++) {
      await store.put({ key: 'lease', value: Buffer.alloc(300) });
      await clock.advance(1000);
    }
    expect(collections).toBe(1);
  });

  it('forgets history after 75 to 105 s, not minutes, and gives back what it took', async () => {
    const { revision } = await store.put({ key: 'early', value: Buffer.alloc(1) });
    await churn(400);
    await pass(70);
    await expect(store.range({ key: 'early', revision })).resolves.toBeDefined();
    const before = collections;
    await pass(50);
    await expect(store.range({ key: 'early', revision })).rejects.toThrow('compacted');
    expect(collections).toBe(before + 1);
    // Nothing is left to do, and nothing ticks.
    await pass(600);
    expect(collections).toBe(before + 1);
  });

  it('keeps little history for its whole time', async () => {
    const { revision } = await store.put({ key: 'early', value: Buffer.alloc(1) });
    await churn(100);
    await pass(290);
    await expect(store.range({ key: 'early', revision })).resolves.toBeDefined();
    await pass(60);
    await expect(store.range({ key: 'early', revision })).rejects.toThrow('compacted');
  });

  it('deletes all rows that nobody needs before it gives room back', async () => {
    await churn(200);
    for (let i = 0; i < 9000; i++) await store.put({ key: `m${i % 10}`, value: Buffer.alloc(1) });
    await pass(120);
    expect(journal.rows.size).toBeLessThan(100);
  });
});
