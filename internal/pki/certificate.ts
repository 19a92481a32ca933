import { bytesOf, parseStrictIp } from '../base/addresses.ts';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { readCertificate, type Certificate } from '../base/x509/certificate.ts';
import { items, readBits, readOnly, tags } from '../base/x509/der.ts';
import { extensionIds, usageIds } from '../base/x509/extensions.ts';
import { noNames, type AlternativeNames, type Name } from '../base/x509/name.ts';
import { pemBlocks } from '../base/x509/pem.ts';
import type { Random } from '../io/random.ts';
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
  time,
  utf8,
  type Der,
} from './der.ts';

/** A certificate and its key, as PEM texts. */
export interface Identity {
  cert: string;
  key: string;
}

export type Usage = 'client' | 'server';

export interface CertRequest {
  cn: string;
  orgs?: string[];
  /** Host names and addresses. */
  sans?: string[];
  usages: Usage[];
  /** The holder's key, when it keeps its own: a public key PEM. Without it a new pair is made. */
  publicKey?: string;
  lifeMs?: number;
}

export interface Issuing {
  nowMs: number;
  /**
   * No true time is before this; a clock that shows less is wrong, and what it dates must be good
   * once it is right, too.
   */
  earliestMs?: number;
  random: Random;
}

export const lives = {
  caMs: 10 * 365 * 24 * 3600 * 1000,
  leafMs: 365 * 24 * 3600 * 1000,
  /** Certificates begin a little in the past: the clock of a machine that joins may be behind. */
  backdateMs: 3600 * 1000,
} as const;

/** When what is issued now ends: by this clock, right or wrong, and by one that is right. */
const endOf = ({ nowMs, earliestMs = nowMs }: Issuing, lifeMs: number): number =>
  Math.max(nowMs, earliestMs) + lifeMs;

/**
 * A new self-signed authority, or one that was with new dates: its key and name (DER) are then
 * given. It has always been valid: a clock that is ahead when it is made, or back at 1970 in a
 * later start, must not part clients from it; its leaves are what tells times.
 */
export function issueCa(
  options: Issuing & { cn?: string; rawName?: Der; key?: string; lifeMs?: number },
): Identity {
  const key = options.key === undefined ? newKey() : createPrivateKey(options.key);
  const publicKey = createPublicKey(key);
  const name = options.rawName ?? distinguishedName(options.cn ?? '', []);
  const cert = signed({
    ...options,
    notBeforeMs: 0,
    notAfterMs: endOf(options, options.lifeMs ?? lives.caMs),
    issuer: name,
    subject: name,
    publicKey,
    signer: key,
    extensions: authorityExtensions(publicKey),
  });
  return { cert, key: pem(key) };
}

const authorityExtensions = (publicKey: KeyObject): Der[] => [
  // digitalSignature, keyEncipherment, keyCertSign
  extension(extensionIds.keyUsage, true, bits(Buffer.from([0xa4]), 2)),
  extension(extensionIds.basicConstraints, true, sequence(boolean(true))),
  extension(extensionIds.subjectKeyId, false, octets(keyId(publicKey))),
];

/**
 * What signs, of a file of an authority: it may hold a certificate of its own and one by the
 * authority before it, for the same key. The one that ends last counts.
 */
export function authorityOf(caPem: string): Certificate {
  const [first, ...others] = pemBlocks(caPem).map(({ bytes }) => readCertificate(bytes));
  if (!first) return readCertificate(Buffer.alloc(0));
  const key = keyId(first.publicKey());
  return others
    .filter((one) => one.rawSubject.equals(first.rawSubject) && keyId(one.publicKey()).equals(key))
    .reduce((best, one) => (one.notAfterMs > best.notAfterMs ? one : best), first);
}

/** A certificate for an authority by another one: who trusts `by` trusts what `of` signs, too. */
export function crossSign(options: Issuing & { of: Identity; by: Identity }): string {
  const [of, by] = [authorityOf(options.of.cert), authorityOf(options.by.cert)];
  const publicKey = of.publicKey();
  return signed({
    random: options.random,
    notBeforeMs: 0,
    notAfterMs: Math.min(of.notAfterMs, by.notAfterMs),
    issuer: by.rawSubject,
    subject: of.rawSubject,
    publicKey,
    signer: createPrivateKey(options.by.key),
    extensions: [...authorityExtensions(publicKey), authorityKey(by)],
  });
}

/**
 * Authorities that bear the names of these and sign nothing. A TLS server names them to its
 * clients, so that those know which certificate to show; it finds no way to any of them, and so
 * hands over all that a client sent, for others to judge. Their keys are of a kind that cannot
 * sign: OpenSSL tries no signature, whose failure it would leave behind for the next read of a
 * connection to trip over.
 */
export function namesakes(caPems: string, { nowMs, random }: Issuing): string {
  const names = pemBlocks(caPems).map(({ bytes }) => readCertificate(bytes).rawSubject);
  return names
    .map((name) => {
      const { publicKey } = generateKeyPairSync('x25519');
      const extensions = [extension(extensionIds.basicConstraints, true, sequence(boolean(true)))];
      return signed({
        random,
        notBeforeMs: nowMs,
        notAfterMs: nowMs + lives.caMs,
        issuer: name,
        subject: name,
        publicKey,
        signer: newKey(),
        extensions,
      });
    })
    .join('');
}

/** A certificate signed by `ca`, with a new key unless the request brings one. */
export function issueCert(options: Issuing & { ca: Identity } & CertRequest): Identity {
  const pair = options.publicKey === undefined ? newKey() : undefined;
  const publicKey = pair ? createPublicKey(pair) : createPublicKey(options.publicKey ?? '');
  const authority = authorityOf(options.ca.cert);
  const sans = [...new Set(options.sans ?? [])];
  const cert = signed({
    ...options,
    // A clock that is ahead is set back one day: what it dated must be good then, and for clients
    // whose clocks are right.
    notBeforeMs: Math.max(
      0,
      Math.min(options.nowMs, options.earliestMs ?? options.nowMs) - lives.backdateMs,
    ),
    // Never beyond the life of the one that vouches.
    notAfterMs: Math.min(endOf(options, options.lifeMs ?? lives.leafMs), authority.notAfterMs),
    issuer: authority.rawSubject,
    subject: distinguishedName(options.cn, options.orgs ?? []),
    publicKey,
    signer: createPrivateKey(options.ca.key),
    extensions: [
      // digitalSignature, keyEncipherment
      extension(extensionIds.keyUsage, true, bits(Buffer.from([0xa0]), 5)),
      extension(
        extensionIds.extendedKeyUsage,
        false,
        sequence(...options.usages.map((usage) => oid(usageIds[usage]))),
      ),
      authorityKey(authority),
      ...(sans.length
        ? [extension(extensionIds.alternativeNames, false, alternativeNames(namesOf(sans)))]
        : []),
    ],
  });
  return { cert: cert + options.ca.cert, key: pair ? pem(pair) : '' };
}

export interface RequestedCertificate extends AlternativeNames {
  subject: Name;
  publicKey: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
  /** The bits of keyUsage, the first one highest; none = the extension is left out. */
  keyUsage: number;
  /** Identifiers. */
  extendedUsages: string[];
}

/**
 * A certificate with exactly these names and times, for a key that another holds. Returns it alone,
 * in PEM.
 */
export function issueAsRequested(
  wanted: RequestedCertificate & { ca: Identity; random: Random },
): string {
  const authority = authorityOf(wanted.ca.cert);
  const { keyUsage, extendedUsages } = wanted;
  const named = [wanted.dns, wanted.emails, wanted.addresses, wanted.uris].some(
    (kind) => kind.length > 0,
  );
  return signed({
    ...wanted,
    notAfterMs: Math.min(wanted.notAfterMs, authority.notAfterMs),
    issuer: authority.rawSubject,
    subject: sequence(
      ...wanted.subject.map(({ type, value }) => setOf(sequence(oid(type), utf8(value)))),
    ),
    signer: createPrivateKey(wanted.ca.key),
    extensions: [
      ...(keyUsage ? [extension(extensionIds.keyUsage, true, namedBits(keyUsage))] : []),
      ...(extendedUsages.length > 0
        ? [extension(extensionIds.extendedKeyUsage, false, sequence(...extendedUsages.map(oid)))]
        : []),
      extension(extensionIds.basicConstraints, true, sequence()),
      authorityKey(authority),
      // Without a subject the names are all that says who this is (RFC 5280 4.2.1.6).
      ...(named
        ? [
            extension(
              extensionIds.alternativeNames,
              wanted.subject.length === 0,
              alternativeNames(wanted),
            ),
          ]
        : []),
    ],
  });
}

/** A BIT STRING of named bits: zeros at the end are left out (X.690 11.2.2). */
function namedBits(value: number): Der {
  const bytes = value & 0xff ? [value >> 8, value & 0xff] : [value >> 8];
  const last = bytes.at(-1) ?? 0;
  return bits(Buffer.from(bytes), Math.log2(last & -last));
}

/** A fresh P-256 private key as PEM. */
export function newKeyPem(): string {
  return pem(newKey());
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function pem(key: KeyObject): string {
  return key
    .export({ type: key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8', format: 'pem' })
    .toString();
}

interface ToBeSigned {
  random: Random;
  notBeforeMs: number;
  notAfterMs: number;
  issuer: Der;
  subject: Der;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: Der[];
}

/** RFC 5280 section 4.1. */
function signed(options: ToBeSigned): string {
  const rsa = options.signer.asymmetricKeyType === 'rsa';
  const algorithm = rsa
    ? sequence(oid('1.2.840.113549.1.1.11'), Buffer.from([5, 0]))
    : sequence(oid('1.2.840.10045.4.3.2'));
  const serial = Buffer.from(options.random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    options.issuer,
    sequence(time(options.notBeforeMs), time(options.notAfterMs)),
    options.subject,
    options.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...options.extensions)),
  );
  const signature = sign('sha256', body, options.signer);
  return toPem(sequence(body, algorithm, bits(signature)));
}

export function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

const authorityKey = ({ publicKey }: Certificate): Der =>
  extension(extensionIds.authorityKeyId, false, sequence(implicit(0, keyId(publicKey()))));

export function distinguishedName(cn: string, orgs: string[]): Der {
  const part = (id: string, value: string): Der => setOf(sequence(oid(id), utf8(value)));
  return sequence(...orgs.map((org) => part('2.5.4.10', org)), part('2.5.4.3', cn));
}

/** Host names and addresses, told apart. */
export const namesOf = (sans: readonly string[]): AlternativeNames => ({
  ...noNames,
  dns: sans.filter((san) => !parseStrictIp(san)),
  addresses: sans.flatMap((san) => parseStrictIp(san) ?? []),
});

export function alternativeNames({ dns, emails, addresses, uris }: AlternativeNames): Der {
  const text = (tag: number, names: string[]): Der[] =>
    names.map((name) => implicit(tag, Buffer.from(name, 'latin1')));
  return sequence(
    ...text(2, dns),
    ...text(1, emails),
    ...addresses.map((address) => implicit(7, Buffer.from(bytesOf(address)))),
    ...text(6, uris),
  );
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 of the public key's bits. */
function keyId(key: KeyObject): Buffer {
  const [, keyBits] = items(readOnly(key.export({ type: 'spki', format: 'der' }), tags.sequence));
  return createHash('sha1').update(readBits(keyBits)).digest();
}

export function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
