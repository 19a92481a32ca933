import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';

/**
 * Signatures as minisign writes and reads them (https://jedisct1.github.io/minisign/): Ed25519 over
 * the BLAKE2b-512 of a file, and over the signature with its trusted comment.
 */
const keyKind = Buffer.from('Ed');
const signatureKind = Buffer.from('ED');
const rawKeyBytes = 32;
const keyIdBytes = 8;

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

/** The trusted comment of a signature file that is good for `bytes`; undefined when it is not. */
export function verifyFile(
  publicLine: string,
  bytes: Buffer,
  signatureFile: string,
): string | undefined {
  const line = Buffer.from(publicLine, 'base64');
  const [, first = '', third = '', fourth = ''] = signatureFile.split('\n');
  const [signed, whole] = [Buffer.from(first, 'base64'), Buffer.from(fourth, 'base64')];
  const comment = /^trusted comment: (.*)$/.exec(third)?.[1];
  if (comment === undefined || line.length !== 2 + keyIdBytes + rawKeyBytes) return undefined;
  const head = Buffer.concat([signatureKind, line.subarray(2, 2 + keyIdBytes)]);
  if (!signed.subarray(0, head.length).equals(head)) return undefined;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: line.subarray(2 + keyIdBytes).toString('base64url') },
    format: 'jwk',
  });
  const signature = signed.subarray(head.length);
  const good =
    verify(null, hashOf(bytes), key, signature) &&
    verify(null, Buffer.concat([signature, Buffer.from(comment)]), key, whole);
  return good ? comment : undefined;
}

const hashOf = (bytes: Buffer): Buffer => createHash('blake2b512').update(bytes).digest();

function rawPublic(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** minisign draws it by chance; a name made of the key does the same, and stays with the key. */
function keyId(raw: Buffer): Buffer {
  return createHash('sha256').update('skiff key id').update(raw).digest().subarray(0, keyIdBytes);
}
