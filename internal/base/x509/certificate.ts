import type { KeyObject } from 'node:crypto';
import {
  DerError,
  expectTag,
  items,
  readBits,
  readBoolean,
  readCount,
  readOid,
  readOnly,
  readTime,
  tags,
  type Element,
} from './der.ts';
import { extensionIds, readExtensions, type Extension } from './extensions.ts';
import {
  noNames,
  readAlternativeNames,
  readName,
  type AlternativeNames,
  type Name,
} from './name.ts';
import { readNameConstraints, type NameConstraints } from './name-constraints.ts';
import { readPublicKey } from './request.ts';
import { isSignedBy } from './signature.ts';

/** A certificate as RFC 5280 has it, read from its own bytes. */
export interface Certificate {
  raw: Buffer;
  version: number;
  issuer: Buffer;
  subject: Name;
  rawSubject: Buffer;
  notBeforeMs: number;
  notAfterMs: number;
  /** Throws a DerError for a key of a kind that is not dealt with here. */
  publicKey(): KeyObject;
  names: AlternativeNames;
  /** basicConstraints: absent = it says nothing. */
  authority: { isCa: boolean; pathLength?: number } | undefined;
  /** The first two bytes of keyUsage; absent = any. */
  keyUsage: number | undefined;
  /** Identifiers; absent = any. */
  extendedUsages: string[] | undefined;
  constraints: NameConstraints | undefined;
  /** Marked critical, and nothing here knows it. */
  unknownCritical: string[];
  /** True when the holder of `key` made it. */
  signedBy(key: KeyObject): boolean;
}

export const keyCertSign = 0x0400;

/**
 * Known well enough that their being critical may be passed over: they say nothing about who the
 * holder is.
 */
const harmless = new Set<string>([
  extensionIds.subjectKeyId,
  extensionIds.crlPoints,
  extensionIds.policies,
  extensionIds.authorityKeyId,
]);

export function readCertificate(der: Buffer): Certificate {
  const [body, algorithm, signature, more] = items(readOnly(der, tags.sequence));
  if (!body || !algorithm || !signature || more) throw new DerError('x509: malformed certificate');
  const parts = items(body);
  const version = parts[0]?.tag === 0xa0 ? readVersion(parts.shift() as Element) : 1;
  const [serial, inner, issuer, validity, subject, key, ...rest] = parts;
  if (!inner || !issuer || !subject || !key) throw new DerError('x509: malformed tbs certificate');
  expectTag(serial, tags.integer);
  expectTag(key, tags.sequence);
  if (!inner.raw.equals(algorithm.raw))
    throw new DerError('x509: inner and outer signature algorithm identifiers do not match');
  const [from, to] = items(validity);
  readName(issuer);
  const extensions = extensionsOf(rest, version);
  const signed = { algorithm, body: body.raw, signature: readBits(signature) };
  return {
    raw: der,
    version,
    issuer: issuer.raw,
    subject: readName(subject),
    rawSubject: subject.raw,
    notBeforeMs: readTime(from),
    notAfterMs: readTime(to),
    ...meaningOf(extensions),
    publicKey: () => readPublicKey(key.raw),
    signedBy: (issuerKey) => isSignedBy(issuerKey, signed),
  };
}

function readVersion(wrapper: Element): number {
  const version = readCount(readOnly(wrapper.body, tags.integer)) + 1;
  if (version > 3) throw new DerError('x509: invalid version');
  return version;
}

/** Behind the key: two unique identifiers that nobody uses, then the extensions. */
function extensionsOf(rest: Element[], version: number): Map<string, Extension> {
  const left = rest.filter(({ tag }) => tag !== 0x81 && tag !== 0x82);
  const [wrapper, more] = left;
  if (!wrapper) return new Map();
  if (more || version < 3) throw new DerError('x509: malformed extensions');
  return readExtensions(readOnly(expectTag(wrapper, 0xa3).body, tags.sequence));
}

type Meaning = Pick<
  Certificate,
  'names' | 'authority' | 'keyUsage' | 'extendedUsages' | 'constraints' | 'unknownCritical'
>;

function meaningOf(extensions: Map<string, Extension>): Meaning {
  const value = <T>(id: string, tag: number, read: (element: Element) => T): T | undefined => {
    const found = extensions.get(id);
    return found && read(readOnly(found.value, tag));
  };
  const names = value(extensionIds.alternativeNames, tags.sequence, readAlternativeNames);
  const authority = value(extensionIds.basicConstraints, tags.sequence, readBasicConstraints);
  const keyUsage = value(extensionIds.keyUsage, tags.bits, (element) => {
    const bits = readBits(element);
    return ((bits[0] ?? 0) << 8) | (bits[1] ?? 0);
  });
  const extendedUsages = value(extensionIds.extendedKeyUsage, tags.sequence, (element) =>
    items(element).map(readOid),
  );
  const constraints = value(extensionIds.nameConstraints, tags.sequence, readNameConstraints);
  const understood = new Set<string>([
    extensionIds.keyUsage,
    extensionIds.basicConstraints,
    extensionIds.extendedKeyUsage,
    ...harmless,
  ]);
  // Names of kinds that are not read say something that is not known.
  if (names && Object.values(names).some((kind: string[]) => kind.length > 0))
    understood.add(extensionIds.alternativeNames);
  if (constraints && !constraints.beyond) understood.add(extensionIds.nameConstraints);
  const unknownCritical = [...extensions.values()]
    .filter(({ id, critical }) => critical && !understood.has(id))
    .map(({ id }) => id);
  return {
    names: names ?? noNames,
    authority,
    keyUsage,
    extendedUsages,
    constraints,
    unknownCritical,
  };
}

function readBasicConstraints(element: Element): { isCa: boolean; pathLength?: number } {
  const parts = items(element);
  const isCa = parts[0]?.tag === tags.boolean && readBoolean(parts.shift() as Element);
  const [length, more] = parts;
  if (more) throw new DerError('x509: invalid basic constraints');
  return length ? { isCa, pathLength: readCount(length) } : { isCa };
}
