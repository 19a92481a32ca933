import { ipOfBytes, type Ip } from '../addresses.ts';
import { children, DerError, expectTag, items, readOid, tags, type Element } from './der.ts';

/** One attribute of a distinguished name: `type` is an object identifier. */
export interface Attribute {
  type: string;
  value: string;
}

/** Every attribute in its order; those that share a relative name (`O=a+O=b`) count one by one. */
export type Name = Attribute[];

export const attributes = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  uid: '1.3.6.1.4.1.57683.2',
} as const;

export function readName(element: Element | undefined): Name {
  return items(element).flatMap((relative) =>
    children(expectTag(relative, tags.set).body).map((pair) => {
      const [type, value, more] = items(pair);
      if (!value || more) throw new DerError('x509: invalid RDNSequence');
      return { type: readOid(type), value: readString(value) };
    }),
  );
}

export const valuesOf = (name: Name, type: string): string[] =>
  name.filter((one) => one.type === type).map((one) => one.value);

/** As Go's x509 takes it: the last common name counts. */
export const commonNameOf = (name: Name): string =>
  valuesOf(name, attributes.commonName).at(-1) ?? '';

/** A name that shows differently from what it is: no user or group may be called so. */
export function hasControlCharacter(text: string): boolean {
  return Array.from(text).some((char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
  });
}

/**
 * Every kind of string that a name may be written in (X.520 DirectoryString, with IA5 and numeric
 * strings).
 */
function readString({ tag, body }: Element): string {
  switch (tag) {
    case tags.utf8:
      return checkedUtf8(body);
    case tags.printable:
      return matching(body, /^[A-Za-z0-9 '()+,\-./:=?*&]*$/, 'PrintableString');
    case tags.numeric:
      return matching(body, /^[0-9 ]*$/, 'NumericString');
    case tags.ia5:
      return ia5(body);
    case tags.t61:
      return body.toString('latin1');
    case tags.bmp:
      return bmp(body);
    default:
      throw new DerError(`x509: invalid RDNSequence: unsupported string type: ${tag}`);
  }
}

function checkedUtf8(body: Buffer): string {
  const text = body.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(body)) throw new DerError('x509: invalid UTF-8 string');
  return text;
}

function matching(body: Buffer, allowed: RegExp, kind: string): string {
  const text = body.toString('latin1');
  if (!allowed.test(text)) throw new DerError(`x509: invalid ${kind}`);
  return text;
}

export function ia5(body: Buffer): string {
  if (body.some((byte) => byte >= 0x80)) throw new DerError('x509: invalid IA5String');
  return body.toString('latin1');
}

/** Two bytes a character, the higher first; a zero at the end is left out. */
function bmp(body: Buffer): string {
  if (body.length % 2 !== 0) throw new DerError('x509: invalid BMPString');
  const text = Buffer.from(body).swap16().toString('utf16le');
  if (/[\ud800-\udfff]/.test(text)) throw new DerError('x509: invalid BMPString');
  return text.endsWith('\0') ? text.slice(0, -1) : text;
}

/** subjectAltName by kind; kinds that nothing here uses are left out. */
export interface AlternativeNames {
  dns: string[];
  emails: string[];
  addresses: Ip[];
  uris: string[];
}

export const noNames: AlternativeNames = { dns: [], emails: [], addresses: [], uris: [] };

export function readAlternativeNames(element: Element): AlternativeNames {
  const names: AlternativeNames = { dns: [], emails: [], addresses: [], uris: [] };
  for (const { tag, body } of items(element)) {
    if (tag === 0x81) names.emails.push(ia5(body));
    else if (tag === 0x82) names.dns.push(ia5(body));
    else if (tag === 0x86) names.uris.push(ia5(body));
    else if (tag === 0x87) names.addresses.push(addressOf(body));
  }
  return names;
}

function addressOf(body: Buffer): Ip {
  const ip = ipOfBytes(body);
  if (!ip) throw new DerError(`x509: cannot parse IP address of length ${body.length}`);
  return ip;
}
