import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import type { Random } from '../io/random.ts';
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, setOf, time, utf8, type Der } from './der.ts';

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
  random: Random;
}

export const lives = {
  caMs: 10 * 365 * 24 * 3600 * 1000,
  leafMs: 365 * 24 * 3600 * 1000,
  /** Certificates begin a little in the past: the clock of a machine that joins may be behind. */
  backdateMs: 3600 * 1000,
} as const;

/** A new self-signed authority. */
export function issueCa(options: Issuing & { cn: string; key?: string; lifeMs?: number }): Identity {
  const key = options.key === undefined ? newKey() : createPrivateKey(options.key);
  const publicKey = createPublicKey(key);
  const name = distinguishedName(options.cn, []);
  const cert = signed({
    ...options,
    lifeMs: options.lifeMs ?? lives.caMs,
    issuer: name,
    subject: name,
    publicKey,
    signer: key,
    extensions: [
      extension('2.5.29.15', true, bits(Buffer.from([0xa4]), 2)), // digitalSignature, keyEncipherment, keyCertSign
      extension('2.5.29.19', true, sequence(boolean(true))),
      extension('2.5.29.14', false, octets(keyId(publicKey))),
    ],
  });
  return { cert, key: pem(key) };
}

/** A certificate signed by `ca`, with a new key unless the request brings one. */
export function issueCert(options: Issuing & { ca: Identity } & CertRequest): Identity {
  const pair = options.publicKey === undefined ? newKey() : undefined;
  const publicKey = pair ? createPublicKey(pair) : createPublicKey(options.publicKey ?? '');
  const authority = new X509Certificate(options.ca.cert);
  const usages = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' };
  const cert = signed({
    ...options,
    lifeMs: options.lifeMs ?? lives.leafMs,
    // Never beyond the life of the one that vouches.
    notAfterMs: Date.parse(authority.validTo),
    issuer: subjectOf(authority),
    subject: distinguishedName(options.cn, options.orgs ?? []),
    publicKey,
    signer: createPrivateKey(options.ca.key),
    extensions: [
      extension('2.5.29.15', true, bits(Buffer.from([0xa0]), 5)), // digitalSignature, keyEncipherment
      extension('2.5.29.37', false, sequence(...options.usages.map((usage) => oid(usages[usage])))),
      extension('2.5.29.35', false, sequence(implicit(0, keyId(authority.publicKey)))),
      ...(options.sans?.length ? [extension('2.5.29.17', false, alternativeNames(options.sans))] : []),
    ],
  });
  return { cert: cert + options.ca.cert, key: pair ? pem(pair) : '' };
}

/** A fresh P-256 private key as PEM. */
export function newKeyPem(): string {
  return pem(newKey());
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function pem(key: KeyObject): string {
  return key.export({ type: key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8', format: 'pem' }).toString();
}

interface ToBeSigned extends Issuing {
  lifeMs: number;
  notAfterMs?: number;
  issuer: Der;
  subject: Der;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: Der[];
}

/** RFC 5280 section 4.1. */
function signed(options: ToBeSigned): string {
  const rsa = options.signer.asymmetricKeyType === 'rsa';
  const algorithm = rsa ? sequence(oid('1.2.840.113549.1.1.11'), Buffer.from([5, 0])) : sequence(oid('1.2.840.10045.4.3.2'));
  const serial = Buffer.from(options.random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const notBefore = options.nowMs - lives.backdateMs;
  const notAfter = Math.min(options.nowMs + options.lifeMs, options.notAfterMs ?? Infinity);
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    options.issuer,
    sequence(time(notBefore), time(notAfter)),
    options.subject,
    options.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...options.extensions)),
  );
  const signature = sign('sha256', body, options.signer);
  return toPem(sequence(body, algorithm, bits(signature)));
}

function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function distinguishedName(cn: string, orgs: string[]): Der {
  const part = (id: string, value: string): Der => setOf(sequence(oid(id), utf8(value)));
  return sequence(...orgs.map((org) => part('2.5.4.10', org)), part('2.5.4.3', cn));
}

/** The subject of a certificate, byte for byte: an issuer name has to match it exactly (RFC 5280 7.1). */
function subjectOf(cert: X509Certificate): Der {
  const raw = cert.raw;
  const certificate = element(raw, 0);
  const tbs = element(raw, certificate.content);
  let at = tbs.content;
  const skip = raw[at] === 0xa0 ? 5 : 4; // version, serial, algorithm, issuer, validity
  for (let i = 0; i < skip; i++) at = element(raw, at).end;
  return raw.subarray(at, element(raw, at).end);
}

function element(raw: Buffer, at: number): { content: number; end: number } {
  const first = raw[at + 1] ?? 0;
  if (first < 0x80) return { content: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  const length = raw.readUIntBE(at + 2, size);
  return { content: at + 2 + size, end: at + 2 + size + length };
}

function alternativeNames(sans: string[]): Der {
  const names = [...new Set(sans)].map((san) => (isIP(san) ? implicit(7, addressBytes(san)) : implicit(2, Buffer.from(san, 'latin1'))));
  return sequence(...names);
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [left = '', right] = address.split('::');
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => parseInt(word, 16)));
  const head = words(left);
  const tail = words(right ?? '');
  const all = right === undefined ? head : [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 of the public key's bits. */
function keyId(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' });
  const outer = element(spki, 0);
  const algorithm = element(spki, outer.content);
  const bitString = element(spki, algorithm.end);
  return createHash('sha1').update(spki.subarray(bitString.content + 1, bitString.end)).digest();
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
