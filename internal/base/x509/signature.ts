import { constants, verify, type KeyObject } from 'node:crypto';
import { children, DerError, items, readOid, type Element } from './der.ts';

/** How node:crypto verifies a signature of this kind. */
interface SignatureAlgorithm {
  digest: string | null;
  options: { padding?: number; saltLength?: number };
}

const pkcs1 = { padding: constants.RSA_PKCS1_PADDING };
const known = new Map<string, SignatureAlgorithm>([
  ['1.2.840.113549.1.1.11', { digest: 'sha256', options: pkcs1 }],
  ['1.2.840.113549.1.1.12', { digest: 'sha384', options: pkcs1 }],
  ['1.2.840.113549.1.1.13', { digest: 'sha512', options: pkcs1 }],
  ['1.2.840.10045.4.3.2', { digest: 'sha256', options: {} }],
  ['1.2.840.10045.4.3.3', { digest: 'sha384', options: {} }],
  ['1.2.840.10045.4.3.4', { digest: 'sha512', options: {} }],
  ['1.3.101.112', { digest: null, options: {} }],
]);
/** Broken digests. */
const weak = new Map<string, SignatureAlgorithm>([
  ['1.2.840.113549.1.1.5', { digest: 'sha1', options: pkcs1 }],
  ['1.2.840.10045.4.1', { digest: 'sha1', options: {} }],
]);
const rsaPss = '1.2.840.113549.1.1.10';
const digests = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

export interface Signed {
  /** An AlgorithmIdentifier. */
  algorithm: Element;
  body: Buffer;
  signature: Buffer;
  /**
   * A digest that is broken will do: the signature proves no more than that its maker holds a key.
   */
  allowSha1?: boolean;
}

/**
 * True when `key` made the signature. Throws a DerError for an algorithm that nobody may rely on.
 */
export function isSignedBy(
  key: KeyObject,
  { algorithm, body, signature, allowSha1 = false }: Signed,
): boolean {
  const { digest, options } = algorithmOf(algorithm, allowSha1);
  try {
    return verify(digest, body, { key, ...options }, signature);
  } catch {
    return false; // the key is of another kind than the signature
  }
}

function algorithmOf(element: Element, sha1: boolean): SignatureAlgorithm {
  const [id, parameters] = items(element);
  const name = readOid(id);
  const found =
    known.get(name) ??
    (sha1 ? weak.get(name) : undefined) ??
    (name === rsaPss ? pss(parameters) : undefined);
  if (!found) throw unknown();
  return found;
}

/** RFC 4055: the digest, and a salt as long as it. */
function pss(parameters: Element | undefined): SignatureAlgorithm {
  const hash = parameters ? items(parameters).find((one) => one.tag === 0xa0) : undefined;
  const [id] = hash ? items(children(hash.body)[0]) : [];
  const digest = digests.get(id ? readOid(id) : '');
  if (!digest) throw unknown();
  return {
    digest,
    options: {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    },
  };
}

const unknown = (): DerError =>
  new DerError('x509: cannot verify signature: algorithm unimplemented');
