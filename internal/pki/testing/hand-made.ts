/** Requests and certificates byte by byte, in forms that no ordinary tool would write. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  bits,
  boolean,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  setOf,
  tagged,
  time,
  utf8,
  type Der,
} from '../der.ts';

export const types = { cn: '2.5.4.3', o: '2.5.4.10', uid: '1.3.6.1.4.1.57683.2' };

export const newPair = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' });

export const attribute = (type: string, value: Der | string): Der =>
  sequence(oid(type), typeof value === 'string' ? utf8(value) : value);
/** A relative name of one attribute or several. */
export const relative = (...pairs: Der[]): Der => setOf(...pairs);
export const simpleName = (cn: string, ...orgs: string[]): Der =>
  sequence(
    ...orgs.map((org) => relative(attribute(types.o, org))),
    relative(attribute(types.cn, cn)),
  );

/** A text in one of ASN.1's other kinds of string. */
export const string = {
  bmp: (text: string): Der => tagged(0x1e, Buffer.from(text, 'utf16le').swap16()),
  printable: (text: string): Der => tagged(0x13, Buffer.from(text, 'latin1')),
  ia5: (text: string): Der => tagged(0x16, Buffer.from(text, 'latin1')),
  t61: (text: string): Der => tagged(0x14, Buffer.from(text, 'latin1')),
  universal: (text: string): Der =>
    tagged(
      0x1c,
      Buffer.concat(Array.from(text, (char) => Buffer.from([0, 0, 0, char.charCodeAt(0)]))),
    ),
};

export const extension = (id: string, value: Der, critical = false): Der =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
export const hosts = (...names: string[]): Der =>
  extension('2.5.29.17', sequence(...names.map((name) => implicit(2, Buffer.from(name)))));
export const addresses = (...list: number[][]): Der =>
  extension('2.5.29.17', sequence(...list.map((one) => implicit(7, Buffer.from(one)))));
export const emails = (...names: string[]): Der =>
  extension('2.5.29.17', sequence(...names.map((name) => implicit(1, Buffer.from(name)))));
export const uris = (...names: string[]): Der =>
  extension('2.5.29.17', sequence(...names.map((name) => implicit(6, Buffer.from(name)))));
export const usages = (...ids: string[]): Der => extension('2.5.29.37', sequence(...ids.map(oid)));
export const authority = (pathLength?: number): Der =>
  extension(
    '2.5.29.19',
    sequence(
      boolean(true),
      ...(pathLength === undefined ? [] : [integer(Buffer.from([pathLength]))]),
    ),
    true,
  );

const ecdsaSha256 = sequence(oid('1.2.840.10045.4.3.2'));

export function pem(type: string, der: Der): string {
  return (
    `-----BEGIN ${type}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n` +
    `-----END ${type}-----\n`
  );
}

/** A PKCS #10 request with this subject. */
export function handMadeRequest(subject: Der, extensions: Der[] = [], pair = newPair()): string {
  const wanted =
    extensions.length === 0
      ? Buffer.alloc(0)
      : sequence(oid('1.2.840.113549.1.9.14'), setOf(sequence(...extensions)));
  const info = sequence(
    integer(Buffer.from([0])),
    subject,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa0, wanted),
  );
  return pem(
    'CERTIFICATE REQUEST',
    sequence(info, ecdsaSha256, bits(sign('sha256', info, pair.privateKey))),
  );
}

export interface HandMade {
  subject: Der;
  issuer: Der;
  key: KeyObject;
  signer: KeyObject;
  extensions?: Der[];
  from?: number;
  to?: number;
  /** An AlgorithmIdentifier and the digest that goes with it. */
  algorithm?: { id: Der; digest: string };
}

/** A certificate, as DER. */
export function handMadeCertificate({
  subject,
  issuer,
  key,
  signer,
  extensions = [],
  from,
  to,
  algorithm,
}: HandMade): Der {
  const now = Date.now();
  const id = algorithm?.id ?? ecdsaSha256;
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.from([7])),
    id,
    issuer,
    sequence(time(from ?? now - 60_000), time(to ?? now + 3600_000)),
    subject,
    key.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [explicit(3, sequence(...extensions))] : []),
  );
  return sequence(body, id, bits(sign(algorithm?.digest ?? 'sha256', body, signer)));
}
