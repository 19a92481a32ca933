import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { readCertificate } from '../base/x509/certificate.ts';
import { pemBlocks } from '../base/x509/pem.ts';
import type { Disk } from '../io/disk.ts';
import type { Identity } from './certificate.ts';

/** What is wrong with a pair of files: which of them, and words that follow its path. */
export interface PairFault {
  file: string;
  what: string;
}

/** A pair as it was found: whole, damaged, or not there at all. */
export type Found = { pair: Identity } | { fault: PairFault } | undefined;

const missing = 'is missing';

/** Reads and judges `<file>.crt` and `<file>.key`. */
export async function readPair(disk: Disk, dir: string, file: string): Promise<Found> {
  const paths = { cert: join(dir, `${file}.crt`), key: join(dir, `${file}.key`) };
  const [cert, key] = await Promise.all([
    disk.readIfThere('certificate', paths.cert),
    disk.readIfThere('key', paths.key),
  ]);
  if (!cert && !key) return undefined;
  if (!cert) return { fault: { file: paths.cert, what: missing } };
  if (!key) return { fault: { file: paths.key, what: missing } };
  const certFault = certificateFault(cert.toString());
  if (certFault !== undefined) return { fault: { file: paths.cert, what: certFault } };
  const keyFault = privateKeyFault(key.toString());
  if (keyFault !== undefined) return { fault: { file: paths.key, what: keyFault } };
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    return { fault: { file: paths.key, what: `is not the key of ${file}.crt` } };
  return { pair: { cert: cert.toString(), key: key.toString() } };
}

/**
 * A pair that cannot be made again: it is whole, it was never there, or the operator has to act.
 * With `begun` it may be that it was being made when the power went: the key is written first, and
 * nothing rests on a key alone.
 */
export async function readAuthority(
  disk: Disk,
  dir: string,
  file: string,
  { begun }: { begun: boolean },
): Promise<Identity | undefined> {
  const found = await readPair(disk, dir, file);
  if (found === undefined || 'pair' in found) return found?.pair;
  if (begun && found.fault.file.endsWith('.crt') && found.fault.what === missing) return undefined;
  throw damaged(found.fault);
}

export function damaged({ file, what }: PairFault): ConfigError {
  return new ConfigError(`${file} ${what}`, { op: 'pki', hint: authorityHint });
}

/** Certificates and tokens of a whole cluster hang on these files. */
export const authorityHint =
  'put it back from a copy (of a backup of server/tls, or of another server of the cluster); ' +
  'no new one is made in its place, because nothing that trusts the old one would trust it';

/** Why a text is not a certificate; undefined = it is one. */
export function certificateFault(text: string): string | undefined {
  const first = pemBlocks(text)[0];
  if (text.trim() === '') return 'is empty';
  if (!first) return noPem(text, 'CERTIFICATE');
  if (first.type !== 'CERTIFICATE') return `holds a ${first.type}, not a CERTIFICATE`;
  try {
    readCertificate(first.bytes).publicKey();
    new X509Certificate(text);
    return undefined;
  } catch (error) {
    return `is damaged: ${messageOf(error)}`;
  }
}

export function privateKeyFault(text: string): string | undefined {
  if (text.trim() === '') return 'is empty';
  const found = pemBlocks(text).find(({ type }) => type !== 'EC PARAMETERS');
  if (!found) return noPem(text, 'PRIVATE KEY');
  if (!found.type.endsWith('PRIVATE KEY')) return `holds a ${found.type}, not a PRIVATE KEY`;
  try {
    createPrivateKey(text);
    return undefined;
  } catch {
    return 'is damaged: no private key can be read from it'; // what OpenSSL says would only puzzle
  }
}

function noPem(text: string, type: string): string {
  return /-----BEGIN /.test(text) ? 'is cut off' : `is not a PEM file with a ${type}`;
}

export async function store(
  disk: Disk,
  dir: string,
  file: string,
  identity: Identity,
): Promise<Identity> {
  // The key first: a certificate without its key is a fault, a key without its certificate is
  // merely replaced.
  await disk.writeAtomic('key', join(dir, `${file}.key`), identity.key, { mode: 0o600 });
  await disk.writeAtomic('certificate', join(dir, `${file}.crt`), identity.cert, { mode: 0o644 });
  return identity;
}
