import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { extensionIds } from '../base/x509/extensions.ts';
import { alternativeNames, distinguishedName, extension, namesOf } from './certificate.ts';
import { bits, explicit, integer, oid, sequence, setOf } from './der.ts';

const extensionRequest = '1.2.840.113549.1.9.14';

/**
 * A request (PKCS #10, RFC 2986) for a certificate of this key, in PEM, signed with it. Who signs
 * it decides what else the certificate says. The key is an elliptic one, PEM.
 */
export function signingRequest(options: {
  key: string;
  cn: string;
  orgs?: string[];
  /** Host names and addresses. */
  sans?: string[];
}): string {
  const key = createPrivateKey(options.key);
  const sans = options.sans ?? [];
  const wanted = extension(extensionIds.alternativeNames, false, alternativeNames(namesOf(sans)));
  const info = sequence(
    integer(Buffer.from([0])),
    distinguishedName(options.cn, options.orgs ?? []),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    explicit(
      0,
      ...(sans.length > 0 ? [sequence(oid(extensionRequest), setOf(sequence(wanted)))] : []),
    ),
  );
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const der = sequence(info, ecdsaWithSha256, bits(sign('sha256', info, key)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const name = 'CERTIFICATE REQUEST';
  return `-----BEGIN ${name}-----\n${lines.join('\n')}\n-----END ${name}-----\n`;
}
