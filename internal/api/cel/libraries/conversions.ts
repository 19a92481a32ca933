import { table } from '../../../base/own.ts';
import { Buffer } from 'node:buffer';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import {
  CelMap,
  divideDown,
  Duration,
  kindOf,
  Optional,
  parseDuration,
  parseTimestamp,
  showDuration,
  showTimestamp,
  Timestamp,
  TypeValue,
  Uint,
  isZero,
  type Value,
} from '../values.ts';
import { instant } from './operators.ts';

const maxInt = 2n ** 63n;
const typeNames: Record<string, string> = table({
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  optional: 'optional_type',
});

function typeOf(value: Value): TypeValue {
  const kind = kindOf(value);
  return new TypeValue(typeNames[kind] ?? kind);
}

function toInt(value: number): bigint {
  if (!Number.isFinite(value) || value >= 2 ** 63 || value <= -(2 ** 63))
    throw new CelError('integer overflow');
  return BigInt(Math.trunc(value));
}

/** No integer has so many digits, and reading them takes more than time in proportion. */
const maxDigits = 1000;
const isDigits = (text: string): boolean => text.length <= maxDigits && /^\d+$/.test(text);

function textToInt(text: string): bigint {
  const value = isDigits(text.replace(/^[+-]/, '')) ? BigInt(text.replace('+', '')) : undefined;
  if (value === undefined || value >= maxInt || value < -maxInt)
    throw new CelError(`type conversion error from 'string' to 'int': ${JSON.stringify(text)}`);
  return value;
}

function toUint(value: bigint): Uint {
  if (value < 0n || value >= 2n * maxInt) throw new CelError('unsigned integer overflow');
  return new Uint(value);
}

function textToDouble(text: string): number {
  if (/^[+-]?(?:inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = /^nan$/i.test(text) ? Number.NaN : Number(text || 'x');
  if (Number.isNaN(value) && !/^nan$/i.test(text))
    throw new CelError(`type conversion error from 'string' to 'double': ${JSON.stringify(text)}`);
  return value;
}

/** Go's strconv 'f' form with the fewest digits, 'e' beyond 21 digits. */
export function showDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return Object.is(value, -0) ? '-0' : String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

function bytesToText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const trues = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falses = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function textToBool(text: string): boolean {
  if (trues.has(text) || falses.has(text)) return trues.has(text);
  throw new CelError(`type conversion error from 'string' to 'bool': ${JSON.stringify(text)}`);
}

function numbers(registry: Registry): void {
  registry.define('int(int): int', (a: bigint) => a);
  registry.define('int(uint): int', (a: Uint) => (a.value < maxInt ? a.value : toInt(Infinity)));
  registry.define('int(double): int', toInt);
  registry.define('int(string): int', textToInt);
  registry.define('int(timestamp): int', (a: Timestamp) => divideDown(a.nanos, 1_000_000_000n));
  registry.define('int(duration): int', (a: Duration) => a.nanos);
  registry.define('uint(uint): uint', (a: Uint) => a);
  registry.define('uint(int): uint', toUint);
  registry.define('uint(double): uint', (a: number) =>
    toUint(Number.isFinite(a) ? BigInt(Math.trunc(a)) : -1n),
  );
  registry.define('uint(string): uint', (a: string) =>
    isDigits(a) ? toUint(BigInt(a)) : toUint(-1n),
  );
  registry.define('double(double): double', (a: number) => a);
  registry.define('double(int): double', (a: bigint) => Number(a));
  registry.define('double(uint): double', (a: Uint) => Number(a.value));
  registry.define('double(string): double', textToDouble);
  registry.define('bool(bool): bool', (a: boolean) => a);
  registry.define('bool(string): bool', textToBool);
}

function texts(registry: Registry): void {
  registry.define('string(string): string', (a: string) => a);
  registry.define('string(int): string', (a: bigint) => String(a));
  registry.define('string(uint): string', (a: Uint) => String(a.value));
  registry.define('string(double): string', showDouble);
  registry.define('string(bool): string', (a: boolean) => String(a));
  registry.define('string(bytes): string', bytesToText);
  registry.define('string(timestamp): string', showTimestamp);
  registry.define('string(duration): string', showDuration);
  registry.define('bytes(bytes): bytes', (a: Uint8Array) => a);
  registry.define('bytes(string): bytes', (a: string) => Buffer.from(a));
}

function times(registry: Registry): void {
  registry.define('timestamp(timestamp): timestamp', (a: Timestamp) => a);
  registry.define('timestamp(int): timestamp', (a: bigint) => instant(a * 1_000_000_000n));
  registry.define('timestamp(string): timestamp', (a: string) =>
    instant(must(parseTimestamp(a), 'timestamp', a).nanos),
  );
  registry.define('duration(duration): duration', (a: Duration) => a);
  registry.define('duration(int): duration', (a: bigint) => new Duration(a));
  registry.define('duration(string): duration', (a: string) =>
    must(parseDuration(a), 'duration', a),
  );
}

function must<T>(value: T | undefined, type: string, text: string): T {
  if (value === undefined)
    throw new CelError(`type conversion error from 'string' to '${type}': ${JSON.stringify(text)}`);
  return value;
}

function optionals(registry: Registry): void {
  registry.define('optional.of(A): optional<A>', (a: Value) => new Optional(a));
  registry.define('optional.none(): optional<A>', () => new Optional());
  registry.define('optional.ofNonZeroValue(A): optional<A>', (a: Value) =>
    isZero(a) ? new Optional() : new Optional(a),
  );
  registry.define('optional<A>->hasValue(): bool', (a: Optional) => a.value !== undefined);
  registry.define('optional<A>->value(): A', (a: Optional) => {
    if (a.value === undefined) throw new CelError('optional.none() dereference');
    return a.value;
  });
  registry.define('optional<A>->or(optional<A>): optional<A>', (a: Optional, b: Optional) =>
    a.value === undefined ? b : a,
  );
  registry.define(
    'optional<A>->orValue(A): A',
    (a: Optional, b: Value) => a.value ?? (a.value === null ? null : b),
  );
}

export function conversions(registry: Registry): void {
  numbers(registry);
  texts(registry);
  times(registry);
  optionals(registry);
  registry.define('dyn(A): dyn', (a: Value) => a);
  registry.define('type(A): type', typeOf);
  for (const receiver of [false, true]) {
    const of = (type: string): string => (receiver ? `${type}->size(): int` : `size(${type}): int`);
    registry.define(of('string'), (a: string) =>
      BigInt(/[\ud800-\udfff]/.test(a) ? Array.from(a).length : a.length),
    );
    registry.define(of('bytes'), (a: Uint8Array) => BigInt(a.length));
    registry.define(of('list<A>'), (a: Value[]) => BigInt(a.length));
    registry.define(of('map<A, B>'), (a: CelMap) => BigInt(a.size));
  }
}
