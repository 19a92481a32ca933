import { table } from '../../base/own.ts';
import { Buffer } from 'node:buffer';
import { CelError } from './errors.ts';
import { escapeName, unescapeName } from './escape.ts';
import { fieldType, type CelType } from './types.ts';

/** int is bigint, double is number; everything JSON has no word for is a class. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | readonly Value[]
  | CelMap
  | Optional
  | TypeValue
  | Opaque;

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Optional {
  readonly value: Value | undefined;
  constructor(value?: Value) {
    this.value = value;
  }
}

export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A value of a library: URL, Quantity, IP, authorizer… `equals` says when two are the same. */
export abstract class Opaque {
  abstract readonly typeName: string;
  abstract equals(other: Value): boolean;
}

/** Anything with keys: maps, JSON objects, struct literals. */
export abstract class CelMap {
  /** `map`, or the name of an object's type. */
  abstract readonly typeName: string;
  abstract readonly size: number;
  abstract get(key: Value): Value | undefined;
  abstract keys(): Value[];
  /** What `in` asks; a map with a default for unknown keys does not have them. */
  has(key: Value): boolean {
    return this.get(key) !== undefined;
  }
  /** A field by the name an expression gives it. */
  field(name: string): Value | undefined {
    return this.get(name);
  }
}

/** 1, 1u and 1.0 are one key. */
function keyText(key: Value): string {
  const number = numeric(key);
  if (number !== undefined) return `n${String(number)}`;
  return typeof key === 'string' ? `s${key}` : `${kindOf(key)} ${String(key)}`;
}

/** What a map literal or a macro makes. */
export class MapValue extends CelMap {
  readonly typeName = 'map';
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) this.#entries.set(keyText(key), [key, value]);
  }

  /** False: the key is there already. */
  put(key: Value, value: Value): boolean {
    const text = keyText(key);
    if (this.#entries.has(text)) return false;
    this.#entries.set(text, [key, value]);
    return true;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(keyText(key))?.[1];
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** A JSON object, converted as it is read. An absent field stays absent. */
export class ObjectView extends CelMap {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #type: CelType | undefined;
  readonly #seen = new Map<string, Value>();

  constructor(json: Readonly<Record<string, unknown>>, type?: CelType) {
    super();
    this.json = json;
    this.#type = type;
  }

  get typeName(): string {
    return this.#type?.kind === 'object' ? this.#type.name : 'map';
  }

  get size(): number {
    return this.keys().length;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key) || this.json[key] === undefined)
      return undefined;
    const seen = this.#seen.get(key);
    if (seen !== undefined) return seen;
    const value = fromJson(this.json[key], this.#typeOf(key));
    this.#seen.set(key, value);
    return value;
  }

  #typeOf(key: string): CelType | undefined {
    if (this.#type?.kind === 'map') return this.#type.value;
    return this.#type?.kind === 'object' ? fieldType(this.#type, escapeName(key)) : undefined;
  }

  /** Names that an expression cannot spell are escaped in it. */
  override field(name: string): Value | undefined {
    const value = this.get(name);
    if (value !== undefined || !name.includes('__')) return value;
    return this.get(unescapeName(name));
  }

  keys(): string[] {
    return Object.keys(this.json).filter((key) => this.json[key] !== undefined);
  }
}

/** `Object.spec{replicas: 1}`: an object under construction. */
export class StructValue extends CelMap {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    super();
    this.typeName = typeName;
    this.fields = fields;
  }

  get size(): number {
    return this.fields.size;
  }

  get(key: Value): Value | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined;
  }

  keys(): string[] {
    return [...this.fields.keys()];
  }
}

/** The name of a value's type, as signatures spell it. */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
  }
  if (value === null) return 'null_type';
  if (Array.isArray(value)) return 'list';
  if (value instanceof CelMap) return value.typeName;
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Timestamp) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  if (value instanceof Optional) return 'optional';
  if (value instanceof TypeValue) return 'type';
  return (value as Opaque).typeName;
}

/** A JSON value as CEL sees it. Without a type, whole numbers are int. */
export function fromJson(json: unknown, type?: CelType): Value {
  switch (typeof json) {
    case 'string':
      return fromText(json, type);
    case 'number':
      return type?.kind === 'double' || !Number.isInteger(json) ? json : BigInt(json);
    case 'boolean':
    case 'bigint':
      return json;
    case 'undefined':
      return null;
    case 'object':
      if (json === null) return null;
      if (Array.isArray(json))
        return json.map((one) => fromJson(one, type?.kind === 'list' ? type.element : undefined));
      return new ObjectView(json as Record<string, unknown>, type);
    default:
      throw new CelError(`unsupported value of type ${typeof json}`);
  }
}

function fromText(text: string, type: CelType | undefined): Value {
  if (type?.kind === 'bytes') return Buffer.from(text, 'base64');
  if (type?.kind === 'timestamp')
    return parseTimestamp(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text) ?? text;
  if (type?.kind === 'duration') return parseDuration(text) ?? text;
  return text;
}

/** A value as JSON, for patches and messages. */
export function toJson(value: Value): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint) return toJson(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp) return showTimestamp(value);
  if (value instanceof Duration) return showDuration(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof ObjectView) return value.json;
  if (value instanceof CelMap) {
    const entries = value
      .keys()
      .map((key) => [jsonKey(key), toJson(value.get(key) ?? null)] as const);
    return Object.fromEntries(entries);
  }
  if (value instanceof Optional) return value.value === undefined ? null : toJson(value.value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Opaque)
    throw new CelError(`type conversion error from ${value.typeName} to JSON`);
  return value;
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'bigint' || typeof key === 'boolean') return String(key);
  if (key instanceof Uint) return String(key.value);
  throw new CelError(`unsupported map key of type ${kindOf(key)}`);
}

const timestampText =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

export function parseTimestamp(text: string): Timestamp | undefined {
  const found = timestampText.exec(text);
  if (!found) return undefined;
  const ms = Date.parse(`${text.slice(0, 19).toUpperCase()}${found[8]?.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return new Timestamp(BigInt(ms) * 1_000_000n + BigInt((found[7] ?? '').padEnd(9, '0')));
}

const fraction = (nanos: bigint): string =>
  nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;

/** Rounds towards minus infinity, as calendars need it. */
export function divideDown(value: bigint, by: bigint): bigint {
  const whole = value / by;
  return value % by < 0n ? whole - 1n : whole;
}

export function showTimestamp(value: Timestamp): string {
  const seconds = divideDown(value.nanos, 1_000_000_000n);
  return (
    `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}` +
    `${fraction(value.nanos - seconds * 1_000_000_000n)}Z`
  );
}

export function showDuration(value: Duration): string {
  const size = value.nanos < 0n ? -value.nanos : value.nanos;
  const sign = value.nanos < 0n ? '-' : '';
  return `${sign}${size / 1_000_000_000n}${fraction(size % 1_000_000_000n)}s`;
}

const unitNanos: Record<string, bigint> = table({
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
});

/** Far more than any duration needs. */
const maxDuration = 1000;

/** Go's time.ParseDuration. */
export function parseDuration(text: string): Duration | undefined {
  if (text === '0') return new Duration(0n);
  if (
    text.length > maxDuration ||
    !/^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|ms|s|m|h))+$/.test(text)
  )
    return undefined;
  let nanos = 0n;
  for (const [, whole = '', part = '', unit = ''] of text.matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|ms|s|m|h)/g,
  )) {
    const scale = unitNanos[unit] ?? 1n;
    nanos += BigInt(whole || '0') * scale;
    if (part) nanos += (BigInt(part) * scale) / 10n ** BigInt(part.length);
  }
  return new Duration(text.startsWith('-') ? -nanos : nanos);
}

/** Equality over all types: numbers by what they are worth, everything else by kind and content. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined) return left == right;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, i) => equal(one, b[i] as Value));
  if (a instanceof CelMap && b instanceof CelMap) return equalMaps(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp && b instanceof Timestamp) return a.nanos === b.nanos;
  if (a instanceof Duration && b instanceof Duration) return a.nanos === b.nanos;
  if (a instanceof TypeValue && b instanceof TypeValue) return a.name === b.name;
  if (a instanceof Optional && b instanceof Optional)
    return a.value === undefined || b.value === undefined
      ? a.value === b.value
      : equal(a.value, b.value);
  return a instanceof Opaque && a.equals(b);
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size || a.typeName !== b.typeName) return false;
  return a.keys().every((key) => {
    const other = b.get(key);
    return other !== undefined && equal(a.get(key) ?? null, other);
  });
}

export function numeric(value: Value): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

/**
 * The order of two values of kinds that have one; undefined if they have none together. NaN
 * compares as nothing.
 */
export function order(a: Value, b: Value): number | undefined {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined)
    return left < right ? -1 : left > right ? 1 : left == right ? 0 : Number.NaN;
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp)
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  if (a instanceof Duration && b instanceof Duration)
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return undefined;
}

/** By bytes of UTF-8, as Go compares; UTF-16 differs only above the surrogates. */
function compareText(a: string, b: string): number {
  return /[\ud800-\udfff]/.test(a + b)
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : a < b
      ? -1
      : 1;
}

export function isZero(value: Value): boolean {
  if (value === null || value === false || value === '') return true;
  const number = numeric(value);
  if (number !== undefined) return number == 0;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof MapValue || value instanceof ObjectView) return value.size === 0;
  return value instanceof Duration && value.nanos === 0n;
}
