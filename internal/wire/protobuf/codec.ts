/** A message that cannot be read. */
export class WireError extends Error {}

/**
 * Types of fields: `int` (int64 below 2^53, and enums), `int32`, `uint32`, `uint64` (below 2^53),
 * `nanos` (int64 as a bigint), `id` (int64 as decimal text: all 63 bits), `uid` (uint64, the same),
 * `bool`, `double`, `str`, `key` (bytes as a binary string), `bytes` (shares the memory of its
 * message), `copied` (bytes that do not keep the message alive).
 */
type Scalar = keyof typeof zeros;

/** A field as a table of facts has it. */
export interface FieldFact {
  name: string;
  number: number;
  /** A Scalar, or the name of a message. */
  type: string;
  /** `map`: from string. */
  shape: 'one' | 'list' | 'map';
}

interface Field extends FieldFact {
  /** A list of numbers: in one piece on the wire. */
  packed: boolean;
  /** The zero value of a field that is neither list nor map. */
  zero: unknown;
  /** Set for fields that hold a message. */
  message: (() => Compiled) | undefined;
}

interface Compiled {
  fields: Field[];
  byNumber: (Field | undefined)[];
  blank: Record<string, unknown>;
  lists: string[];
  maps: string[];
}

type Fields = Record<string, unknown>;

const noBytes = new Uint8Array(0);

const zeros = {
  int: 0,
  int32: 0,
  uint32: 0,
  uint64: 0,
  nanos: 0n,
  id: '0',
  uid: '0',
  bool: false,
  double: 0,
  str: '',
  key: '',
  bytes: noBytes,
  copied: noBytes,
};
const lengthDelimited = new Set(['str', 'key', 'bytes', 'copied']);

/**
 * Proto3 by a table of facts. Messages are compiled when first met: a start pays only for what it
 * uses.
 */
export class Codec {
  readonly #factsOf: (message: string) => FieldFact[] | undefined;
  readonly #compiled = new Map<string, Compiled>();

  constructor(factsOf: (message: string) => FieldFact[] | undefined) {
    this.#factsOf = factsOf;
  }

  /**
   * Bytes of a message. Zero values are left out, as proto3 wants it; a property that is no field
   * is ignored.
   */
  encode(message: string, value: object): Buffer {
    length = 0;
    writeMessage(this.#compile(message), value as Fields);
    if (length > keepBufferBytes) {
      // Given away instead of copied: twice the size of the largest answers would be the peak of
      // the memory.
      const made = buffer.subarray(0, length);
      buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
      return made;
    }
    const made = Buffer.allocUnsafe(length);
    buffer.copy(made, 0, 0, length);
    if (buffer.length > 2 * keepBufferBytes) buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
    return made;
  }

  /**
   * Reads a message. Absent scalars, lists and maps are their zero value, an absent message is
   * undefined; unknown fields are skipped.
   */
  decode<T>(message: string, from: Uint8Array): T {
    const bytes = Buffer.isBuffer(from)
      ? from
      : Buffer.from(from.buffer, from.byteOffset, from.length);
    return readMessage(this.#compile(message), { bytes, at: 0 }, bytes.length) as T;
  }

  #compile(name: string): Compiled {
    const known = this.#compiled.get(name);
    if (known) return known;
    const facts = this.#factsOf(name);
    if (facts === undefined) throw new WireError(`no such message: ${name}`);
    const made: Compiled = { fields: [], byNumber: [], blank: {}, lists: [], maps: [] };
    for (const fact of facts) {
      const field = this.#field(fact);
      made.fields.push(field);
      made.byNumber[field.number] = field;
      made.blank[field.name] = field.zero;
      if (field.shape === 'list') made.lists.push(field.name);
      else if (field.shape === 'map') made.maps.push(field.name);
    }
    this.#compiled.set(name, made);
    return made;
  }

  #field(fact: FieldFact): Field {
    const scalar = Object.hasOwn(zeros, fact.type);
    return {
      ...fact,
      packed: fact.shape === 'list' && scalar && !lengthDelimited.has(fact.type),
      zero: fact.shape === 'one' && scalar ? zeros[fact.type as Scalar] : undefined,
      message: scalar ? undefined : () => this.#compile(fact.type),
    };
  }
}

// One buffer for all messages: encoding is synchronous, and nobody else has it.
const firstBufferBytes = 64 * 1024;
let buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
let length = 0;
/** A message that is larger than this takes the buffer with it. Lists of 500 objects stay below. */
const keepBufferBytes = 1024 * 1024;

function room(bytes: number): void {
  if (length + bytes <= buffer.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, length + bytes));
  buffer.copy(larger, 0, 0, length);
  buffer = larger;
}

function writeMessage(message: Compiled, value: Fields): void {
  for (const field of message.fields) {
    const v = value[field.name];
    if (v === undefined || v === null || v === field.zero) continue;
    if (field.shape === 'one') writeField(field, field.number, v);
    else if (field.packed) writePacked(field, v as unknown[]);
    else if (field.shape === 'list')
      for (const item of v as unknown[]) writeField(field, field.number, item);
    else for (const [key, item] of Object.entries(v)) writeEntry(field, key, item);
  }
}

function writeField(field: Field, number: number, v: unknown): void {
  room(32);
  if (field.message !== undefined) {
    writeVarint(number * 8 + 2);
    const start = ++length;
    writeMessage(field.message(), v as Fields);
    return writeLength(start);
  }
  switch (field.type) {
    case 'bytes':
    case 'copied':
      if ((v as Uint8Array).length === 0 && field.shape === 'one') return;
      return writeBytes(number, v as Uint8Array);
    case 'key':
      return writeText(number, v as string, 'latin1');
    case 'str':
      return writeText(number, v as string, 'utf8');
    default:
      writeVarint(number * 8 + (field.type === 'double' ? 1 : 0));
      writeScalar(field.type, v);
  }
}

/** What stands behind the tag of a number, or in a packed list; there is room for it. */
function writeScalar(type: string, v: unknown): void {
  if (type === 'id' || type === 'uid') writeId(v as string);
  else if (type === 'bool') buffer[length++] = v === true ? 1 : 0;
  else if (type === 'double') length = buffer.writeDoubleLE(v as number, length);
  else writeInt(v as number | bigint);
}

function writePacked(field: Field, list: readonly unknown[]): void {
  if (list.length === 0) return;
  room(32 + list.length * 10);
  writeVarint(field.number * 8 + 2);
  const start = ++length;
  for (const item of list) writeScalar(field.type, item);
  writeLength(start);
}

/** A map is a list of messages with a key and a value. */
function writeEntry(field: Field, key: string, value: unknown): void {
  room(32);
  writeVarint(field.number * 8 + 2);
  const start = ++length;
  writeText(1, key, 'utf8');
  writeField(field, 2, value);
  writeLength(start);
}

/**
 * Writes the length before what was written from `start` on; one byte is set aside, and made more
 * when it is not enough.
 */
function writeLength(start: number): void {
  const size = length - start;
  if (size < 0x80) {
    buffer[start - 1] = size;
    return;
  }
  let extra = 0;
  for (let rest = size; rest > 0x7f; rest = Math.floor(rest / 128)) extra++;
  room(extra);
  buffer.copyWithin(start + extra, start, length);
  const end = length + extra;
  length = start - 1;
  writeVarint(size);
  length = end;
}

function writeBytes(number: number, v: Uint8Array): void {
  room(v.length + 16);
  writeVarint(number * 8 + 2);
  writeVarint(v.length);
  buffer.set(v, length);
  length += v.length;
}

function writeText(number: number, v: string, encoding: 'latin1' | 'utf8'): void {
  const size = encoding === 'latin1' ? v.length : Buffer.byteLength(v, 'utf8');
  room(size + 16);
  writeVarint(number * 8 + 2);
  writeVarint(size);
  length += buffer.write(v, length, encoding);
}

function writeVarint(value: number): void {
  while (value > 0x7f) {
    buffer[length++] = (value & 0x7f) | 0x80;
    value = value > 0x7fffffff ? Math.floor(value / 128) : value >>> 7;
  }
  buffer[length++] = value;
}

function writeInt(value: number | bigint): void {
  if (typeof value === 'number' && value >= 0) writeVarint(value);
  else writeBig(BigInt.asUintN(64, BigInt(value)));
}

/**
 * Ids come again and again (of the cluster, of members, of leases), and 64 bits of decimal digits
 * are dear.
 */
const knownIds = new Map<string, Buffer>();
const mostKnownIds = 256;

function writeId(text: string): void {
  let bytes = knownIds.get(text);
  if (bytes === undefined) {
    const start = length;
    writeBig(BigInt.asUintN(64, BigInt(text)));
    bytes = Buffer.from(buffer.subarray(start, length));
    if (knownIds.size >= mostKnownIds) knownIds.clear();
    knownIds.set(text, bytes);
    return;
  }
  for (let i = 0; i < bytes.length; i++) buffer[length++] = bytes[i] as number;
}

function writeBig(value: bigint): void {
  while (value > 0x7fn) {
    buffer[length++] = Number(value & 0x7fn) | 0x80;
    value >>= 7n;
  }
  buffer[length++] = Number(value);
}

interface Cursor {
  bytes: Buffer;
  at: number;
}

function readMessage(message: Compiled, cursor: Cursor, end: number): Fields {
  const value: Fields = { ...message.blank };
  for (const name of message.lists) value[name] = [];
  for (const name of message.maps) value[name] = {};
  while (cursor.at < end) {
    const tag = readVarint(cursor);
    const wire = tag & 7;
    const field = message.byNumber[tag >>> 3];
    if (field === undefined) skip(cursor, wire);
    else if (field.shape === 'one') value[field.name] = readField(field, cursor, wire);
    else if (field.shape === 'map') readEntry(field, cursor, wire, value[field.name] as Fields);
    else if (field.packed && wire === 2) readPacked(field, cursor, value[field.name] as unknown[]);
    else (value[field.name] as unknown[]).push(readField(field, cursor, wire));
  }
  if (cursor.at !== end) throw new WireError('a message ends in the middle of a field');
  return value;
}

function readField(field: Field, cursor: Cursor, wire: number): unknown {
  if (wire !== 2) return readScalar(field, cursor, wire);
  const end = readEnd(cursor);
  if (field.message !== undefined) return readMessage(field.message(), cursor, end);
  const start = cursor.at;
  cursor.at = end;
  switch (field.type) {
    case 'bytes':
      return cursor.bytes.subarray(start, end);
    case 'copied':
      return Buffer.from(cursor.bytes.subarray(start, end));
    case 'key':
      return cursor.bytes.latin1Slice(start, end);
    case 'str':
      return cursor.bytes.utf8Slice(start, end);
    default:
      throw wrongType(field);
  }
}

function readScalar(field: Field, cursor: Cursor, wire: number): unknown {
  const { type } = field;
  if (wire !== (type === 'double' ? 1 : 0)) throw wrongType(field);
  switch (type) {
    case 'int':
      return readInt(cursor);
    case 'int32':
      return readInt(cursor) | 0;
    case 'uint32':
      return readInt(cursor) >>> 0;
    case 'uint64':
      return small(cursor) ? readVarint(cursor) : Number(readBig(cursor));
    case 'nanos':
      return BigInt.asIntN(64, readBig(cursor));
    case 'bool':
      return readInt(cursor) !== 0;
    case 'double':
      return readDouble(cursor);
    case 'id':
      return small(cursor)
        ? String(readVarint(cursor))
        : BigInt.asIntN(64, readBig(cursor)).toString();
    case 'uid':
      return small(cursor) ? String(readVarint(cursor)) : readBig(cursor).toString();
    default:
      throw wrongType(field);
  }
}

const wrongType = ({ name }: Field): WireError =>
  new WireError(`field ${name} has a wrong type on the wire`);

function readPacked(field: Field, cursor: Cursor, into: unknown[]): void {
  const end = readEnd(cursor);
  while (cursor.at < end) into.push(readScalar(field, cursor, field.type === 'double' ? 1 : 0));
  if (cursor.at !== end) throw new WireError('a list ends in the middle of a number');
}

function readEntry(field: Field, cursor: Cursor, wire: number, into: Fields): void {
  if (wire !== 2) throw wrongType(field);
  const end = readEnd(cursor);
  let key = '';
  let value: unknown = field.message ? undefined : zeros[field.type as Scalar];
  while (cursor.at < end) {
    const tag = readVarint(cursor);
    if (tag === keyTag) {
      const keyEnd = readEnd(cursor);
      key = cursor.bytes.utf8Slice(cursor.at, keyEnd);
      cursor.at = keyEnd;
    } else if (tag >>> 3 === 2) value = readField(field, cursor, tag & 7);
    else skip(cursor, tag & 7);
  }
  if (cursor.at !== end) throw new WireError('a message ends in the middle of a field');
  into[key] = value;
}

/** Field 1, with a length. */
const keyTag = 10;

function readDouble(cursor: Cursor): number {
  if (cursor.at + 8 > cursor.bytes.length) throw new WireError('a number has no end');
  cursor.at += 8;
  return cursor.bytes.readDoubleLE(cursor.at - 8);
}

function readEnd(cursor: Cursor): number {
  const size = readVarint(cursor);
  const end = cursor.at + size;
  if (end > cursor.bytes.length) throw new WireError('a field is longer than its message');
  return end;
}

function readVarint(cursor: Cursor): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined || factor > 2 ** 56) throw new WireError('a number has no end');
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
}

/** A signed 64-bit number; negative ones take ten bytes, and only those need a bigint. */
function readInt(cursor: Cursor): number {
  return small(cursor) ? readVarint(cursor) : Number(BigInt.asIntN(64, readBig(cursor)));
}

/** Whether the number that comes next is exact without a bigint: seven bytes hold 49 bits. */
function small(cursor: Cursor): boolean {
  for (let at = cursor.at; at < cursor.at + 7; at++)
    if ((cursor.bytes[at] ?? 0) < 0x80) return true;
  return false;
}

function readBig(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new WireError('a number has no end');
}

function skip(cursor: Cursor, wire: number): void {
  if (wire === 0) readBig(cursor);
  else if (wire === 2) cursor.at = readEnd(cursor);
  else if (wire === 1) cursor.at += 8;
  else if (wire === 5) cursor.at += 4;
  else throw new WireError(`wire type ${wire} is not known`);
}

declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
  }
}
