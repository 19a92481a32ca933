import { ProtoReader, ProtoWriter } from './proto.ts';

/** A message's fields by number, compiled from one line of facts (see generated/messages.ts). */
interface Field {
  name: string;
  id: number;
  kind: string;
  shape: 'one' | 'list' | 'map';
}

interface Message {
  fields: Field[];
  byId: Map<number, Field>;
}

type Value = Record<string, unknown>;

/**
 * Proto3 encoding and decoding by a table of facts. Messages are compiled when first met: a start
 * pays only for what it uses.
 */
export class Codec {
  readonly #facts: Record<string, string>;
  readonly #compiled = new Map<string, Message>();

  constructor(facts: Record<string, string>) {
    this.#facts = facts;
  }

  /** Unset and zero fields are left out, as proto3 does; an unknown property is ignored. */
  encode(message: string, value: object): Buffer {
    const writer = new ProtoWriter();
    this.#write(writer, message, value as Value);
    return writer.finish();
  }

  /**
   * Absent scalars, lists and maps come back as their zero value; an absent message as undefined.
   * Unknown fields are skipped.
   */
  decode<T>(message: string, bytes: Uint8Array): T {
    return this.#read(new ProtoReader(bytes), message) as T;
  }

  #message(name: string): Message {
    const known = this.#compiled.get(name);
    if (known) return known;
    const facts = this.#facts[name];
    if (facts === undefined) throw new TypeError(`no such message: ${name}`);
    const fields = facts === '' ? [] : facts.split(', ').map(parseField);
    const made = { fields, byId: new Map(fields.map((f) => [f.id, f])) };
    this.#compiled.set(name, made);
    return made;
  }

  #write(w: ProtoWriter, name: string, value: Value): void {
    for (const f of this.#message(name).fields) {
      const v = value[f.name];
      if (v === undefined || v === null) continue;
      if (f.shape === 'list') this.#writeList(w, f, v as unknown[]);
      else if (f.shape === 'map')
        for (const [k, inner] of Object.entries(v as Value)) this.#writeEntry(w, f, k, inner);
      else if (f.kind.startsWith('.')) this.#writeNested(w, f, v as Value);
      else if (!isZero(v)) w.field(f.id, f.kind, v);
    }
  }

  #writeList(w: ProtoWriter, f: Field, list: unknown[]): void {
    if (list.length === 0) return;
    if (f.kind.startsWith('.')) for (const item of list) this.#writeNested(w, f, item as Value);
    else if (f.kind === 'string' || f.kind === 'bytes')
      for (const item of list) w.field(f.id, f.kind, item);
    else {
      const packed = new ProtoWriter();
      for (const item of list) packed.scalar(f.kind, item);
      w.bytes(f.id, packed.finish());
    }
  }

  #writeNested(w: ProtoWriter, f: Field, value: Value): void {
    const inner = new ProtoWriter();
    this.#write(inner, f.kind.slice(1), value);
    w.bytes(f.id, inner.finish());
  }

  #writeEntry(w: ProtoWriter, f: Field, key: string, value: unknown): void {
    const entry = new ProtoWriter();
    entry.field(1, 'string', key);
    if (f.kind.startsWith('.')) this.#writeNested(entry, { ...f, id: 2 }, value as Value);
    else entry.field(2, f.kind, value);
    w.bytes(f.id, entry.finish());
  }

  #read(r: ProtoReader, name: string): Value {
    const message = this.#message(name);
    const out = blank(message);
    while (!r.done) {
      const tag = r.varint();
      const field = message.byId.get(tag >>> 3);
      if (!field) r.skip(tag & 7);
      else this.#readField(r, field, tag & 7, out);
    }
    return out;
  }

  #readField(r: ProtoReader, f: Field, wireType: number, out: Value): void {
    if (f.shape === 'map') {
      const [key, value] = this.#readEntry(r.sub(), f);
      (out[f.name] as Value)[key] = value;
    } else if (f.shape === 'list') {
      const list = out[f.name] as unknown[];
      const packed =
        wireType === 2 && !f.kind.startsWith('.') && f.kind !== 'string' && f.kind !== 'bytes';
      if (!packed) return void list.push(this.#readValue(r, f));
      const inner = r.sub();
      while (!inner.done) list.push(inner.scalar(f.kind));
    } else out[f.name] = this.#readValue(r, f);
  }

  #readEntry(r: ProtoReader, f: Field): [string, unknown] {
    let key = '';
    let value: unknown = f.kind === 'string' ? '' : 0;
    while (!r.done) {
      const tag = r.varint();
      if (tag >>> 3 === 1) key = r.scalar('string') as string;
      else if (tag >>> 3 === 2) value = this.#readValue(r, f);
      else r.skip(tag & 7);
    }
    return [key, value];
  }

  #readValue(r: ProtoReader, f: Field): unknown {
    return f.kind.startsWith('.') ? this.#read(r.sub(), f.kind.slice(1)) : r.scalar(f.kind);
  }
}

function parseField(fact: string): Field {
  const [name = '', id = '0', kind = ''] = fact.split(' ');
  const mark = kind[0];
  const shape = mark === '[' ? 'list' : mark === '{' ? 'map' : 'one';
  return { name, id: Number(id), kind: shape === 'one' ? kind : kind.slice(1), shape };
}

function isZero(v: unknown): boolean {
  return (
    v === '' || v === 0 || v === false || v === 0n || (v instanceof Uint8Array && v.length === 0)
  );
}

function blank(message: Message): Value {
  const out: Value = {};
  for (const f of message.fields) {
    if (f.shape === 'list') out[f.name] = [];
    else if (f.shape === 'map') out[f.name] = {};
    else if (!f.kind.startsWith('.')) out[f.name] = zeroOf(f.kind);
  }
  return out;
}

function zeroOf(kind: string): unknown {
  if (kind === 'string') return '';
  if (kind === 'bool') return false;
  if (kind === 'bytes') return new Uint8Array(0);
  return kind === 'nanos' ? 0n : 0;
}
