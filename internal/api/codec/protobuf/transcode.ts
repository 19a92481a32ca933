import { Buffer } from 'node:buffer';
import { parseDuration, parseTime } from '../scalars.ts';
import type { Steps, Value } from './steps.ts';
import { wire } from './reader.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const letterN = 0x6e;
const letterT = 0x74;
const letterF = 0x66;

const resourceVersionField = 6;
/** Strings longer than this are searched and copied by calls, shorter ones byte by byte. */
const shortBytes = 40;
/** Room that is kept from one list to the next: twice what a run of a list has. */
const keptRoom = 256 * 1024;
/** A tag and a length, or a number. */
const smallRoom = 24;
const plainTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const plainInteger = /^-?\d{1,19}$/;

/** Kinds of values that #value writes itself. */
type Plain = 'string' | 'bool' | 'integer' | 'double' | 'skip' | 'list' | 'map';

/** What is read has a form that stored objects do not have; the way over objects knows them all. */
export class NotPlain extends Error {}

function notPlain(): never {
  throw new NotPlain('not the JSON that is stored');
}

/**
 * Stored JSON of objects in normal form -> protobuf messages, from bytes to bytes. Fields come in
 * the order of the JSON, and what it leaves out is left out: readers see the same object. JSON with
 * spaces, unknown fields or nulls in lists and maps is refused with NotPlain.
 */
export class Transcoder {
  #from: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The next backslash in what is read; all before it is plain. */
  #slash = 0;
  #out: Buffer;
  #end = 0;
  /** The string that was read last, between its quotes. */
  #start = 0;
  #stop = 0;
  #escaped = false;

  constructor(bytes: number) {
    this.#out = Buffer.allocUnsafeSlow(bytes);
  }

  /** Forgets what was written. */
  begin(): void {
    this.#end = 0;
    if (this.#out.length > keptRoom) this.#out = Buffer.allocUnsafeSlow(keptRoom);
  }

  /** A copy of what was written. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.#end);
    this.#out.copy(bytes, 0, 0, this.#end);
    this.begin();
    return bytes;
  }

  /** A field that is made already. */
  field(number: number, message: Uint8Array): void {
    this.#room(message.length + smallRoom);
    this.#tag(number, wire.bytes);
    this.#varint(message.length);
    this.#out.set(message, this.#end);
    this.#end += message.length;
  }

  /** One object as a field; it gets its revision. Writes nothing when it throws. */
  object(number: number, steps: Steps, json: Buffer, revision: number): void {
    const before = this.#end;
    this.#from = json;
    this.#at = 0;
    this.#slash = nextSlash(json, 0);
    try {
      const mark = this.#open(number);
      if (!this.#struct(steps, revision)) notPlain();
      this.#close(mark);
      if (this.#at !== json.length) notPlain();
    } catch (error) {
      this.#end = before;
      throw error;
    }
  }

  /** True when a revision was wanted and had its place: the metadata of the object. */
  #struct(steps: Steps, revision = -1): boolean {
    this.#expect(openBrace);
    if (this.#from[this.#at] === closeBrace) {
      this.#at++;
      return false;
    }
    let told = false;
    let next = 0;
    let within: readonly number[] = none;
    const marks: number[] = [];
    for (;;) {
      next = this.#key(steps, next);
      const step = steps.list[next++];
      if (step === undefined) notPlain();
      if (step.value.k === 'skip' || this.#from[this.#at] === letterN) this.#skip();
      else {
        if (step.within !== within) {
          while (marks.length > 0) this.#close(marks.pop() as number);
          within = step.within;
          for (const number of within) marks.push(this.#open(number));
        }
        if (revision >= 0 && step.isMetadata && step.value.k === 'struct') {
          const mark = this.#open(step.number);
          this.#struct(step.value.steps());
          this.#text(resourceVersionField, String(revision));
          this.#close(mark);
          told = true;
        } else this.#value(step.number, step.value);
      }
      const end = this.#from[this.#at++];
      if (end === closeBrace) break;
      if (end !== comma) notPlain();
    }
    while (marks.length > 0) this.#close(marks.pop() as number);
    return told;
  }

  /** The place of the key that is read, looked for from where it should be. */
  #key(steps: Steps, next: number): number {
    this.#expect(quote);
    const { list } = steps;
    for (let tried = 0, i = next; tried < list.length; tried++, i++) {
      if (i >= list.length) i -= list.length;
      const { key } = list[i] as (typeof list)[number];
      const { length } = key;
      if (this.#from[this.#at + length] !== quote) continue;
      let same = 0;
      while (same < length && this.#from[this.#at + same] === key[same]) same++;
      if (same < length) continue;
      this.#at += length + 1;
      this.#expect(colon);
      return i;
    }
    return notPlain();
  }

  #value(number: number, value: Value): void {
    switch (value.k) {
      case 'string':
        this.#string();
        return this.#stringField(number);
      case 'bool':
        return this.#bool(number);
      case 'integer':
        return this.#integer(number);
      case 'double':
        this.#room(smallRoom);
        this.#tag(number, wire.fixed64);
        this.#out.writeDoubleLE(Number(this.#number()), this.#end);
        this.#end += 8;
        return;
      case 'list':
        return this.#list(number, value.items);
      case 'map':
        return this.#map(number, value.values);
      case 'skip':
        return this.#skip();
      default: {
        const mark = this.#open(number);
        this.#message(value);
        this.#close(mark);
      }
    }
  }

  /** What is a message of its own, or bytes: its length goes before it. */
  #message(value: Exclude<Value, { k: Plain }>): void {
    switch (value.k) {
      case 'struct':
        return void this.#struct(value.steps());
      case 'wrapped':
        return this.#list(1, value.items);
      case 'bytes':
        return this.#bytes();
      case 'time':
        return this.#time(value.micro);
      case 'duration':
        this.#room(smallRoom);
        this.#tag(1, wire.varint);
        return this.#bigVarint(parseDuration(this.#plain()));
      case 'quantity':
        this.#string();
        return this.#stringField(1);
      case 'intOrString':
        return this.#intOrString();
      case 'raw':
        return this.#raw();
      default:
        return notPlain();
    }
  }

  #list(number: number, items: Value): void {
    this.#expect(openBracket);
    if (this.#from[this.#at] === closeBracket) return void this.#at++;
    for (;;) {
      if (this.#from[this.#at] === letterN) notPlain();
      this.#value(number, items);
      const end = this.#from[this.#at++];
      if (end === closeBracket) return;
      if (end !== comma) notPlain();
    }
  }

  #map(number: number, values: Value): void {
    this.#expect(openBrace);
    if (this.#from[this.#at] === closeBrace) return void this.#at++;
    for (;;) {
      const mark = this.#open(number);
      this.#string();
      this.#stringField(1);
      this.#expect(colon);
      if (this.#from[this.#at] === letterN) notPlain();
      this.#value(2, values);
      this.#close(mark);
      const end = this.#from[this.#at++];
      if (end === closeBrace) return;
      if (end !== comma) notPlain();
    }
  }

  #bool(number: number): void {
    const first = this.#from[this.#at];
    if (first !== letterT && first !== letterF) notPlain();
    this.#at += first === letterT ? 4 : 5;
    this.#room(smallRoom);
    this.#tag(number, wire.varint);
    this.#varint(first === letterT ? 1 : 0);
  }

  #integer(number: number): void {
    this.#room(smallRoom);
    this.#tag(number, wire.varint);
    const text = this.#number();
    if (!plainInteger.test(text)) notPlain();
    const value = Number(text);
    if (value >= 0 && value <= 0x7fffffff) this.#varint(value);
    else this.#bigVarint(BigInt(text));
  }

  #intOrString(): void {
    const isText = this.#from[this.#at] === quote;
    this.#room(smallRoom);
    this.#tag(1, wire.varint);
    this.#varint(isText ? 1 : 0);
    if (!isText) return this.#integer(2);
    this.#string();
    this.#stringField(3);
  }

  #time(micro: boolean): void {
    const text = this.#plain();
    const time =
      !micro && plainTime.test(text)
        ? { seconds: Date.parse(text) / 1000, nanos: 0 }
        : parseTime(text);
    this.#room(2 * smallRoom);
    this.#tag(1, wire.varint);
    if (time.seconds >= 0 && time.seconds <= 0x7fffffff) this.#varint(time.seconds);
    else this.#bigVarint(BigInt(time.seconds));
    this.#tag(2, wire.varint);
    this.#varint(micro ? Math.floor(time.nanos / 1000) * 1000 : 0);
  }

  #bytes(): void {
    const text = this.#plain();
    this.#room(text.length);
    this.#end += this.#out.write(text, this.#end, 'base64');
  }

  /** Any JSON, kept as text. */
  #raw(): void {
    const start = this.#at;
    this.#skip();
    this.#room(this.#at - start + smallRoom);
    this.#tag(1, wire.bytes);
    this.#varint(this.#at - start);
    this.#copy(start, this.#at);
  }

  #number(): string {
    const start = this.#at;
    for (; ; this.#at++) {
      const byte = this.#from[this.#at];
      if (byte === comma || byte === closeBrace || byte === closeBracket) break;
      if (byte === undefined || (byte !== minus && byte < 0x2b) || byte > 0x65) notPlain();
    }
    if (this.#at === start) notPlain();
    return this.#from.latin1Slice(start, this.#at);
  }

  /** A string without escapes, as text. */
  #plain(): string {
    this.#string();
    if (this.#escaped) notPlain();
    return this.#from.latin1Slice(this.#start, this.#stop);
  }

  /** Reads a string; where it lies is remembered. */
  #string(): void {
    this.#expect(quote);
    const from = this.#from;
    let at = this.#at;
    this.#start = at;
    const near = at + shortBytes;
    while (at < near && from[at] !== quote && from[at] !== backslash) at++;
    if (at === near) at = from.indexOf(quote, at);
    if (this.#slash < this.#start) this.#slash = nextSlash(from, this.#start);
    this.#escaped = at < 0 || at >= this.#slash;
    if (this.#escaped) at = this.#escapedEnd();
    if (from[at] !== quote) notPlain();
    this.#stop = at;
    this.#at = at + 1;
  }

  #escapedEnd(): number {
    let at = this.#start;
    for (let byte = this.#from[at]; byte !== quote; byte = this.#from[at]) {
      if (byte === undefined) notPlain();
      at += byte === backslash ? 2 : 1;
    }
    return at;
  }

  #stringField(number: number): void {
    if (this.#escaped) {
      const text = JSON.parse(this.#from.utf8Slice(this.#start - 1, this.#stop + 1)) as string;
      return this.#text(number, text);
    }
    const length = this.#stop - this.#start;
    this.#room(length + smallRoom);
    this.#tag(number, wire.bytes);
    this.#varint(length);
    this.#copy(this.#start, this.#stop);
  }

  #text(number: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.#room(length + smallRoom);
    this.#tag(number, wire.bytes);
    this.#varint(length);
    this.#end += this.#out.write(text, this.#end, 'utf8');
  }

  #copy(start: number, stop: number): void {
    if (stop - start > shortBytes) this.#end += this.#from.copy(this.#out, this.#end, start, stop);
    else for (let i = start; i < stop; i++) this.#out[this.#end++] = this.#from[i] as number;
  }

  /** Goes behind any value. */
  #skip(): void {
    let depth = 0;
    for (;;) {
      const byte = this.#from[this.#at];
      if (byte === quote) this.#string();
      else if (byte === openBrace || byte === openBracket) {
        depth++;
        this.#at++;
      } else if (byte === closeBrace || byte === closeBracket) {
        if (depth === 0) return;
        depth--;
        this.#at++;
      } else if (byte === undefined) return notPlain();
      else if (byte === comma && depth === 0) return;
      else {
        this.#at++;
        continue;
      }
      if (depth === 0) return;
    }
  }

  #expect(byte: number): void {
    if (this.#from[this.#at++] !== byte) notPlain();
  }

  /** Begins a field whose length is not known yet; most take one byte. */
  #open(number: number): number {
    this.#room(smallRoom);
    this.#tag(number, wire.bytes);
    return ++this.#end;
  }

  #close(mark: number): void {
    const length = this.#end - mark;
    if (length < 0x80) {
      this.#out[mark - 1] = length;
      return;
    }
    this.#room(smallRoom);
    let more = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) more++;
    this.#out.copyWithin(mark + more, mark, this.#end);
    const end = this.#end + more;
    this.#end = mark - 1;
    this.#varint(length);
    this.#end = end;
  }

  #tag(number: number, type: number): void {
    this.#varint(number * 8 + type);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#out[this.#end++] = (rest & 0x7f) | 0x80;
    this.#out[this.#end++] = rest;
  }

  /** Negative numbers take ten bytes, as two's complement of 64 bits. */
  #bigVarint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#out[this.#end++] = Number(rest & 0x7fn) | 0x80;
    this.#out[this.#end++] = Number(rest);
  }

  #room(count: number): void {
    if (this.#out.length - this.#end >= count) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#end + count));
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }
}

const none: readonly number[] = [];

const nextSlash = (from: Buffer, at: number): number => {
  const found = from.indexOf(backslash, at);
  return found < 0 ? Infinity : found;
};
