import { createHash, createPublicKey, verify } from 'node:crypto';

/**
 * Signatures as minisign writes and reads them (https://jedisct1.github.io/minisign/): Ed25519 over
 * the BLAKE2b-512 of a file, and over the signature with its trusted comment.
 */
export const signatureKind = Buffer.from('ED');
const rawKeyBytes = 32;
export const keyIdBytes = 8;

export const hashOf = (bytes: Buffer): Buffer => createHash('blake2b512').update(bytes).digest();

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
