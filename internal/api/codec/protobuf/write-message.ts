import { sortedKeys } from '../normal-form.ts';
import type { GoType, Plan, WireField } from '../plan.ts';
import { DecodeError, parseDuration, parseTime } from '../scalars.ts';
import { wire } from './reader.ts';
import type { WireWriter } from './writer.ts';

type Values = Record<string, unknown>;

/** Writes the fields of an object in normal form, last field first. */
export function writeMessage(plan: Plan, value: Values, to: WireWriter): void {
  const fields = plan.wire;
  for (let i = fields.length - 1; i >= 0; i--) writeField(fields[i] as WireField, value, to);
}

function writeField(field: WireField, parent: Values, to: WireWriter): void {
  const type = field.type;
  if (!field.name && type.k === 'struct') {
    const mark = to.mark;
    writeMessage(type.plan, parent, to);
    return to.close(field.number, mark);
  }
  const value = parent[field.name];
  const absent = value === undefined || value === null;
  if (type.k === 'list' && !type.wrapped) {
    if (!absent)
      for (let i = (value as unknown[]).length - 1; i >= 0; i--)
        writeValue(field.number, type.items, (value as unknown[])[i], to);
    return;
  }
  if (type.k === 'map') {
    if (!absent) writeMap(field.number, type.values, value as Values, to);
    return;
  }
  if (absent && (field.pointer || type.k === 'bytes' || type.k === 'list')) return;
  writeValue(field.number, type, value, to);
}

/** Entries in ascending order of the key's bytes; written from the last. */
function writeMap(number: number, values: GoType, map: Values, to: WireWriter): void {
  const keys = sortedKeys(map);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const mark = to.mark;
    const value = map[key];
    if (!(values.k === 'bytes' && (value === null || value === undefined)))
      writeValue(2, values, value, to);
    to.stringField(1, key);
    to.close(number, mark);
  }
}

function writeValue(number: number, type: GoType, value: unknown, to: WireWriter): void {
  switch (type.k) {
    case 'string':
      return to.stringField(number, typeof value === 'string' ? value : '');
    case 'bytes':
      return to.bytesField(number, Buffer.from(typeof value === 'string' ? value : '', 'base64'));
    case 'bool':
      return to.varintField(number, value ? 1 : 0);
    case 'int32':
    case 'int64':
      return to.varintField(number, Number(value ?? 0));
    case 'double':
      to.double(Number(value ?? 0));
      return to.tag(number, wire.fixed64);
    default: {
      const mark = to.mark;
      writeComposite(type, value, to);
      to.close(number, mark);
    }
  }
}

function writeComposite(type: GoType, value: unknown, to: WireWriter): void {
  switch (type.k) {
    case 'struct':
      return writeMessage(type.plan, (value ?? {}) as Values, to);
    case 'list': {
      const items = (value ?? []) as unknown[];
      for (let i = items.length - 1; i >= 0; i--) writeValue(1, type.items, items[i], to);
      return;
    }
    case 'time':
    case 'microTime':
      return writeTime(type.k, value, to);
    case 'duration':
      to.bigVarint(parseDuration(typeof value === 'string' ? value : '0s'));
      return to.tag(1, wire.varint);
    case 'quantity':
      return to.stringField(1, typeof value === 'string' ? value : '0');
    case 'intOrString':
      to.stringField(3, typeof value === 'string' ? value : '');
      to.varintField(2, typeof value === 'number' ? value : 0);
      return to.varintField(1, typeof value === 'string' ? 1 : 0);
    case 'raw':
      return value === undefined || value === null
        ? undefined
        : to.stringField(1, JSON.stringify(value));
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return writeSchemaOr(type, value, to);
    default:
      throw new DecodeError(`proto: no writer for ${type.go}`);
  }
}

function writeTime(kind: 'time' | 'microTime', value: unknown, to: WireWriter): void {
  if (typeof value !== 'string') return;
  const time = parseTime(value);
  to.varintField(2, kind === 'time' ? 0 : Math.floor(time.nanos / 1000) * 1000);
  to.varintField(1, time.seconds);
}

function writeSchemaOr(
  type: Extract<GoType, { schema: Plan }>,
  value: unknown,
  to: WireWriter,
): void {
  const isSchema = value !== null && typeof value === 'object' && !Array.isArray(value);
  if (type.k === 'schemaOrBool') {
    if (isSchema) nestedSchema(2, type.schema, value as Values, to);
    // A schema implies that more is allowed.
    return to.varintField(1, isSchema || value === true ? 1 : 0);
  }
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) {
      if (type.k === 'schemaOrArray') nestedSchema(2, type.schema, value[i] as Values, to);
      else to.stringField(2, String(value[i]));
    }
  } else if (isSchema) nestedSchema(1, type.schema, value as Values, to);
}

function nestedSchema(number: number, schema: Plan, value: Values, to: WireWriter): void {
  const mark = to.mark;
  writeMessage(schema, value, to);
  to.close(number, mark);
}
