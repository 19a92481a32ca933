/** Distinguished Encoding Rules (ITU-T X.690), the writing half: enough for certificates. */
export type Der = Buffer;

export function tagged(tag: number, ...content: Uint8Array[]): Der {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
}

export const sequence = (...items: Uint8Array[]): Der => tagged(0x30, ...items);
/** A SET OF: its members stand in ascending order of their encodings. */
export const setOf = (...items: Uint8Array[]): Der =>
  tagged(0x31, ...items.toSorted((a, b) => Buffer.compare(a, b)));
export const boolean = (value: boolean): Der => tagged(0x01, Buffer.from([value ? 0xff : 0]));
export const octets = (content: Uint8Array): Der => tagged(0x04, content);
export const bits = (content: Uint8Array, unused = 0): Der =>
  tagged(0x03, Buffer.from([unused]), content);
export const utf8 = (text: string): Der => tagged(0x0c, Buffer.from(text, 'utf8'));
/** A context-specific, constructed tag. */
export const explicit = (number: number, ...content: Uint8Array[]): Der =>
  tagged(0xa0 | number, ...content);
/** A context-specific, primitive tag. */
export const implicit = (number: number, content: Uint8Array): Der =>
  tagged(0x80 | number, content);

/** A whole number from its big-endian bytes, taken as not negative. */
export function integer(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  return ((trimmed[0] ?? 0) & 0x80) !== 0
    ? tagged(0x02, Buffer.from([0]), trimmed)
    : tagged(0x02, trimmed);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const part of [first * 40 + second, ...rest]) {
    const group = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) group.unshift((left & 0x7f) | 0x80);
    bytes.push(...group);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from then on, as RFC 5280 4.1.2.5 wants. */
export function time(atMs: number): Der {
  const text = new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const year = Number(text.slice(0, 4));
  return year < 2050
    ? tagged(0x17, Buffer.from(`${text.slice(2)}Z`))
    : tagged(0x18, Buffer.from(`${text}Z`));
}

function length(value: number): Buffer {
  if (value < 0x80) return Buffer.from([value]);
  const bytes: number[] = [];
  for (let left = value; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}
