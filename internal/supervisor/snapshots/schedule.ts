import type { CronSchedule } from '../../api/cron/cron.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';

/**
 * Timers cannot be longer than 24 days; a clock that was set is noticed at the latest after this.
 */
const longestSleepMs = 24 * 3600_000;
/** A machine that was off at the time makes up for it, but not while everything else starts. */
const makeUpAfterMs = 2 * 3600_000;
/** Timers may ring a little before the wall clock shows the time. */
const earlyMs = 1000;

export interface ScheduleOptions {
  schedule: CronSchedule;
  clock: Clock;
  log: Log;
  /** When the newest snapshot was taken; undefined when there is none. */
  newestMs(): Promise<number | undefined>;
  take(): Promise<void>;
}

/**
 * Runs `take` at the times of a cron schedule, by one timer for the next of them. Returns how to
 * stop.
 */
export async function startSchedule(options: ScheduleOptions): Promise<() => void> {
  const { schedule, clock, log } = options;
  let timer: Timer | undefined;
  let stopped = false;
  const take = async (): Promise<void> => {
    try {
      await options.take();
    } catch (error) {
      log.error('the scheduled snapshot failed', { error: messageOf(error) });
    }
  };
  const arm = (dueMs: number | undefined): void => {
    if (stopped || dueMs === undefined) return;
    const waitMs = Math.min(longestSleepMs, Math.max(0, dueMs - clock.now()));
    timer = clock.after('snapshot.schedule', waitMs, () => {
      timer = undefined;
      if (clock.now() + earlyMs < dueMs)
        return arm(Math.min(dueMs, schedule.next(clock.now()) ?? dueMs));
      void take().then(() => arm(schedule.next(Math.max(dueMs, clock.now()))));
    });
  };
  // The clock was set: the timer waits for a time that is not the schedule's any more.
  const unfollow = clock.onJump(() => {
    if (!timer) return;
    timer.cancel();
    arm(schedule.next(clock.now()));
  });
  const next = schedule.next(clock.now());
  const newest = await options.newestMs();
  const missed = newest === undefined || (schedule.next(newest) ?? Infinity) <= clock.now();
  arm(next === undefined ? undefined : missed ? Math.min(next, clock.now() + makeUpAfterMs) : next);
  return () => {
    stopped = true;
    unfollow();
    timer?.cancel();
  };
}
