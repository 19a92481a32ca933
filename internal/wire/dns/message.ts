import { DnsFault, nameKey, nameOf, readName, type WireName } from './names.ts';

export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  NSEC: 47,
  NSEC3: 50,
  ANY: 255,
} as const;
export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export const classIn = 1;

const flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
};
const headerBytes = 12;
/** The largest datagram that is neither fragmented nor a good amplifier (DNS flag day 2020). */
const mostUdpBytes = 1232;
/** Without EDNS (RFC 1035). */
const plainUdpBytes = 512;
/** More records than this in one message are nobody's honest answer. */
const mostRecords = 2000;

export interface Question {
  name: WireName;
  type: number;
  class: number;
}

export interface Query {
  id: number;
  opcode: number;
  recursionDesired: boolean;
  checkingDisabled: boolean;
  authenticData: boolean;
  /** Undefined in a message that has not exactly one. */
  question: Question | undefined;
  edns: { version: number; dnssecOk: boolean; udpBytes: number } | undefined;
  /** Broken after the header: it deserves FORMERR. */
  faulty: boolean;
}

/** A resource record; `data` holds no compressed names. */
export interface WireRecord {
  name: WireName;
  type: number;
  class: number;
  ttl: number;
  data: Buffer;
}

export interface Reply {
  rcode: number;
  authoritative: boolean;
  authenticData: boolean;
  answers: WireRecord[];
  authorities: WireRecord[];
  additionals: WireRecord[];
}

/**
 * A question out of the network; undefined for what deserves no answer at all (too short, or itself
 * an answer). Never throws.
 */
export function parseQuery(data: Buffer): Query | undefined {
  if (data.length < headerBytes) return undefined;
  const flags = data.readUInt16BE(2);
  if (flags & flag.response) return undefined;
  const query: Query = {
    id: data.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    recursionDesired: (flags & flag.recursionDesired) !== 0,
    checkingDisabled: (flags & flag.checkingDisabled) !== 0,
    authenticData: (flags & flag.authenticData) !== 0,
    question: undefined,
    edns: undefined,
    faulty: true,
  };
  if (
    data.readUInt16BE(4) !== 1 ||
    data.readUInt16BE(6) + data.readUInt16BE(8) > 0 ||
    data.readUInt16BE(10) > 2
  )
    return query;
  try {
    const { question, next } = readQuestion(data, headerBytes);
    query.question = question;
    let at = next;
    for (let i = 0; i < data.readUInt16BE(10); i++) {
      const { record, next: after } = readRecord(data, at);
      at = after;
      if (record.type !== types.OPT) continue;
      if (query.edns || record.name.length !== 1) return query;
      query.edns = {
        version: (record.ttl >> 16) & 255,
        dnssecOk: (record.ttl & 0x8000) !== 0,
        udpBytes: record.class,
      };
    }
    query.faulty = at !== data.length;
  } catch (error) {
    if (!(error instanceof DnsFault)) throw error;
  }
  return query;
}

function readQuestion(data: Buffer, at: number): { question: Question; next: number } {
  const { name, next } = readName(data, at);
  if (next + 4 > data.length) throw new DnsFault('a question ends beyond the message');
  return {
    question: { name, type: data.readUInt16BE(next), class: data.readUInt16BE(next + 2) },
    next: next + 4,
  };
}

/**
 * Where names stand in the data of types that may compress them (RFC 1035, RFC 3597): bytes before,
 * and how many names.
 */
const nameLayouts = new Map<number, { before: number; names: number }>([
  ...[2, 3, 4, 5, 7, 8, 9, 12, 39].map((type) => [type, { before: 0, names: 1 }] as const),
  ...[6, 14, 17].map((type) => [type, { before: 0, names: 2 }] as const),
  ...[15, 18, 21, 36].map((type) => [type, { before: 2, names: 1 }] as const),
  [26, { before: 2, names: 2 }],
  [types.SRV, { before: 6, names: 1 }],
]);

function readRecord(data: Buffer, at: number): { record: WireRecord; next: number } {
  const { name, next } = readName(data, at);
  if (next + 10 > data.length) throw new DnsFault('a record ends beyond the message');
  const type = data.readUInt16BE(next);
  const end = next + 10 + data.readUInt16BE(next + 8);
  if (end > data.length) throw new DnsFault('the data of a record end beyond the message');
  const record = {
    name,
    type,
    class: data.readUInt16BE(next + 2),
    ttl: data.readUInt32BE(next + 4),
    data: plainData(data, type, next + 10, end),
  };
  return { record, next: end };
}

function plainData(data: Buffer, type: number, from: number, end: number): Buffer {
  const layout = nameLayouts.get(type);
  if (!layout) return Buffer.from(data.subarray(from, end));
  let at = from + layout.before;
  if (at > end) throw new DnsFault('the data of a record are too short');
  const parts = [data.subarray(from, at)];
  for (let i = 0; i < layout.names; i++) {
    const { name, next } = readName(data, at);
    if (next > end) throw new DnsFault('a name ends beyond its record');
    parts.push(name);
    at = next;
  }
  return Buffer.concat([...parts, data.subarray(at, end)]);
}

/** An answer of a resolver, taken apart. Throws DnsFault for what is none. */
export function parseReply(
  data: Buffer,
): Reply & { id: number; opcode: number; truncated: boolean; question: Question } {
  if (data.length < headerBytes) throw new DnsFault('shorter than a header');
  const flags = data.readUInt16BE(2);
  if (!(flags & flag.response) || data.readUInt16BE(4) !== 1)
    throw new DnsFault('not an answer to one question');
  const counts = [6, 8, 10].map((at) => data.readUInt16BE(at));
  if (counts.reduce((a, b) => a + b) > mostRecords) throw new DnsFault('too many records');
  const { question, next } = readQuestion(data, headerBytes);
  const truncated = (flags & flag.truncated) !== 0;
  let at = next;
  // What follows a cut is asked for again over TCP, so it need not be whole.
  const [answers, authorities, additionals] = counts.map((count) =>
    Array.from({ length: truncated ? 0 : count }, () => {
      const { record, next: after } = readRecord(data, at);
      at = after;
      return record;
    }),
  ) as [WireRecord[], WireRecord[], WireRecord[]];
  const header = {
    id: data.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    rcode: flags & 15,
    truncated,
    authoritative: (flags & flag.authoritative) !== 0,
    authenticData: (flags & flag.authenticData) !== 0,
  };
  return { ...header, question, answers, authorities, additionals };
}

/** Bytes of a message whose repeated names are written once. */
class Writer {
  readonly #parts: Buffer[] = [];
  readonly #seen = new Map<string, number>();
  length = 0;

  bytes(data: Buffer): void {
    this.#parts.push(data);
    this.length += data.length;
  }

  numbers(...values: number[]): void {
    const data = Buffer.alloc(values.length * 2);
    values.forEach((value, i) => data.writeUInt16BE(value, i * 2));
    this.bytes(data);
  }

  name(name: WireName): void {
    let at = 0;
    for (; (name[at] ?? 0) > 0; at += 1 + (name[at] as number)) {
      const rest = nameKey(name.subarray(at));
      const known = this.#seen.get(rest);
      if (known !== undefined) {
        this.numbers(0xc000 | known);
        return;
      }
      if (this.length < 0x4000) this.#seen.set(rest, this.length);
      this.bytes(name.subarray(at, at + 1 + (name[at] as number)));
    }
    this.bytes(Buffer.of(0));
  }

  record(record: WireRecord): void {
    this.name(record.name);
    const head = Buffer.alloc(10);
    head.writeUInt16BE(record.type, 0);
    head.writeUInt16BE(record.class, 2);
    head.writeUInt32BE(record.ttl, 4);
    head.writeUInt16BE(record.data.length, 8);
    this.bytes(head);
    this.bytes(record.data);
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

const optRecord = (rcode: number, dnssecOk: boolean): WireRecord => ({
  name: Buffer.of(0),
  type: types.OPT,
  class: mostUdpBytes,
  ttl: ((rcode >> 4) << 24) | (dnssecOk ? 0x8000 : 0),
  data: Buffer.alloc(0),
});

function encode(query: Query, reply: Reply, truncated: boolean): Buffer {
  const opt = query.edns ? [optRecord(reply.rcode, query.edns.dnssecOk)] : [];
  const flags =
    flag.response |
    flag.recursionAvailable |
    (query.opcode << 11) |
    (reply.authoritative ? flag.authoritative : 0) |
    (truncated ? flag.truncated : 0) |
    (query.recursionDesired ? flag.recursionDesired : 0) |
    (query.checkingDisabled ? flag.checkingDisabled : 0) |
    (reply.authenticData ? flag.authenticData : 0) |
    (reply.rcode & 15);
  const writer = new Writer();
  const additionals = [...reply.additionals, ...opt];
  writer.numbers(
    query.id,
    flags,
    query.question ? 1 : 0,
    reply.answers.length,
    reply.authorities.length,
    additionals.length,
  );
  if (query.question) {
    writer.name(query.question.name);
    writer.numbers(query.question.type, query.question.class);
  }
  for (const record of [...reply.answers, ...reply.authorities, ...additionals])
    writer.record(record);
  return writer.done();
}

/**
 * The answer's bytes. What does not fit goes: first the additional records, then everything, with
 * TC set.
 */
export function encodeReply(query: Query, reply: Reply, transport: 'udp' | 'tcp'): Buffer {
  const asked = Math.max(query.edns?.udpBytes ?? plainUdpBytes, plainUdpBytes);
  const most = transport === 'tcp' ? 65535 : Math.min(asked, mostUdpBytes);
  const whole = encode(query, reply, false);
  if (whole.length <= most) return whole;
  const less = encode(query, { ...reply, additionals: [] }, false);
  return less.length <= most
    ? less
    : encode(query, { ...reply, answers: [], authorities: [], additionals: [] }, true);
}

/**
 * A question for a resolver: recursion is desired, and nothing of the asker's message is in it but
 * the question and these flags.
 */
export function encodeQuestion(
  question: Question,
  options: { id: number; checkingDisabled: boolean; authenticData: boolean; dnssecOk: boolean },
): Buffer {
  const writer = new Writer();
  writer.numbers(
    options.id,
    flag.recursionDesired |
      (options.checkingDisabled ? flag.checkingDisabled : 0) |
      (options.authenticData ? flag.authenticData : 0),
    1,
    0,
    0,
    1,
  );
  writer.name(question.name);
  writer.numbers(question.type, question.class);
  writer.record(optRecord(0, options.dnssecOk));
  return writer.done();
}

/** Data of an SOA record. */
export function soaData(soa: {
  primary: string;
  mailbox: string;
  serial: number;
  refresh: number;
  retry: number;
  expire: number;
  minimum: number;
}): Buffer {
  const numbers = Buffer.alloc(20);
  [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum].forEach((n, i) =>
    numbers.writeUInt32BE(n, i * 4),
  );
  return Buffer.concat([nameOf(soa.primary), nameOf(soa.mailbox), numbers]);
}
