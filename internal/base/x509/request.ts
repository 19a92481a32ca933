import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  children,
  DerError,
  expectTag,
  items,
  readBits,
  readCount,
  readOid,
  readOnly,
  tags,
} from './der.ts';
import { extensionIds, readExtensions, type Extension } from './extensions.ts';
import {
  noNames,
  readAlternativeNames,
  readName,
  type AlternativeNames,
  type Name,
} from './name.ts';
import { pemBlocks } from './pem.ts';
import { isSignedBy } from './signature.ts';

/** What a PKCS #10 request (RFC 2986) asks for. */
export interface CertificateRequest extends AlternativeNames {
  subject: Name;
  publicKey: KeyObject;
}

const extensionRequest = '1.2.840.113549.1.9.14';

/** Reads a request in PEM and checks that its sender holds the key. Throws a DerError. */
export function readRequest(pem: string): CertificateRequest {
  const [block] = pemBlocks(pem);
  if (block?.type !== 'CERTIFICATE REQUEST')
    throw new DerError('PEM block type must be CERTIFICATE REQUEST');
  const [info, algorithm, signature, more] = items(readOnly(block.bytes, tags.sequence));
  if (!info || !algorithm || !signature || more)
    throw new DerError('asn1: structure error: not a certificate request');
  const [version, subject, key, wanted, beyond] = items(info);
  if (!version || !subject || !key || beyond)
    throw new DerError('asn1: structure error: not a certificate request');
  if (readCount(version) !== 0) throw new DerError('x509: unsupported certificate request version');
  const publicKey = readPublicKey(expectTag(key, tags.sequence).raw);
  const names = wanted
    ? requested(expectTag(wanted, 0xa0).body).get(extensionIds.alternativeNames)
    : undefined;
  const request = {
    subject: readName(subject),
    publicKey,
    ...(names ? readAlternativeNames(readOnly(names.value, tags.sequence)) : noNames),
  };
  if (
    !isSignedBy(publicKey, {
      algorithm,
      body: info.raw,
      signature: readBits(signature),
      allowSha1: true,
    })
  )
    throw new DerError('x509: the signature of the certificate request is wrong');
  return request;
}

/** The extensions that the attributes ask for; attributes of other kinds say nothing here. */
function requested(body: Buffer): Map<string, Extension> {
  const all = new Map<string, Extension>();
  for (const attribute of children(body)) {
    const [type, values] = items(attribute);
    if (readOid(type) !== extensionRequest) continue;
    const [list] = children(expectTag(values, tags.set).body);
    for (const [id, extension] of readExtensions(list)) {
      if (all.has(id))
        throw new DerError('x509: certificate request contains duplicate requested extensions');
      all.set(id, extension);
    }
  }
  return all;
}

/**
 * A public key of a kind that certificates may hold; others cost too much to check, or prove
 * nothing.
 */
export function readPublicKey(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    throw new DerError('x509: unknown or malformed public key');
  }
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  const curves = ['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1'];
  const good =
    kind === 'ed25519' ||
    (kind === 'rsa' && (details?.modulusLength ?? 0) <= 8192) ||
    (kind === 'ec' && curves.includes(details?.namedCurve ?? ''));
  if (!good) throw new DerError('x509: public key algorithm not supported');
  return key;
}
