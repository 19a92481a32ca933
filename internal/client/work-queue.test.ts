import { describe, expect, it } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { WorkQueue } from './work-queue.ts';

const queue = (
  clock: FakeClock,
  reconcile: (key: string) => Promise<void>,
  more: object = {},
): WorkQueue => {
  const q = new WorkQueue({ name: 'test', clock, log: silentLog, reconcile, ...more });
  q.start();
  return q;
};

describe('work queue', () => {
  it('works on a key once however often asked, and again when asked meanwhile', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    let release: () => void = () => undefined;
    const q = queue(clock, async (key) => {
      seen.push(key);
      await new Promise<void>((resolve) => (release = resolve));
    });
    q.add('a');
    q.add('a');
    await clock.advance(0);
    expect(seen).toEqual(['a']);
    q.add('a');
    release();
    await clock.advance(0);
    expect(seen).toEqual(['a', 'a']);
    release();
    await q.idle();
  });

  it('never runs more keys at once than allowed', async () => {
    const clock = new FakeClock();
    let running = 0;
    let most = 0;
    const q = queue(
      clock,
      async () => {
        most = Math.max(most, ++running);
        await Promise.resolve();
        running -= 1;
      },
      { concurrency: 2 },
    );
    for (const key of 'abcdefgh') q.add(key);
    await q.idle();
    expect(most).toBe(2);
  });

  it('doubles the wait after each failure and forgets it after a success', async () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const q = queue(clock, () => {
      at.push(clock.monotonicMs());
      return at.length < 4 ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    q.add('a');
    await clock.advance(0); // the first try runs before time moves
    await clock.advance(1000);
    expect(at).toEqual([0, 5, 15, 35]);
    expect(q.failures('a')).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('keeps the earliest of several delays', async () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const q = queue(clock, () => {
      at.push(clock.monotonicMs());
      return Promise.resolve();
    });
    q.addAfter('a', 100);
    q.addAfter('a', 50);
    q.addAfter('a', 70);
    await clock.advance(1000);
    expect(at).toEqual([50]);
  });
});
