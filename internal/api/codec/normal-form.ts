import { canonicalQuantity, QuantityError } from '../quantity.ts';
import { setOwn } from '../../base/own.ts';
import type { GoType, JsonField, Plan } from './plan.ts';
import {
  canonicalBase64,
  canonicalMicroTime,
  canonicalTime,
  DecodeError,
  formatDuration,
  parseDuration,
} from './scalars.ts';

/**
 * The form in which Go would write an object that it has read: fields in the order of the struct,
 * structs that are not pointers always there, what omitempty drops dropped, quantities, times and
 * base64 canonical. One walk over the value.
 */

/**
 * A value of the wrong JSON type. Its words need the path, which only the slow walk in explain.ts
 * knows.
 */
export class TypeMismatch extends Error {}

export interface Walk {
  /** Some object had a field that its type does not have. */
  unknownFields: boolean;
}

type Values = Record<string, unknown>;

function mismatch(): never {
  throw new TypeMismatch('a value has the wrong type');
}

/**
 * A copy of `input` in normal form. `typeMeta` fields are written by the caller, who knows them.
 */
export function normalStruct(plan: Plan, input: unknown, walk: Walk, out: Values = {}): Values {
  if (input === null || input === undefined) return emptyStruct(plan, out);
  if (typeof input !== 'object' || Array.isArray(input)) mismatch();
  const from = input as Values;
  let known = plan.typeMeta ? writeTypeMeta(from, out) : 0;
  const fields = plan.json;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as JsonField;
    const value = from[field.name];
    if (value === undefined) {
      writeMissing(field, out);
      continue;
    }
    known++;
    if (value === null) writeMissing(field, out);
    else writeValue(field, value, walk, out);
  }
  if (!walk.unknownFields) {
    let count = 0;
    for (const _ in from) count++;
    if (count !== known) walk.unknownFields = true;
  }
  return out;
}

function writeTypeMeta(from: Values, out: Values): number {
  let known = 0;
  for (const name of ['kind', 'apiVersion']) {
    const value = from[name];
    if (value === undefined) continue;
    known++;
    if (value === null || value === '') continue;
    if (typeof value !== 'string') mismatch();
    out[name] = value;
  }
  return known;
}

function emptyStruct(plan: Plan, out: Values): Values {
  for (const field of plan.json) writeMissing(field, out);
  return out;
}

function writeMissing(field: JsonField, out: Values): void {
  if (field.omitZero) return;
  if (field.pointer) {
    if (!field.omitEmpty) out[field.name] = null;
    return;
  }
  const type = field.type;
  if (field.omitEmpty && emptyWhenMissing(type)) return;
  out[field.name] = zeroOf(type);
}

/** omitempty never drops a struct, and most special types are structs in Go. */
function emptyWhenMissing(type: GoType): boolean {
  switch (type.k) {
    case 'struct':
    case 'time':
    case 'microTime':
    case 'duration':
    case 'quantity':
    case 'intOrString':
    case 'raw':
      return type.go === 'any';
    default:
      return true;
  }
}

function zeroOf(type: GoType): unknown {
  switch (type.k) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    case 'struct':
      return emptyStruct(type.plan, {});
    default:
      return null;
  }
}

function writeValue(field: JsonField, value: unknown, walk: Walk, out: Values): void {
  const made = normalValue(field.type, value, walk);
  if (!field.pointer) {
    if (field.omitEmpty && isEmpty(made, field.type)) return;
    if (field.omitZero && (made === null || isEmpty(made, field.type))) return;
  }
  out[field.name] = made;
}

function isEmpty(value: unknown, type: GoType): boolean {
  switch (type.k) {
    case 'string':
    case 'bytes':
      return value === '';
    case 'bool':
      return value === false;
    case 'int32':
    case 'int64':
    case 'double':
      return value === 0;
    case 'list':
      return (value as unknown[]).length === 0;
    case 'map':
      for (const _ in value as Values) return false;
      return true;
    default:
      return false;
  }
}

/** One value that is there and not null. */
function normalValue(type: GoType, value: unknown, walk: Walk): unknown {
  switch (type.k) {
    case 'string':
      return typeof value === 'string' ? value : mismatch();
    case 'bool':
      return typeof value === 'boolean' ? value : mismatch();
    case 'int32':
      return typeof value === 'number' && (value | 0) === value ? value : mismatch();
    case 'int64':
      return integer(value);
    case 'double':
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : mismatch();
    case 'struct':
      return normalStruct(type.plan, value, walk);
    case 'list':
      return normalList(type.items, value, walk);
    case 'map':
      return normalMap(type.values, value, walk);
    case 'raw':
      return value;
    default:
      return normalSpecial(type, value, walk);
  }
}

function integer(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) {
    throw new DecodeError(
      `the integer ${value} cannot be kept exactly: integers beyond 2^53 are not supported ` +
        'in this field',
    );
  }
  return mismatch();
}

function normalList(items: GoType, value: unknown, walk: Walk): unknown[] {
  if (!Array.isArray(value)) mismatch();
  const list = value as unknown[];
  const out = new Array<unknown>(list.length);
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    out[i] = item === null || item === undefined ? zeroOf(items) : normalValue(items, item, walk);
  }
  return out;
}

/**
 * A key without a value. Bytes come back empty from protobuf, in which built-in kinds are kept
 * upstream: never null.
 */
function zeroInMap(values: GoType): unknown {
  return values.k === 'bytes' ? '' : zeroOf(values);
}

/** Go writes maps in the order of their keys. */
function normalMap(values: GoType, value: unknown, walk: Walk): Values {
  if (typeof value !== 'object' || Array.isArray(value)) mismatch();
  const from = value as Values;
  const out: Values = {};
  for (const key of sortedKeys(from)) {
    const item = from[key];
    const made =
      item === null || item === undefined ? zeroInMap(values) : normalValue(values, item, walk);
    if (key === '__proto__') setOwn(out, key, made);
    else out[key] = made;
  }
  return out;
}

export function sortedKeys(map: Values): string[] {
  const keys = Object.keys(map);
  for (let i = 1; i < keys.length; i++)
    if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
  return keys;
}

function normalSpecial(type: GoType, value: unknown, walk: Walk): unknown {
  switch (type.k) {
    case 'bytes':
      return typeof value === 'string' ? canonicalBase64(value) : mismatch();
    case 'time':
      return typeof value === 'string' ? canonicalTime(value) : mismatch();
    case 'microTime':
      return typeof value === 'string' ? canonicalMicroTime(value) : mismatch();
    case 'duration':
      return typeof value === 'string' ? formatDuration(parseDuration(value)) : mismatch();
    case 'quantity':
      return quantity(value);
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && (value | 0) === value)
        ? value
        : mismatch();
    case 'schemaOrArray':
      return Array.isArray(value)
        ? value.map((item) => normalStruct(type.schema, item, walk))
        : normalStruct(type.schema, value, walk);
    case 'schemaOrBool':
      return typeof value === 'boolean' ? value : normalStruct(type.schema, value, walk);
    case 'schemaOrStringArray':
      return Array.isArray(value)
        ? value.map((item) => (typeof item === 'string' ? item : mismatch()))
        : normalStruct(type.schema, value, walk);
    default:
      return value;
  }
}

function quantity(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new DecodeError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  try {
    return canonicalQuantity(typeof value === 'string' ? value.trim() : value);
  } catch (error) {
    if (error instanceof QuantityError) throw new DecodeError(error.message);
    throw error;
  }
}
