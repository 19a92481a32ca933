import { expect, it } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { FakeFiles } from '../io/disk.fake.ts';
import { silentLog } from '../io/log.ts';
import { startHousekeeping } from './housekeeping.ts';

/** The looks at all pods in the first 75 s. */
async function looksOf(foundAny: boolean): Promise<number> {
  const clock = new FakeClock();
  let looks = 0;
  const stop = startHousekeeping({
    cri: {},
    pods: { foundAny, workers: () => [], relist: () => looks++, wake: () => undefined },
    events: { warning: () => undefined },
    machine: { room: () => Promise.resolve(undefined), isReadOnly: () => false },
    pressure: () => undefined,
    pinned: () => new Set(),
    agentDir: '/agent',
    logRoot: '/logs',
    clock,
    disk: new FakeFiles().disk,
    log: silentLog,
  } as never);
  await clock.advance(75_000);
  stop();
  expect(clock.timers).toBe(0);
  return looks;
}

it('looks again at pods of an earlier life: an end may have come too late', async () => {
  expect(await looksOf(true)).toBeGreaterThanOrEqual(6);
  expect(await looksOf(false)).toBe(0);
});
