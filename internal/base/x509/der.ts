/**
 * Distinguished Encoding Rules (ITU-T X.690), the reading half. Whatever is not in its one allowed
 * form is refused.
 */
export interface Element {
  /**
   * Class, constructed bit and number as one byte; numbers above 30 occur in nothing that is read
   * here.
   */
  tag: number;
  /** With its tag and length. */
  raw: Buffer;
  body: Buffer;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  t61: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Text that is not DER, or not what was expected there. */
export class DerError extends Error {}

function elementAt(bytes: Buffer, at: number): Element {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined)
    throw new DerError('asn1: syntax error: data truncated');
  if ((tag & 0x1f) === 0x1f) throw new DerError('asn1: structure error: unsupported tag number');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const size = first & 0x7f;
    if (size === 0) throw new DerError('asn1: structure error: indefinite length found (not DER)');
    if (size > 4 || start + size > bytes.length)
      throw new DerError('asn1: structure error: length too large');
    length = bytes.readUIntBE(start, size);
    start += size;
    if (length < 0x80 || (size > 1 && length < 2 ** (8 * (size - 1))))
      throw new DerError('asn1: structure error: non-minimal length');
  }
  if (start + length > bytes.length) throw new DerError('asn1: syntax error: data truncated');
  return {
    tag,
    raw: bytes.subarray(at, start + length),
    body: bytes.subarray(start, start + length),
  };
}

/** The one element that `bytes` are. */
export function readOnly(bytes: Buffer, tag: number): Element {
  const element = expectTag(elementAt(bytes, 0), tag);
  if (element.raw.length !== bytes.length) throw new DerError('asn1: syntax error: trailing data');
  return element;
}

export function expectTag(element: Element | undefined, tag: number): Element {
  if (!element) throw new DerError('asn1: syntax error: sequence truncated');
  if (element.tag !== tag)
    throw new DerError(`asn1: structure error: tags don't match (${tag} vs ${element.tag})`);
  return element;
}

/** What stands inside a constructed element, one after the other. */
export function children(parent: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < parent.length;) {
    const element = elementAt(parent, at);
    found.push(element);
    at += element.raw.length;
  }
  return found;
}

/** The elements of a SEQUENCE; `element` must be one. */
export const items = (element: Element | undefined): Element[] =>
  children(expectTag(element, tags.sequence).body);

/** An object identifier in its dotted form. */
export function readOid(element: Element | undefined): string {
  const { body } = expectTag(element, tags.oid);
  const parts: number[] = [];
  let value = 0;
  let fresh = true;
  for (const byte of body) {
    if (fresh && byte === 0x80)
      throw new DerError('asn1: syntax error: integer is not minimally encoded');
    value = value * 128 + (byte & 0x7f);
    if (value > 0x7fffffff) throw new DerError('asn1: structure error: base 128 integer too large');
    fresh = (byte & 0x80) === 0;
    if (!fresh) continue;
    parts.push(value);
    value = 0;
  }
  const [head] = parts;
  if (!fresh || head === undefined)
    throw new DerError('asn1: syntax error: truncated OBJECT IDENTIFIER');
  const top = Math.min(2, Math.floor(head / 40));
  return [top, head - top * 40, ...parts.slice(1)].join('.');
}

export function readBoolean(element: Element): boolean {
  const { body } = expectTag(element, tags.boolean);
  if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff))
    throw new DerError('asn1: syntax error: invalid boolean');
  return body[0] === 0xff;
}

/** A small whole number that is not negative. */
export function readCount(element: Element): number {
  const { body } = expectTag(element, tags.integer);
  const [first = 0, second = 0] = body;
  if (
    body.length === 0 ||
    first >= 0x80 ||
    (body.length > 1 && first === 0 && second < 0x80) ||
    body.length > 5
  )
    throw new DerError('asn1: structure error: integer not minimally-encoded or out of range');
  return body.readUIntBE(0, body.length);
}

/** The bits of a BIT STRING as bytes; unused ones must be zero. */
export function readBits(element: Element | undefined): Buffer {
  const { body } = expectTag(element, tags.bits);
  const unused = body[0];
  const last = body[body.length - 1] ?? 0;
  if (
    unused === undefined ||
    unused > 7 ||
    (body.length === 1 && unused > 0) ||
    (last & ((1 << unused) - 1) && body.length > 1)
  )
    throw new DerError('asn1: syntax error: invalid padding bits in BIT STRING');
  return body.subarray(1);
}

/** UTCTime or GeneralizedTime in the forms of RFC 5280, in milliseconds. */
export function readTime(element: Element | undefined): number {
  const text = element?.body.toString('latin1') ?? '';
  const utc = element?.tag === tags.utcTime;
  if (!utc && element?.tag !== tags.generalizedTime)
    throw new DerError('asn1: structure error: a time is missing');
  const parts = (
    utc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  )
    .exec(text)
    ?.slice(1)
    .map(Number);
  if (!parts) throw new DerError('asn1: syntax error: malformed time');
  const [given = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const year = utc ? given + (given < 50 ? 2000 : 1900) : given;
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (year < 100) at.setUTCFullYear(year);
  if (
    at.getUTCMonth() !== month - 1 ||
    at.getUTCDate() !== day ||
    at.getUTCHours() !== hour ||
    at.getUTCMinutes() !== minute
  )
    throw new DerError('asn1: syntax error: malformed time');
  return at.getTime();
}
