/** What a clock on the wall of a zone shows. */
export interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  weekday: number;
}

/** How a zone's clock reads at a moment. */
export interface Zone {
  at(utcMs: number): WallTime;
  /** What the zone is ahead of UTC at a moment, in milliseconds. */
  offsetMs(utcMs: number): number;
}

const minuteMs = 60_000;

/** The zone that this machine is set to, as an IANA name. */
export function localZoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** What Go's time.LoadLocation says about a name it cannot load; undefined when it can. */
export function zoneError(name: string): string | undefined {
  if (name === '' || name === 'UTC' || name === 'Local') return undefined;
  if (/\.\.|^[/\\]/.test(name)) return 'time: invalid location name';
  const unknown = `unknown time zone ${name}`;
  // Only Intl takes offsets as names of time zones.
  if (!/^[A-Za-z]/.test(name)) return unknown;
  try {
    const found = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    // Go looks for a file of that name: the letters' case counts.
    return found !== name && found.toLowerCase() === name.toLowerCase() ? unknown : undefined;
  } catch {
    return unknown;
  }
}

/** A zone by its IANA name, `UTC`, the empty name (UTC too) or `Local`. The name must be known. */
export function zoneNamed(name: string): Zone {
  const timeZone = name === 'Local' ? localZoneName() : name || 'UTC';
  const offsetMs = timeZone === 'UTC' ? () => 0 : offsetsOf(timeZone);
  return { offsetMs, at: (utcMs) => wallTime(utcMs + offsetMs(utcMs)) };
}

/** RFC 3339 to the second, as a zone's clock shows it and with what it is ahead of UTC. */
export function zonedTime(ms: number, name: string): string {
  const minutes = Math.round(zoneNamed(name).offsetMs(ms) / minuteMs);
  const shown = new Date(ms + minutes * minuteMs).toISOString().slice(0, 19);
  if (minutes === 0) return `${shown}Z`;
  const two = (n: number): string => String(n).padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${shown}${minutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}

function wallTime(shownMs: number): WallTime {
  const t = new Date(shownMs);
  return {
    year: t.getUTCFullYear(),
    month: t.getUTCMonth() + 1,
    day: t.getUTCDate(),
    hour: t.getUTCHours(),
    minute: t.getUTCMinutes(),
    weekday: t.getUTCDay(),
  };
}

/** Offsets hold for whole minutes at least; the last one asked for is kept. */
function offsetsOf(timeZone: string): (utcMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  let last = { minute: NaN, offsetMs: 0 };
  return (utcMs) => {
    const minute = Math.floor(utcMs / minuteMs);
    if (minute === last.minute) return last.offsetMs;
    const p: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(minute * minuteMs)) p[type] = Number(value);
    const shown = Date.UTC(
      p['year']!,
      p['month']! - 1,
      p['day'],
      p['hour'],
      p['minute'],
      p['second'],
    );
    last = { minute, offsetMs: shown - minute * minuteMs };
    return last.offsetMs;
  };
}
