import { table } from '../../base/own.ts';
/**
 * Texts of scalar types in the one form that Go writes. Each throws DecodeError with Go's words.
 */

/** A value that cannot be read. The message is Go's, without the words around it. */
export class DecodeError extends Error {}

const plainTime = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;
const anyTime = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;
const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function badTime(text: string): DecodeError {
  const steps: [RegExp, string][] = [
    [/^\d{4}/, '2006'],
    [/^-/, '-'],
    [/^\d\d/, '01'],
    [/^-/, '-'],
    [/^\d\d/, '02'],
    [/^T/, 'T'],
    [/^\d\d/, '15'],
    [/^:/, ':'],
    [/^\d\d/, '04'],
    [/^:/, ':'],
    [/^\d\d(?:[.,]\d+)?/, '05'],
    [/^(?:Z|[+-]\d\d:\d\d)/, 'Z07:00'],
  ];
  const head = `parsing time ${JSON.stringify(text)}`;
  let rest = text;
  for (const [step, layout] of steps) {
    const match = step.exec(rest);
    if (!match)
      return new DecodeError(
        `${head} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(rest)} as ` +
          `"${layout}"`,
      );
    rest = rest.slice(match[0].length);
  }
  return new DecodeError(
    rest ? `${head}: extra text: ${JSON.stringify(rest)}` : `${head}: out of range`,
  );
}

function badMicroTime(text: string): DecodeError {
  const layout = '2006-01-02T15:04:05.000000Z07:00';
  const head = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.exec(text)?.[0];
  if (head === undefined)
    return new DecodeError(badTime(text).message.replace('2006-01-02T15:04:05Z07:00', layout));
  const rest = text.slice(head.length);
  const wanted = /^\.\d{6}/.test(rest) ? 'Z07:00' : '.000000';
  return new DecodeError(
    `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ` +
      `${JSON.stringify(wanted === 'Z07:00' ? rest.slice(7) : rest)} as "${wanted}"`,
  );
}

function inRange(m: RegExpExecArray): string | undefined {
  const month = Number(m[2]);
  const day = Number(m[3]);
  if (month < 1 || month > 12) return 'month';
  const leap = Number(m[1]) % 4 === 0 && (Number(m[1]) % 100 !== 0 || Number(m[1]) % 400 === 0);
  if (day < 1 || day > (daysOf[month - 1] ?? 0) || (month === 2 && day === 29 && !leap))
    return 'day';
  if (Number(m[4]) > 23) return 'hour';
  if (Number(m[5]) > 59) return 'minute';
  return Number(m[6]) > 59 ? 'second' : undefined;
}

export interface Instant {
  /** Since 1970, whole seconds. */
  seconds: number;
  nanos: number;
}

const zeroTimeSeconds = -62_135_596_800;

export function parseTime(text: string): Instant {
  const m = anyTime.exec(text);
  if (!m) throw badTime(text);
  const wrong = inRange(m);
  if (wrong) throw new DecodeError(`parsing time ${JSON.stringify(text)}: ${wrong} out of range`);
  const zone = m[8] ?? 'Z';
  const offset =
    zone === 'Z'
      ? 0
      : (zone[0] === '-' ? -1 : 1) *
        (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4, 6)) * 60);
  // Date.parse and not Date.UTC, which takes the years below 100 for those of the last century.
  const seconds = Date.parse(`${text.slice(0, 19)}Z`) / 1000 - offset;
  return { seconds, nanos: Number((m[7] ?? '').slice(0, 9).padEnd(9, '0')) };
}

/** RFC 3339 in whole seconds, or null for Go's zero time. */
export function formatTime(time: Instant): string | null {
  if (time.seconds === zeroTimeSeconds && time.nanos === 0) return null;
  return `${dateText(time.seconds)}Z`;
}

export function formatMicroTime(time: Instant): string | null {
  if (time.seconds === zeroTimeSeconds && time.nanos === 0) return null;
  return `${dateText(time.seconds)}.${String(Math.floor(time.nanos / 1000)).padStart(6, '0')}Z`;
}

function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new DecodeError(`time ${seconds} is out of range`);
  return date
    .toISOString()
    .replace(/^\+0*(?=\d{4})/, '')
    .slice(0, 19);
}

export function canonicalTime(text: string): string | null {
  const m = plainTime.exec(text);
  if (m && !inRange(m)) return text === '0001-01-01T00:00:00Z' ? null : text;
  return formatTime(parseTime(text));
}

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)$/;

/** Six digits of fraction, no more and no fewer: Go reads it with a fixed layout. */
export function canonicalMicroTime(text: string): string | null {
  if (!microTime.test(text)) throw badMicroTime(text);
  return formatMicroTime(parseTime(text));
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 with padding; line breaks are dropped as Go does. */
export function canonicalBase64(text: string): string {
  if (base64.test(text)) return text;
  const joined = text.replace(/[\r\n]/g, '');
  if (base64.test(joined)) return joined;
  throw new DecodeError(`illegal base64 data at input byte ${badBase64At(text)}`);
}

/** Go names the byte that is wrong, or the start of the last group when the text ends too early. */
function badBase64At(text: string): number {
  let inGroup = 0;
  let groupStart = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '\r' || char === '\n') continue;
    if (!/[A-Za-z0-9+/]/.test(char)) {
      if (char === '=' && inGroup === 2) return text[at + 1] === '=' ? at + 2 : at + 1;
      if (char === '=' && inGroup === 3) return at + 1;
      return at;
    }
    if (inGroup === 0) groupStart = at;
    inGroup = (inGroup + 1) % 4;
  }
  return groupStart;
}

const durationUnits: Record<string, bigint> = table({
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
});

/** Nanoseconds of a Go duration: `1h30m`, `-1.5s`. */
export function parseDuration(text: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n;
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0n;
  if (!rest) throw new DecodeError(`time: invalid duration ${JSON.stringify(text)}`);
  let total = 0n;
  while (rest) {
    const m = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest);
    if (!m || (!m[1] && !m[2]))
      throw new DecodeError(`time: invalid duration ${JSON.stringify(text)}`);
    if (!m[3]) throw new DecodeError(`time: missing unit in duration ${JSON.stringify(text)}`);
    const unit = durationUnits[m[3]];
    if (unit === undefined)
      throw new DecodeError(
        `time: unknown unit ${JSON.stringify(m[3])} in duration ${JSON.stringify(text)}`,
      );
    const fraction = (m[2] ?? '').slice(0, 12);
    total +=
      BigInt(m[1] || '0') * unit +
      (fraction ? (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length) : 0n);
    rest = rest.slice(m[0].length);
  }
  // Go counts nanoseconds in 64 bits.
  if (total > (sign < 0n ? 2n ** 63n : 2n ** 63n - 1n))
    throw new DecodeError(`time: invalid duration ${JSON.stringify(text)}`);
  return sign * total;
}

export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const abs = nanos < 0n ? -nanos : nanos;
  if (abs < 1_000n) return `${sign}${abs}ns`;
  if (abs < 1_000_000n) return `${sign}${decimal(abs, 3)}µs`;
  if (abs < 1_000_000_000n) return `${sign}${decimal(abs, 6)}ms`;
  const minutes = abs / 60_000_000_000n;
  const seconds = `${decimal(abs % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  return minutes < 60n
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, places: number): string {
  const unit = 10n ** BigInt(places);
  const fraction = (value % unit).toString().padStart(places, '0').replace(/0+$/, '');
  return fraction ? `${value / unit}.${fraction}` : `${value / unit}`;
}
