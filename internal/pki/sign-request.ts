import { usageIds } from '../base/x509/extensions.ts';
import {
  attributes,
  commonNameOf,
  hasControlCharacter,
  valuesOf,
  type Name,
} from '../base/x509/name.ts';
import type { CertificateRequest } from '../base/x509/request.ts';
import { ConfigError } from '../base/errors.ts';
import { issueAsRequested, lives, type Identity, type Issuing } from './certificate.ts';

/** Bits of keyUsage by the names that certificates.k8s.io has for them. */
const keyUsages = new Map([
  ['signing', 0x8000],
  ['digital signature', 0x8000],
  ['content commitment', 0x4000],
  ['key encipherment', 0x2000],
  ['data encipherment', 0x1000],
  ['key agreement', 0x0800],
  ['cert sign', 0x0400],
  ['crl sign', 0x0200],
  ['encipher only', 0x0100],
  ['decipher only', 0x0080],
]);
const extendedUsages = new Map<string, string>([
  ['any', usageIds.any],
  ['server auth', usageIds.server],
  ['client auth', usageIds.client],
  ['code signing', '1.3.6.1.5.5.7.3.3'],
  ['email protection', '1.3.6.1.5.5.7.3.4'],
  ['s/mime', '1.3.6.1.5.5.7.3.4'],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', '1.3.6.1.5.5.7.3.8'],
  ['ocsp signing', '1.3.6.1.5.5.7.3.9'],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
]);

/** The times of kube-controller-manager's signers. */
const times = {
  backdateMs: 5 * 60_000,
  leastMs: 10 * 60_000,
  /** What lives shorter lives as long as was asked for; of the rest the beginning is taken off. */
  shortMs: 8 * 3600_000,
};

export interface Signing extends Issuing {
  request: CertificateRequest;
  ca: Identity;
  usages: readonly string[];
  expirationSeconds: number | undefined;
}

/**
 * Signs a request as it stands; whether it may be signed was somebody else's decision. Returns the
 * leaf alone, in PEM.
 */
export function signRequest({
  request,
  ca,
  usages,
  expirationSeconds,
  nowMs,
  earliestMs = nowMs,
  random,
}: Signing): string {
  const unknown = usages.filter((usage) => !keyUsages.has(usage) && !extendedUsages.has(usage));
  if (unknown.length > 0)
    throw new ConfigError(`unrecognized usage values: ${unknown.join(', ')}`, { op: 'csr' });
  const subject = plainSubject(request.subject);
  // The signer's own duration is the most; nobody asks for more.
  const lifeMs =
    expirationSeconds === undefined
      ? lives.leafMs
      : Math.min(Math.max(expirationSeconds * 1000, times.leastMs), lives.leafMs);
  return issueAsRequested({
    ...request,
    subject,
    ca,
    random,
    notBeforeMs: Math.max(0, nowMs - times.backdateMs),
    notAfterMs:
      Math.max(nowMs, earliestMs) + (lifeMs < times.shortMs ? lifeMs : lifeMs - times.backdateMs),
    keyUsage: usages.reduce((all, usage) => all | (keyUsages.get(usage) ?? 0), 0),
    extendedUsages: [...new Set(usages.flatMap((usage) => extendedUsages.get(usage) ?? []))],
  });
}

/**
 * The attributes that a certificate takes over: those of pkix.Name. Others, a user's UID for one,
 * nobody has looked at.
 */
function plainSubject(subject: Name): Name {
  const kept = [
    '2.5.4.6',
    attributes.organization,
    '2.5.4.11',
    '2.5.4.7',
    '2.5.4.8',
    '2.5.4.9',
    '2.5.4.17',
  ].flatMap((type) => valuesOf(subject, type).map((value) => ({ type, value })));
  const last = (type: string, value: string): Name => (value ? [{ type, value }] : []);
  const plain = [
    ...kept,
    ...last(attributes.commonName, commonNameOf(subject)),
    ...last('2.5.4.5', valuesOf(subject, '2.5.4.5').at(-1) ?? ''),
  ];
  if (plain.some(({ value }) => hasControlCharacter(value)))
    throw new ConfigError('the subject holds control characters', { op: 'csr' });
  return plain;
}
