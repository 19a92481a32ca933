import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { hashOf, keyIdBytes, signatureKind } from '../internal/pki/minisign.ts';

/**
 * Signatures as minisign writes them: internal/pki/minisign.ts reads them.
 */
const keyKind = Buffer.from('Ed');

export interface SigningKey {
  key: KeyObject;
  /** One line: what install.sh holds, and `minisign -P` takes. */
  publicLine: string;
}

/** A new private key as PEM (PKCS #8), the same as `openssl genpkey -algorithm ed25519` makes. */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

/** Takes a private key as PEM; throws an Error when it is none, or of another kind. */
export function readSigningKey(pem: string): SigningKey {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`an Ed25519 key is needed, this is ${String(key.asymmetricKeyType)}`);
  const raw = rawPublic(createPublicKey(key));
  return { key, publicLine: Buffer.concat([keyKind, keyId(raw), raw]).toString('base64') };
}

/** The signature file of `bytes`. The same key, bytes and comment make the same file. */
export function signFile(signer: SigningKey, bytes: Buffer, trustedComment: string): string {
  if (/[\r\n]/.test(trustedComment)) throw new Error('a trusted comment is one line');
  const id = Buffer.from(signer.publicLine, 'base64').subarray(2, 2 + keyIdBytes);
  const signature = sign(null, hashOf(bytes), signer.key);
  const whole = sign(null, Buffer.concat([signature, Buffer.from(trustedComment)]), signer.key);
  return [
    'untrusted comment: signature of a release of skiff',
    Buffer.concat([signatureKind, id, signature]).toString('base64'),
    `trusted comment: ${trustedComment}`,
    whole.toString('base64'),
    '',
  ].join('\n');
}

function rawPublic(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** minisign draws it by chance; a name made of the key does the same, and stays with the key. */
function keyId(raw: Buffer): Buffer {
  return createHash('sha256').update('skiff key id').update(raw).digest().subarray(0, keyIdBytes);
}
