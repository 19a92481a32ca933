import { table } from '../../../base/own.ts';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { divideDown, type Duration, type Timestamp } from '../values.ts';

const million = 1_000_000n;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall clock of a zone, as a Date whose UTC fields show it. */
function wall(at: Timestamp, zone: string): Date {
  const ms = Number(divideDown(at.nanos, million));
  const offset = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (offset)
    return new Date(
      ms + (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000,
    );
  if (zone === '' || zone === 'UTC') return new Date(ms);
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(ms)
      .map((part) => [part.type, part.value]),
  );
  const milliseconds = ((ms % 1000) + 1000) % 1000;
  return new Date(
    Date.UTC(
      Number(parts['year']),
      Number(parts['month']) - 1,
      Number(parts['day']),
      Number(parts['hour']),
      Number(parts['minute']),
      Number(parts['second']),
      milliseconds,
    ),
  );
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  try {
    const made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, made);
    return made;
  } catch {
    throw new CelError(`unknown time zone ${zone}`);
  }
}

const fields: Record<string, (date: Date) => number> = table({
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) =>
    Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
});

const spans: Record<string, bigint> = table({
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
});

export function times(registry: Registry): void {
  for (const [name, read] of Object.entries(fields)) {
    registry.define(`timestamp->${name}(): int`, (at: Timestamp) => BigInt(read(wall(at, ''))));
    registry.define(`timestamp->${name}(string): int`, (at: Timestamp, zone: string) =>
      BigInt(read(wall(at, zone))),
    );
  }
  for (const [name, unit] of Object.entries(spans))
    registry.define(`duration->${name}(): int`, (span: Duration) => span.nanos / unit);
  registry.define(
    'duration->getMilliseconds(): int',
    (span: Duration) => (span.nanos % 1_000_000_000n) / million,
  );
}
