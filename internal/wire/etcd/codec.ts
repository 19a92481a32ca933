import { table } from '../../base/own.ts';
import { etcdMessages } from './messages.ts';

/** A message that cannot be read. */
export class WireError extends Error {}

interface Field {
  name: string;
  number: number;
  type: string;
  repeated: boolean;
  /** The zero value of a field that is not a list. */
  zero: unknown;
  /** Set for fields that hold a message. */
  message: (() => Compiled) | undefined;
}

interface Compiled {
  fields: Field[];
  byNumber: (Field | undefined)[];
  blank: Record<string, unknown>;
  lists: string[];
}

type Fields = Record<string, unknown>;

const noBytes = new Uint8Array(0);
const compiled = new Map<string, Compiled>();

/** Bytes of a message. Zero values are left out, as proto3 wants it. */
export function encode(message: string, value: object): Buffer {
  length = 0;
  writeMessage(compile(message), value as Fields);
  if (length > keepBufferBytes) {
    // Given away instead of copied: twice the size of the largest answers would be the peak of the
    // memory.
    const made = buffer.subarray(0, length);
    buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
    return made;
  }
  const made = Buffer.allocUnsafe(length);
  buffer.copy(made, 0, 0, length);
  if (buffer.length > 2 * keepBufferBytes) buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
  return made;
}

/** Reads a message; unknown fields are skipped. Bytes fields share the memory of `bytes`. */
export function decode<T>(message: string, bytes: Buffer): T {
  const cursor = { bytes, at: 0 };
  return readMessage(compile(message), cursor, bytes.length) as T;
}

function compile(name: string): Compiled {
  const known = compiled.get(name);
  if (known) return known;
  const facts = etcdMessages[name];
  if (facts === undefined) throw new WireError(`no such message: ${name}`);
  const fields = facts === '' ? [] : facts.split(' ').map(parseField);
  const made: Compiled = { fields, byNumber: [], blank: {}, lists: [] };
  for (const field of fields) {
    made.byNumber[field.number] = field;
    made.blank[field.name] = field.zero;
    if (field.repeated) made.lists.push(field.name);
  }
  compiled.set(name, made);
  return made;
}

function parseField(fact: string): Field {
  const [name = '', rest = ''] = fact.split('=');
  const [number = '', kind = ''] = rest.split(':');
  const repeated = kind.startsWith('[]');
  const type = repeated ? kind.slice(2) : kind;
  const scalar = type in zeros;
  return {
    name,
    number: Number(number),
    type,
    repeated,
    zero: repeated || !scalar ? undefined : zeros[type],
    message: scalar ? undefined : () => compile(type),
  };
}

const zeros: Record<string, unknown> = table({
  int: 0,
  id: '0',
  uid: '0',
  u32: 0,
  enum: 0,
  bool: false,
  str: '',
  bytes: noBytes,
  key: '',
});

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
    if (v === undefined || v === field.zero) continue;
    if (!field.repeated) writeField(field, v);
    else if (field.type === 'enum') writePacked(field, v as number[]);
    else for (const item of v as unknown[]) writeField(field, item);
  }
}

function writeField(field: Field, v: unknown): void {
  room(32);
  if (field.message !== undefined) {
    writeVarint(field.number * 8 + 2);
    const start = ++length;
    writeMessage(field.message(), v as Fields);
    return writeLength(start);
  }
  switch (field.type) {
    case 'bytes':
      if ((v as Uint8Array).length === 0 && !field.repeated) return;
      return writeBytes(field.number, v as Uint8Array);
    case 'key':
      return writeText(field.number, v as string, 'latin1');
    case 'str':
      return writeText(field.number, v as string, 'utf8');
    case 'id':
    case 'uid':
      writeVarint(field.number * 8);
      return writeId(v as string);
    case 'bool':
      writeVarint(field.number * 8);
      buffer[length++] = v === true ? 1 : 0;
      return;
    default:
      writeVarint(field.number * 8);
      return writeInt(v as number);
  }
}

function writePacked(field: Field, list: number[]): void {
  if (list.length === 0) return;
  room(32 + list.length * 10);
  writeVarint(field.number * 8 + 2);
  const start = ++length;
  list.forEach(writeInt);
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

function writeInt(value: number): void {
  if (value >= 0) writeVarint(value);
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
  while (cursor.at < end) {
    const tag = readVarint(cursor);
    const wire = tag & 7;
    const field = message.byNumber[tag >>> 3];
    if (field === undefined) skip(cursor, wire);
    else if (!field.repeated) value[field.name] = readField(field, cursor, wire);
    else if (field.type === 'enum' && wire === 2) readPacked(cursor, value[field.name] as number[]);
    else (value[field.name] as unknown[]).push(readField(field, cursor, wire));
  }
  if (cursor.at !== end) throw new WireError('a message ends in the middle of a field');
  return value;
}

function readField(field: Field, cursor: Cursor, wire: number): unknown {
  if (wire === 2) {
    const end = readEnd(cursor);
    if (field.message !== undefined) return readMessage(field.message(), cursor, end);
    const start = cursor.at;
    cursor.at = end;
    if (field.type === 'bytes') return cursor.bytes.subarray(start, end);
    if (field.type === 'key') return cursor.bytes.latin1Slice(start, end);
    if (field.type === 'str') return cursor.bytes.utf8Slice(start, end);
  } else if (wire === 0) {
    if (field.type === 'int') return readInt(cursor);
    if (field.type === 'bool') return readInt(cursor) !== 0;
    if (field.type === 'enum' || field.type === 'u32') return readInt(cursor);
    if (field.type === 'id')
      return small(cursor)
        ? String(readVarint(cursor))
        : BigInt.asIntN(64, readBig(cursor)).toString();
    if (field.type === 'uid')
      return small(cursor) ? String(readVarint(cursor)) : readBig(cursor).toString();
  }
  throw new WireError(`field ${field.name} has a wrong type on the wire`);
}

function readPacked(cursor: Cursor, into: number[]): void {
  const end = readEnd(cursor);
  while (cursor.at < end) into.push(readInt(cursor));
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
