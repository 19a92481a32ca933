import { table } from '../../../base/own.ts';
import { Buffer } from 'node:buffer';
import { CelError } from '../errors.ts';
import {
  CelMap,
  Duration,
  kindOf,
  numeric,
  showDuration,
  showTimestamp,
  Timestamp,
  TypeValue,
  type Value,
} from '../values.ts';
import { showDouble } from './conversions.ts';

const escapes: Record<string, string> = table({
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
});

export function quoteText(text: string): string {
  return (
    '"' +
    `${text.toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (found) => escapes[found] ?? found)}` +
    '"'
  );
}

/** `%s %d %f %e %x %X %o %b`, with the precision of %f and %e. */
export function formatText(format: string, args: readonly Value[]): string {
  let used = 0;
  return format.replace(
    /%(?:\.(\d+))?(.?)/gs,
    (_all, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      const arg = args[used++];
      if (arg === undefined) throw new CelError(`index ${used - 1} out of range`);
      return clause(verb, arg, precision === undefined ? 6 : Number(precision));
    },
  );
}

/** Digits after the point that JavaScript writes; no double has more than zeros behind them. */
const maxDigits = 100;
const maxPrecision = 1000;

function padded(text: string, precision: number): string {
  if (precision > maxPrecision)
    throw new CelError(`could not parse formatting clause: precision ${precision} is too large`);
  return precision > maxDigits ? text + '0'.repeat(precision - maxDigits) : text;
}

function clause(verb: string, arg: Value, precision: number): string {
  switch (verb) {
    case 's':
      return shown(arg);
    case 'd':
      return decimal(arg);
    case 'f':
      return double(arg, (value) =>
        padded(value.toFixed(Math.min(precision, maxDigits)), precision),
      );
    case 'e':
      return double(arg, (value) =>
        value.toExponential(Math.min(precision, maxDigits)).replace(/e([+-])(\d)$/, 'e$10$2'),
      );
    case 'b':
      return typeof arg === 'boolean' ? (arg ? '1' : '0') : based(arg, 2, 'b');
    case 'o':
      return based(arg, 8, 'o');
    case 'x':
      return hex(arg);
    case 'X':
      return hex(arg).toUpperCase();
    default:
      throw new CelError(
        `could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(verb)}`,
      );
  }
}

const wrong = (verb: string, arg: Value): never => {
  throw new CelError(
    `error during formatting: %${verb} cannot format a value of type ${kindOf(arg)}`,
  );
};

function special(value: number): string | undefined {
  return Number.isNaN(value)
    ? 'NaN'
    : Number.isFinite(value)
      ? undefined
      : value > 0
        ? 'Infinity'
        : '-Infinity';
}

function decimal(arg: Value): string {
  const value = numeric(arg);
  if (value === undefined) return wrong('d', arg);
  return typeof value === 'number' ? (special(value) ?? showDouble(value)) : String(value);
}

function double(arg: Value, show: (value: number) => string): string {
  const value = numeric(arg);
  if (value === undefined) return wrong('f', arg);
  return special(Number(value)) ?? show(Number(value));
}

function based(arg: Value, base: number, verb: string): string {
  const value = numeric(arg);
  return typeof value === 'bigint' ? value.toString(base) : wrong(verb, arg);
}

function hex(arg: Value): string {
  if (typeof arg === 'string') return Buffer.from(arg).toString('hex');
  return arg instanceof Uint8Array ? Buffer.from(arg).toString('hex') : based(arg, 16, 'x');
}

function shown(arg: Value): string {
  if (typeof arg === 'string') return arg;
  if (arg === null || typeof arg === 'boolean') return String(arg);
  const value = numeric(arg);
  if (value !== undefined)
    return typeof value === 'number' ? (special(value) ?? showDouble(value)) : String(value);
  if (arg instanceof Uint8Array) return Buffer.from(arg).toString();
  if (arg instanceof Timestamp) return showTimestamp(arg);
  if (arg instanceof Duration) return showDuration(arg);
  if (arg instanceof TypeValue) return arg.name;
  if (Array.isArray(arg)) return `[${arg.map(shown).join(', ')}]`;
  if (arg instanceof CelMap) {
    const entries = arg.keys().map((key) => `${shown(key)}: ${shown(arg.get(key) ?? null)}`);
    return `{${entries.sort().join(', ')}}`;
  }
  return wrong('s', arg);
}
