import { expect, it } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { FakeFiles } from '../io/disk.fake.ts';
import { silentLog } from '../io/log.ts';
import { startHousekeeping } from './housekeeping.ts';

it('looks again at all pods in the first minute, for ends that came too late', async () => {
  const clock = new FakeClock();
  let looks = 0;
  const stop = startHousekeeping({
    cri: {},
    pods: { workers: () => [], relist: () => looks++, wake: () => undefined },
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
  await clock.advance(15_000);
  expect(looks).toBeGreaterThanOrEqual(2);
  await clock.advance(60_000);
  expect(looks).toBeGreaterThanOrEqual(6);
  stop();
});
