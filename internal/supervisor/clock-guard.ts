import { join } from 'node:path';
import type { Troubles } from '../client/troubles.ts';
import { wasSeen } from '../io/clock.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';

type Needs = Pick<Doors, 'clock' | 'disk' | 'log'>;

/**
 * The last time that was seen, in milliseconds since 1970: a clock without a battery begins before
 * it.
 */
const fileOf = (dataDir: string): string => join(dataDir, 'last-time');
/** A time this far beyond the build is some broken clock's, and no lesson. */
const mostYearsMs = 20 * 365 * 24 * 3600 * 1000;
/** The card is not worn for less. */
const worthWritingMs = 3600 * 1000;
const writesEveryMs = 12 * 3600 * 1000;
/**
 * A clock that goes back behind what was seen may be the right one, and the other was ahead: it is
 * believed after this long.
 */
const believedAfterMs = 3600 * 1000;

/** Before anything is dated: what time it has been already. */
export async function readLastTime(dataDir: string, { disk, clock }: Needs): Promise<number> {
  const text = (await disk.readIfThere('last time', fileOf(dataDir)))?.toString() ?? '';
  const seenMs = /^\d{12,14}\s*$/.test(text) ? Number(text) : 0;
  if (seenMs < clock.earliestMs() || seenMs > clock.earliestMs() + mostYearsMs) return 0;
  wasSeen(seenMs);
  return seenMs;
}

/** Says loudly that the clock was set, or is wrong; remembers the time for the next start. */
export function guardClock(options: {
  dataDir: string;
  doors: Needs;
  lastMs: number;
  troubles: Troubles;
  said(reason: string, message: string): void;
}): Part {
  const { doors, troubles } = options;
  const { clock, disk, log } = doors;
  let writtenMs = options.lastMs;
  const iso = (atMs: number): string => new Date(atMs).toISOString();
  let writing = Promise.resolve();
  const remember = (worthMs = worthWritingMs): Promise<void> =>
    (writing = writing.then(() => write(worthMs)));
  const write = async (worthMs: number): Promise<void> => {
    const nowMs = clock.now();
    if (
      nowMs < clock.earliestMs() ||
      nowMs > clock.earliestMs() + mostYearsMs ||
      Math.abs(nowMs - writtenMs) < worthMs
    )
      return;
    writtenMs = nowMs;
    await disk
      .writeAtomic('last time', fileOf(options.dataDir), `${nowMs}\n`)
      .catch(() => undefined); // it only helps
  };
  const judge = (): void => {
    const behind = clock.now() < clock.earliestMs();
    troubles.set(
      'ClockWrong',
      'clock',
      behind
        ? `the clock says ${iso(clock.now())}, and it has been ${iso(clock.earliestMs())} ` +
            'already: set it; clients elsewhere refuse what is dated by it'
        : undefined,
    );
  };
  const unfollow = clock.onJump((byMs) => {
    const message = `the clock was set by ${Math.round(byMs / 1000)} s, to ${iso(clock.now())}`;
    log.warn('the clock was set', { bySeconds: Math.round(byMs / 1000), now: iso(clock.now()) });
    options.said('ClockSet', message);
    judge();
    // One that was ahead is unlearned: the next start would doubt the right one.
    void remember(1);
  });
  judge();
  void remember();
  const later = clock.after('clock.believed', believedAfterMs, () => {
    if (clock.now() >= options.lastMs) return;
    wasSeen(0);
    judge();
    void remember();
  });
  const timer = clock.every('clock.seen', writesEveryMs, () => void remember());
  return {
    name: 'clock',
    stop: async () => {
      unfollow();
      later.cancel();
      timer.cancel();
      await remember();
    },
  };
}
