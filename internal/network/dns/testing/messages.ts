/** Messages made byte by byte, so that a test can say what no honest program does. */

/**
 * A loopback address of this process alone: a port that is free for UDP there is free for TCP as
 * well.
 */
export const host = `127.${1 + ((process.pid >> 8) & 127)}.${process.pid & 255}.1`;

export const name = (...labels: string[]): Buffer =>
  Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]),
    ),
    Buffer.of(0),
  ]);
export const dotted = (text: string): Buffer => name(...text.split('.'));

export interface Ask {
  name: Buffer;
  type?: number;
  class?: number;
  /** The flags' word; 0x0100 is recursion desired, 0x0010 checking disabled. */
  flags?: number;
  id?: number;
  /** An OPT record with DNSSEC OK. */
  dnssecOk?: boolean;
  counts?: [number, number, number, number];
}

export function query(ask: Ask): Buffer {
  const opt = ask.dnssecOk ? Buffer.from([0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]) : Buffer.alloc(0);
  const head = words(
    ask.id ?? 7,
    ask.flags ?? 0x0100,
    ...(ask.counts ?? [1, 0, 0, opt.length > 0 ? 1 : 0]),
  );
  return Buffer.concat([head, ask.name, words(ask.type ?? 1, ask.class ?? 1), opt]);
}

export interface Rr {
  name: Buffer;
  type?: number;
  ttl?: number;
  data: Buffer;
}

export const a = (owner: Buffer, ip: string, ttl = 300): Rr => ({
  name: owner,
  type: 1,
  ttl,
  data: Buffer.from(ip.split('.').map(Number)),
});
export const cname = (owner: Buffer, target: Buffer): Rr => ({
  name: owner,
  type: 5,
  ttl: 300,
  data: target,
});
export const soa = (owner: Buffer, minimum = 60): Rr => ({
  name: owner,
  type: 6,
  ttl: 300,
  data: Buffer.concat([Buffer.of(0, 0), words(0, 1, 0, 1, 0, 1, 0, 1, 0, minimum)]),
});

/** An answer to the question in `asked`, a whole query message. */
export function reply(
  asked: Buffer,
  more: {
    rcode?: number;
    flags?: number;
    answers?: Rr[];
    authorities?: Rr[];
    additionals?: Rr[];
    question?: Buffer;
    id?: number;
  },
): Buffer {
  const { answers = [], authorities = [], additionals = [] } = more;
  const question = more.question ?? asked.subarray(12, questionEnd(asked));
  const head = words(
    more.id ?? asked.readUInt16BE(0),
    (more.flags ?? 0x8180) | (more.rcode ?? 0),
    1,
    answers.length,
    authorities.length,
    additionals.length,
  );
  return Buffer.concat([
    head,
    question,
    ...[...answers, ...authorities, ...additionals].map(record),
  ]);
}

function record(rr: Rr): Buffer {
  const ttl = rr.ttl ?? 300;
  return Buffer.concat([
    rr.name,
    words(rr.type ?? 1, 1, Math.floor(ttl / 65536), ttl % 65536, rr.data.length),
    rr.data,
  ]);
}

function questionEnd(message: Buffer): number {
  let at = 12;
  while (message[at]) at += 1 + (message[at] as number);
  return at + 5;
}

export const questionName = (message: Buffer): Buffer =>
  message.subarray(12, questionEnd(message) - 4);

export function words(...values: number[]): Buffer {
  const data = Buffer.alloc(values.length * 2);
  values.forEach((value, i) => data.writeUInt16BE(value, i * 2));
  return data;
}
