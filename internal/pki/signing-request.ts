import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { bits, explicit, integer, oid, sequence, setOf, utf8 } from './der.ts';

/**
 * A request (PKCS #10, RFC 2986) for a certificate of this key, in PEM, signed with it. It names
 * only `cn`: who signs it decides what else the certificate says. The key is an elliptic one, PEM.
 */
export function signingRequest(options: { key: string; cn: string }): string {
  const key = createPrivateKey(options.key);
  const info = sequence(
    integer(Buffer.from([0])),
    sequence(setOf(sequence(oid('2.5.4.3'), utf8(options.cn)))),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    explicit(0),
  );
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const der = sequence(info, ecdsaWithSha256, bits(sign('sha256', info, key)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const name = 'CERTIFICATE REQUEST';
  return `-----BEGIN ${name}-----\n${lines.join('\n')}\n-----END ${name}-----\n`;
}
