import { table } from '../../base/own.ts';
import { DecodeError, parseDuration } from '../codec/scalars.ts';
import { CronError, parseFields, trimmed, type Field } from './fields.ts';
import { zoneError, zoneNamed, type Zone } from './zone.ts';

export { localZoneName, zonedTime, zoneError } from './zone.ts';

/**
 * Schedules as robfig/cron v3's standard parser reads them, which is what Kubernetes means by a
 * CronJob's schedule. Validation and whoever runs a schedule read it here, so that what is accepted
 * also runs.
 */
export interface CronSchedule {
  /**
   * The first time after `ms` that the schedule names, in milliseconds since 1970; undefined when
   * there is none within five years.
   */
  next(ms: number): number | undefined;
}

const descriptors: Record<string, string> = table({
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
});
const every = '@every ';
const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const nanosPerMs = 1_000_000n;
const mostYears = 5;

/** What is wrong with a schedule, as Kubernetes says it; undefined when nothing is. */
export function cronError(text: string): string | undefined {
  try {
    parseCron(text);
    return undefined;
  } catch (error) {
    if (error instanceof CronError) return error.message;
    throw error;
  }
}

/**
 * Reads a schedule. `timeZone` is the IANA name of the zone it is meant in, unless it names one
 * itself (`TZ=`, `CRON_TZ=`); UTC without one. Throws CronError, a TypeError, with what is wrong.
 */
export function parseCron(text: string, timeZone?: string): CronSchedule {
  if (text === '') throw new CronError('empty spec string');
  const zoned = /^(?:CRON_)?TZ=/.exec(text);
  if (!zoned) return parseIn(text, timeZone ?? 'UTC');
  const end = text.indexOf(' ');
  if (end < 0)
    throw new CronError('invalid schedule format: runtime error: slice bounds out of range [:-1]');
  return parseIn(trimmed(text.slice(end)), text.slice(zoned[0].length, end));
}

function parseIn(spec: string, zoneName: string): CronSchedule {
  const wrong = zoneError(zoneName);
  if (wrong) throw new CronError(`provided bad location ${zoneName}: ${wrong}`);
  if (spec.startsWith(every)) return everySchedule(spec);
  const plain = spec.startsWith('@') ? descriptors[spec] : spec;
  if (plain === undefined) throw new CronError(`unrecognized descriptor: ${spec}`);
  const fields = parseFields(plain);
  const zone = zoneNamed(zoneName);
  return { next: (ms) => nextMatch(fields, zone, ms) };
}

/** A fixed interval in whole seconds, one at least. */
function everySchedule(spec: string): CronSchedule {
  let intervalMs: number;
  try {
    const ms = Number(parseDuration(spec.slice(every.length)) / nanosPerMs);
    intervalMs = Math.max(secondMs, Math.floor(ms / secondMs) * secondMs);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CronError(`failed to parse duration ${spec}: ${error.message}`);
  }
  return { next: (ms) => Math.floor(ms / secondMs) * secondMs + intervalMs };
}

/**
 * The first moment after `afterMs` at which the zone's clock shows what the fields ask for. Goes
 * along real time, so that an hour that the clock shows twice is met twice and one that it leaves
 * out is not met.
 */
function nextMatch(fields: Field[], zone: Zone, afterMs: number): number | undefined {
  const [minutes, hours, , months] = fields as [Field, Field, Field, Field, Field];
  if (fields.some(({ values }) => values.size === 0)) return undefined;
  let ms = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  const lastYear = zone.at(ms).year + mostYears;
  for (;;) {
    const wall = zone.at(ms);
    if (wall.year > lastYear) return undefined;
    if (!months.values.has(wall.month)) {
      ms = startOf(zone, ms, Date.UTC(wall.year, wall.month, 1));
    } else if (!dayMatches(fields, wall)) {
      ms = startOf(zone, ms, Date.UTC(wall.year, wall.month - 1, wall.day + 1));
    } else if (!hours.values.has(wall.hour)) {
      ms = nextHour(zone, ms);
    } else if (minutes.values.has(wall.minute)) {
      return ms;
    } else {
      ms = minutesLeft(minutes, wall.minute) ? ms + minuteMs : nextHour(zone, ms);
    }
  }
}

const minutesLeft = ({ values }: Field, minute: number): boolean =>
  [...values].some((v) => v > minute);

/** Day of month and day of week: either is enough unless one of them does not restrict. */
function dayMatches(fields: Field[], wall: { day: number; weekday: number }): boolean {
  const [days, weekdays] = [fields[2]!, fields[4]!];
  const [day, weekday] = [days.values.has(wall.day), weekdays.values.has(wall.weekday)];
  return days.any || weekdays.any ? day && weekday : day || weekday;
}

/** The moment after `ms` at which the clock shows another hour, or the same one again. */
function nextHour(zone: Zone, ms: number): number {
  const before = ms + zone.offsetMs(ms);
  const next = ms + hourMs - (before % hourMs);
  // Where the clock is set by less than an hour, or in the middle of one: minute by minute.
  if (zone.offsetMs(next) === zone.offsetMs(ms)) return next;
  const hour = Math.floor(before / hourMs);
  let at = ms + minuteMs;
  while (at < next && Math.floor((at + zone.offsetMs(at)) / hourMs) === hour) at += minuteMs;
  return at;
}

/**
 * The first moment after `ms` at which the clock shows `shownMs` (a wall time written as if it were
 * UTC) or, where it leaves that out, more.
 */
function startOf(zone: Zone, ms: number, shownMs: number): number {
  const guess = shownMs - zone.offsetMs(shownMs - zone.offsetMs(ms));
  const steady = [guess, guess - hourMs, guess - 3 * hourMs].every(
    (at) => at + zone.offsetMs(at) - shownMs === at - guess,
  );
  if (steady && guess > ms) return guess;
  let at = Math.max(ms + minuteMs, shownMs - zone.offsetMs(ms) - dayMs / 2);
  // Hours first, minutes for the rest: offsets change by minutes in places.
  for (const step of [hourMs, minuteMs]) {
    while (at + step + zone.offsetMs(at + step) < shownMs) at += step;
  }
  while (at + zone.offsetMs(at) < shownMs) at += minuteMs;
  return at;
}
