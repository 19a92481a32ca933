import { createPrivateKey, X509Certificate } from 'node:crypto';
import { own } from '../../base/own.ts';
import type { ConfigMap, Secret } from '../generated/types/core-v1.ts';

/** Longer chains do not fit into one of HAProxy's buffers. */
const longestPem = 24 * 1024;
const certificateText = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Key and certificates of a Secret as HAProxy takes them, each rewritten from what was parsed.
 * Throws with what is wrong in words.
 */
export function pemOf({ data }: Secret): string {
  const text = (name: string): string => Buffer.from(own(data, name) ?? '', 'base64').toString();
  const chain = (text('tls.crt').match(certificateText) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const [leaf] = chain;
  if (!leaf) throw new Error('tls.crt holds no certificate');
  const key = createPrivateKey(text('tls.key'));
  if (!leaf.checkPrivateKey(key)) throw new Error('tls.key is not the key of tls.crt');
  const parts = [key.export({ type: 'pkcs8', format: 'pem' }), ...chain.map(String)];
  const pem = parts.map((part) => `${String(part).trim()}\n`).join('');
  if (pem.length > longestPem) throw new Error('the chain of certificates is too long');
  return pem;
}

/**
 * The certificates of authorities in a ConfigMap, each rewritten from what was parsed; undefined
 * where it has none, or one that cannot be read.
 */
export function authoritiesOf(map: ConfigMap | undefined): string | undefined {
  try {
    const found = (own(map?.data, 'ca.crt') ?? '').match(certificateText) ?? [];
    const pem = found.map((one) => `${String(new X509Certificate(one)).trim()}\n`).join('');
    return pem === '' || pem.length > longestPem ? undefined : pem;
  } catch {
    return undefined;
  }
}
