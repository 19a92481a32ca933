import { expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { HistoryWindow } from './history-window.ts';

/** Times with fractions, as a monotonic clock has them: sums of them are rounded. */
const beginnings = Array.from({ length: 200 }, (_, i) => i * 17.3 + i / 7);

test('a mark that is due goes at once, whatever was rounded', async () => {
  for (const beginning of beginnings) {
    const clock = new FakeClock();
    let timers = 0;
    const counting = {
      monotonicMs: () => clock.monotonicMs(),
      after: (op: string, ms: number, fn: () => void) => {
        // A window that waits for no time at all waits forever: time does not go by.
        if (++timers > 10) throw new Error('waits again and again');
        return clock.after(op, ms, fn);
      },
    };
    const compacted: number[] = [];
    await clock.advance(beginning);
    const window = new HistoryWindow(300_000, counting as never, (at) => compacted.push(at));
    window.published(1);
    await clock.advance(29_999.7);
    window.published(2);
    await clock.advance(299_999);
    expect(compacted).toEqual([]);
    await clock.advance(2);
    expect(compacted).toEqual([2]);
    await clock.advance(600_000);
    expect(timers).toBe(1);
  }
});
