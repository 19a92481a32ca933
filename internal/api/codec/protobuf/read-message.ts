import { parseJson } from '../json-text.ts';
import { setOwn } from '../../../base/own.ts';
import type { GoType, Plan, WireField } from '../plan.ts';
import { DecodeError, formatDuration, formatMicroTime, formatTime } from '../scalars.ts';
import { WireReader, wire } from './reader.ts';

type Values = Record<string, unknown>;

const maxDepth = 100;

/**
 * Reads what a RawExtension holds when that is a protobuf message of its own; given by envelope.ts,
 * which knows kinds.
 */
export type ReadEnveloped = (bytes: Buffer) => unknown;

/** Bytes of a message -> the JSON value, not yet in normal form (absent fields are absent). */
export class MessageReader {
  private readonly readEnveloped: ReadEnveloped;
  private depth = 0;

  constructor(readEnveloped: ReadEnveloped) {
    this.readEnveloped = readEnveloped;
  }

  message(plan: Plan, from: WireReader, out: Values): Values {
    if (++this.depth > maxDepth) throw new DecodeError('proto: message nested too deep');
    while (!from.done) {
      const tag = from.tag();
      const field = plan.byNumber[tag >>> 3];
      if (!field || field.name === '-') from.skip(tag & 7);
      else this.field(field, tag & 7, from, out);
    }
    this.depth--;
    return out;
  }

  private field(field: WireField, type: number, from: WireReader, out: Values): void {
    const t = field.type;
    // An inlined struct has no name: its fields are those of the parent.
    if (!field.name && t.k === 'struct')
      return void this.message(t.plan, nested(from, type, t.plan.short), out);
    if (t.k === 'list' && !t.wrapped) return this.item(field, t.items, type, from, out);
    if (t.k === 'map')
      return this.entry(t.values, nested(from, type, field.name), mapOf(out, field.name));
    setOwn(out, field.name, this.value(t, type, from, field.name));
  }

  private item(field: WireField, items: GoType, type: number, from: WireReader, out: Values): void {
    const list = (out[field.name] ??= []) as unknown[];
    const scalar =
      items.k === 'int32' || items.k === 'int64' || items.k === 'bool' || items.k === 'double';
    if (!scalar || type !== wire.bytes) {
      list.push(this.value(items, type, from, field.name));
      return;
    }
    // Packed: Kubernetes never writes it, every reader takes it.
    const packed = nested(from, type, field.name);
    while (!packed.done)
      list.push(
        this.value(items, items.k === 'double' ? wire.fixed64 : wire.varint, packed, field.name),
      );
  }

  private entry(values: GoType, from: WireReader, map: Values): void {
    let key = '';
    let value: unknown;
    while (!from.done) {
      const tag = from.tag();
      if (tag >>> 3 === 1) {
        expect(tag & 7, wire.bytes, 'key');
        key = from.string();
      } else if (tag >>> 3 === 2) value = this.value(values, tag & 7, from, 'value');
      else from.skip(tag & 7);
    }
    setOwn(map, key, value ?? null);
  }

  private value(type: GoType, wireType: number, from: WireReader, name: string): unknown {
    switch (type.k) {
      case 'string':
        expect(wireType, wire.bytes, name);
        return from.string();
      case 'bytes':
        expect(wireType, wire.bytes, name);
        return from.bytes().toString('base64');
      case 'bool':
        expect(wireType, wire.varint, name);
        return from.varint() !== 0n;
      case 'int32':
        expect(wireType, wire.varint, name);
        return from.int32();
      case 'int64':
        expect(wireType, wire.varint, name);
        return from.int64();
      case 'double':
        expect(wireType, wire.fixed64, name);
        return from.double();
      default:
        return this.composite(type, nested(from, wireType, name));
    }
  }

  private composite(type: GoType, from: WireReader): unknown {
    switch (type.k) {
      case 'struct':
        return this.message(type.plan, from, {});
      case 'list':
        return this.wrapped(type.items, from);
      case 'time':
      case 'microTime':
        return readTime(type.k, from);
      case 'duration':
        return formatDuration(BigInt(only(from, 1, () => from.varint()) ?? 0n));
      case 'quantity':
        return only(from, 1, () => from.string()) || '0';
      case 'intOrString':
        return readIntOrString(from);
      case 'raw':
        return this.raw(only(from, 1, () => from.bytes()));
      case 'schemaOrArray':
        return this.schemaOr(type.schema, from, 1, 2, (r) =>
          this.message(type.schema, nested(r, wire.bytes, 'items'), {}),
        );
      case 'schemaOrStringArray':
        return this.schemaOr(type.schema, from, 1, 2, (r) => r.string());
      case 'schemaOrBool':
        return this.schemaOrBool(type.schema, from);
      default:
        throw new DecodeError(`proto: no reader for ${type.go}`);
    }
  }

  private wrapped(items: GoType, from: WireReader): unknown[] {
    const list: unknown[] = [];
    while (!from.done) {
      const tag = from.tag();
      if (tag >>> 3 === 1) list.push(this.value(items, tag & 7, from, 'items'));
      else from.skip(tag & 7);
    }
    return list;
  }

  private raw(bytes: Buffer | undefined): unknown {
    if (!bytes || bytes.length === 0) return null;
    if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0x6b387300) return this.readEnveloped(bytes);
    try {
      return parseJson(bytes.toString('utf8'));
    } catch {
      throw new DecodeError('a raw extension holds neither JSON nor a protobuf message');
    }
  }

  private schemaOr(
    schema: Plan,
    from: WireReader,
    schemaNumber: number,
    listNumber: number,
    item: (from: WireReader) => unknown,
  ): unknown {
    let one: unknown;
    const list: unknown[] = [];
    while (!from.done) {
      const tag = from.tag();
      if (tag >>> 3 === schemaNumber)
        one = this.message(schema, nested(from, tag & 7, 'schema'), {});
      else if (tag >>> 3 === listNumber) list.push(item(from));
      else from.skip(tag & 7);
    }
    return list.length ? list : (one ?? null);
  }

  private schemaOrBool(schema: Plan, from: WireReader): unknown {
    let allows = false;
    let one: unknown;
    while (!from.done) {
      const tag = from.tag();
      if (tag >>> 3 === 1) allows = from.varint() !== 0n;
      else if (tag >>> 3 === 2) one = this.message(schema, nested(from, tag & 7, 'schema'), {});
      else from.skip(tag & 7);
    }
    return one ?? allows;
  }
}

function expect(actual: number, wanted: number, name: string): void {
  if (actual !== wanted)
    throw new DecodeError(
      `proto: wrong wireType = ${actual} for field ${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    );
}

/** A reader of the message that begins here; `from` moves behind it. */
function nested(from: WireReader, wireType: number, name: string): WireReader {
  expect(wireType, wire.bytes, name);
  const length = from.length();
  const inner = new WireReader(from.buffer, from.at, from.at + length);
  from.at += length;
  return inner;
}

function mapOf(out: Values, name: string): Values {
  return (out[name] ??= {}) as Values;
}

/** The last value of field `number` of a message whose other fields do not matter. */
function only<T>(from: WireReader, number: number, read: () => T): T | undefined {
  let value: T | undefined;
  while (!from.done) {
    const tag = from.tag();
    if (tag >>> 3 === number) value = read();
    else from.skip(tag & 7);
  }
  return value;
}

function readTime(kind: 'time' | 'microTime', from: WireReader): string | null {
  if (from.done) return null;
  const time = { seconds: 0, nanos: 0 };
  while (!from.done) {
    const tag = from.tag();
    if (tag >>> 3 === 1) time.seconds = from.int64();
    else if (tag >>> 3 === 2) time.nanos = from.int32();
    else from.skip(tag & 7);
  }
  return kind === 'time' ? formatTime({ seconds: time.seconds, nanos: 0 }) : formatMicroTime(time);
}

function readIntOrString(from: WireReader): number | string {
  let type = 0;
  let number = 0;
  let text = '';
  while (!from.done) {
    const tag = from.tag();
    if (tag >>> 3 === 1) type = from.int64();
    else if (tag >>> 3 === 2) number = from.int32();
    else if (tag >>> 3 === 3) text = from.string();
    else from.skip(tag & 7);
  }
  return type === 1 ? text : number;
}
