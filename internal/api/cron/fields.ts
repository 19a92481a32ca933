import { table } from '../../base/own.ts';

/** What is wrong with a schedule, in the words of robfig/cron v3. */
export class CronError extends TypeError {}

export interface Field {
  values: ReadonlySet<number>;
  /** Written with a star or a question mark and no step: it does not restrict. */
  any: boolean;
}

interface Bounds {
  min: number;
  max: number;
  names?: Record<string, number>;
}

const named = (list: string, from: number): Record<string, number> =>
  table(Object.fromEntries(list.split(' ').map((name, i) => [name, i + from])));
const bounds: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: named('jan feb mar apr may jun jul aug sep oct nov dec', 1) },
  { min: 0, max: 6, names: named('sun mon tue wed thu fri sat', 0) },
];
/** Go's unicode.IsSpace. */
const space =
  '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const spaces = new RegExp(space);
const outerSpaces = new RegExp(`^${space}|${space}$`, 'g');
/** Go's int is one of 64 bits. */
const [leastInt, greatestInt] = [-(2n ** 63n), 2n ** 63n - 1n];

export const trimmed = (text: string): string => text.replace(outerSpaces, '');

/** Minute, hour, day of month, month, day of week. Throws CronError. */
export function parseFields(text: string): Field[] {
  const fields = text.split(spaces).filter(Boolean);
  if (fields.length !== bounds.length)
    throw new CronError(
      `expected exactly ${bounds.length} fields, found ${fields.length}: [${fields.join(' ')}]`,
    );
  return fields.map((field, i) => parseField(field, bounds[i]!));
}

/** A list of ranges; empty parts are skipped, so that a field of commas alone never matches. */
function parseField(text: string, within: Bounds): Field {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter(Boolean)) {
    const range = parseRange(part, within);
    for (let v = range.from; v <= range.to; v += range.step) values.add(v);
    any ||= range.any;
  }
  return { values, any };
}

function parseRange(
  text: string,
  { min, max, names }: Bounds,
): { from: number; to: number; step: number; any: boolean } {
  const [range = '', stepText, ...slashes] = text.split('/');
  const [low = '', high, ...hyphens] = range.split('-');
  const star = low === '*' || low === '?';
  let [from, to] = [BigInt(min), BigInt(max)];
  if (!star) {
    from = to = valueOf(low, names);
    if (hyphens.length > 0) throw new CronError(`too many hyphens: ${text}`);
    if (high !== undefined) to = valueOf(high, names);
  }
  if (slashes.length > 0) throw new CronError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1n : integer(stepText);
  if (stepText !== undefined && high === undefined) to = BigInt(max);
  if (from < min)
    throw new CronError(`beginning of range (${from}) below minimum (${min}): ${text}`);
  if (to > max) throw new CronError(`end of range (${to}) above maximum (${max}): ${text}`);
  if (from > to)
    throw new CronError(`beginning of range (${from}) beyond end of range (${to}): ${text}`);
  if (step === 0n) throw new CronError(`step of range should be a positive number: ${text}`);
  return { from: Number(from), to: Number(to), step: Number(step), any: star && step === 1n };
}

function valueOf(text: string, names: Record<string, number> | undefined): bigint {
  const named = names?.[text.toLowerCase()];
  return named === undefined ? integer(text) : BigInt(named);
}

/** Go's strconv.Atoi, and nothing below zero. */
function integer(text: string): bigint {
  const value = /^[-+]?[0-9]+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
  const fault =
    value === undefined
      ? 'invalid syntax'
      : value > greatestInt || value < leastInt
        ? 'value out of range'
        : undefined;
  if (value === undefined || fault)
    throw new CronError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${fault}`,
    );
  if (value < 0n) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}
