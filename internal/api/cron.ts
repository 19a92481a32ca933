import { table } from '../base/own.ts';
/** Schedules in cron's five fields, as robfig/cron's standard parser reads them. */
export interface CronSchedule {
  /**
   * The first time after `ms` that the schedule names; undefined when there is none within five
   * years.
   */
  next(ms: number): number | undefined;
}

interface Field {
  min: number;
  max: number;
  names?: Record<string, number>;
}

const named = (list: string, from: number): Record<string, number> =>
  Object.fromEntries(list.split(' ').map((name, i) => [name, i + from]));
const fields: Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: named('jan feb mar apr may jun jul aug sep oct nov dec', 1) },
  { min: 0, max: 6, names: named('sun mon tue wed thu fri sat', 0) },
];
const descriptors: Record<string, string> = table({
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
});
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const fiveYearsMs = 5 * 366 * dayMs;

/** Throws TypeError with what is wrong. `timeZone` is an IANA name; UTC without one. */
export function parseCron(text: string, timeZone?: string): CronSchedule {
  const zoned = /^(?:CRON_TZ|TZ)=(\S+)\s+(.*)$/.exec(text.trim());
  if (zoned) return parseCron(zoned[2]!, zoned[1]);
  const spec = text.trim();
  if (spec.startsWith('@every ')) return everySchedule(spec.slice('@every '.length));
  const plain = spec.startsWith('@') ? descriptors[spec] : spec;
  if (plain === undefined) throw new TypeError(`unrecognized descriptor: ${spec}`);
  const parts = plain.split(/\s+/);
  if (parts.length !== 5)
    throw new TypeError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  const sets = parts.map((part, i) => parseField(part, fields[i]!));
  const [anyDay, anyWeekday] = [isAny(parts[2]!), isAny(parts[4]!)];
  const offset = timeZone && timeZone !== 'UTC' ? zoneOffset(timeZone) : () => 0;
  return { next: (ms) => nextMatch(sets, { anyDay, anyWeekday }, offset, ms) };
}

const isAny = (part: string): boolean => /^[*?](\/1)?$/.test(part);

function parseField(text: string, field: Field): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', stepText] = part.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!Number.isInteger(step) || step < 1)
      throw new TypeError(`failed to parse int from ${stepText}`);
    let [from, to] = [field.min, field.max];
    if (range !== '*' && range !== '?') {
      const [first = '', last] = range.split('-');
      from = valueOf(first, field);
      to = last !== undefined ? valueOf(last, field) : stepText === undefined ? from : field.max;
    }
    if (from < field.min)
      throw new TypeError(`beginning of range (${from}) below minimum (${field.min}): ${part}`);
    if (to > field.max)
      throw new TypeError(`end of range (${to}) above maximum (${field.max}): ${part}`);
    if (from > to)
      throw new TypeError(`beginning of range (${from}) beyond end of range (${to}): ${part}`);
    for (let v = from; v <= to; v += step) values.add(v);
  }
  return values;
}

function valueOf(text: string, field: Field): number {
  const byName = field.names?.[text.toLowerCase()];
  if (byName !== undefined) return byName;
  if (!/^\d+$/.test(text)) throw new TypeError(`failed to parse int from ${text}`);
  return Number(text);
}

function everySchedule(text: string): CronSchedule {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1 };
  const parts = [...text.matchAll(/(\d+)(h|m|s)/g)];
  const seconds = parts.reduce((n, [, count, unit]) => n + Number(count) * units[unit!]!, 0);
  if (seconds < 1 || parts.map((p) => p[0]).join('') !== text)
    throw new TypeError(`failed to parse duration @every ${text}`);
  return { next: (ms) => Math.floor(ms / 1000) * 1000 + seconds * 1000 };
}

function formatOf(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', options);
  } catch {
    throw new TypeError(
      `provided bad location ${options.timeZone}: unknown time zone ${options.timeZone}`,
    );
  }
}

/** The offset of a zone from UTC at a moment. Throws TypeError for zones that are not known. */
function zoneOffset(timeZone: string): (utcMs: number) => number {
  const format = formatOf({
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (utcMs) => {
    const p: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(utcMs)) p[type] = Number(value);
    return (
      Date.UTC(p['year']!, p['month']! - 1, p['day'], p['hour'], p['minute'], p['second']) -
      Math.floor(utcMs / 1000) * 1000
    );
  };
}

export function isKnownTimeZone(timeZone: string): boolean {
  try {
    zoneOffset(timeZone);
    return true;
  } catch {
    return false;
  }
}

function nextMatch(
  sets: Set<number>[],
  any: { anyDay: boolean; anyWeekday: boolean },
  offset: (utcMs: number) => number,
  afterMs: number,
): number | undefined {
  // Reckoned on the clock on the wall, as if it showed UTC.
  let wall = Math.floor((afterMs + offset(afterMs)) / minuteMs) * minuteMs + minuteMs;
  const end = wall + fiveYearsMs;
  while (wall < end) {
    const t = new Date(wall);
    if (!sets[3]!.has(t.getUTCMonth() + 1))
      wall = Date.UTC(t.getUTCFullYear(), t.getUTCMonth() + 1, 1);
    else if (!dayMatches(sets, any, t)) wall = Math.floor(wall / dayMs) * dayMs + dayMs;
    else if (!sets[1]!.has(t.getUTCHours())) wall = Math.floor(wall / hourMs) * hourMs + hourMs;
    else if (!sets[0]!.has(t.getUTCMinutes())) wall += minuteMs;
    else {
      const utc = wall - offset(wall - offset(wall));
      // A time that the change to summer time leaves out is no time; one that comes twice comes
      // once.
      if (utc > afterMs && utc + offset(utc) === wall) return utc;
      wall += minuteMs;
    }
  }
  return undefined;
}

/** Day of month and day of week: either is enough unless one of them is a star. */
function dayMatches(
  sets: Set<number>[],
  any: { anyDay: boolean; anyWeekday: boolean },
  t: Date,
): boolean {
  const day = sets[2]!.has(t.getUTCDate());
  const weekday = sets[4]!.has(t.getUTCDay());
  return any.anyDay || any.anyWeekday ? day && weekday : day || weekday;
}
