import { pemBlocks } from '../base/x509/pem.ts';
import { authorityOf, crossSign, toPem, type Identity, type Issuing } from './certificate.ts';
import { caHashOf } from './tokens.ts';

/**
 * An authority in the place of another, so that nobody notices: its file begins with a certificate
 * by the old one (first, because OpenSSL takes the first issuer that a server shows), then its own,
 * and ends with the file of the old one, byte for byte. A holder of the old file trusts what the
 * new authority signs; a holder of the new file trusts what the old one has signed.
 */
export function successorOf(old: Identity, next: Identity, issuing: Issuing): Identity {
  const nowMs = Math.max(issuing.nowMs, issuing.earliestMs ?? 0);
  const alive = authorityOf(old.cert).notAfterMs > nowMs;
  const own = pemBlocks(next.cert)
    .map(({ bytes }) => toPem(bytes))
    .join('');
  if (!alive) return { cert: own, key: next.key };
  return { cert: crossSign({ ...issuing, of: next, by: old }) + own + old.cert, key: next.key };
}

/** Whether one file of an authority is that of a successor of the other. */
export const succeeds = (cert: string, old: string): boolean =>
  cert !== old && old.trim() !== '' && cert.endsWith(old);

/**
 * The part of an authority's file that a token vouches for: all of it, or the end that was the
 * whole file when the token was written. Nothing else of the file may be trusted on its word.
 */
export function vouchedFor(caPem: string, hash: string): string | undefined {
  const mark = '-----BEGIN CERTIFICATE-----';
  for (let at = 0; at >= 0; at = caPem.indexOf(mark, at + 1)) {
    const part = caPem.slice(at);
    if (caHashOf(part) === hash) return part;
  }
  return undefined;
}
