import type { CronJob } from '../../api/generated/types/batch-v1.ts';
import { msOf } from '../../api/times.ts';
import type { CronSchedule } from '../../api/cron/cron.ts';

/**
 * A little late is better than a little early: clocks of servers differ (k/k nextScheduleDelta).
 */
const delayMs = 100;
/** More missed starts than this point to a wrong clock. */
const manyMissed = 100;

export interface Due {
  /** The start that is due now, if any. */
  dueMs: number | undefined;
  tooManyMissed: boolean;
  /** The schedule names no time at all, as the 30th of February. */
  never: boolean;
  /** How long until the next look. */
  nextInMs: number | undefined;
}

export function whenDue(cron: CronJob, schedule: CronSchedule, nowMs: number): Due {
  const recent = mostRecent(cron, schedule, nowMs, true);
  const plain = mostRecent(cron, schedule, nowMs, false);
  if (schedule.next(plain.earliestMs) === undefined)
    return { dueMs: undefined, tooManyMissed: false, never: true, nextInMs: undefined };
  const from = plain.timeMs ?? (plain.missed > 0 ? nowMs : plain.earliestMs);
  const next = schedule.next(from);
  return {
    dueMs: recent.timeMs,
    never: false,
    tooManyMissed: recent.timeMs !== undefined && recent.missed > manyMissed,
    nextInMs: next === undefined ? undefined : Math.max(delayMs, next + delayMs - nowMs),
  };
}

function mostRecent(
  cron: CronJob,
  schedule: CronSchedule,
  nowMs: number,
  withDeadline: boolean,
): { earliestMs: number; timeMs: number | undefined; missed: number } {
  let earliestMs = cron.status?.lastScheduleTime
    ? msOf(cron.status.lastScheduleTime)
    : msOf(cron.metadata.creationTimestamp);
  const { startingDeadlineSeconds } = cron.spec;
  if (withDeadline && startingDeadlineSeconds !== undefined)
    earliestMs = Math.max(earliestMs, nowMs - startingDeadlineSeconds * 1000);
  const first = schedule.next(earliestMs);
  if (first === undefined || first > nowMs) return { earliestMs, timeMs: undefined, missed: 0 };
  const second = schedule.next(first);
  if (second === undefined || second > nowMs) return { earliestMs, timeMs: first, missed: 0 };
  const missed = Math.floor((nowMs - first) / (second - first)) + 1;
  // Leaps over years of missed starts instead of counting them one by one.
  let timeMs = first;
  let at = schedule.next(first + Math.max(0, missed - 2) * (second - first));
  while (at !== undefined && at <= nowMs) {
    timeMs = at;
    at = schedule.next(at);
  }
  return { earliestMs, timeMs, missed };
}
