import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { ApiError } from '../../api/status.ts';
import { ConfigError } from '../../base/errors.ts';
import { isAddress } from '../../base/addresses.ts';
import type { Client } from '../../client/client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { issueCa, issueCert, newKeyPem, type Identity } from '../../pki/certificate.ts';
import { certificateFault, privateKeyFault, readPair, store } from '../../pki/pair-files.ts';
import { signingRequest } from '../../pki/signing-request.ts';
import type { Doors } from '../doors.ts';
import type { NodeFacts } from '../node-facts.ts';

/** A certificate that a node asks a plain API server for, as a kubelet does. */
export interface Wanted {
  file: string;
  signerName: string;
  usage: string;
  cn: string;
  sans: string[];
}

const group = 'system:nodes';
const userOf = (name: string): string => `system:node:${name}`;
const op = 'join';

export const clientWanted = ({ name }: NodeFacts): Wanted => ({
  file: 'client-kubelet',
  signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  usage: 'client auth',
  cn: userOf(name),
  sans: [],
});

export const servingWanted = ({ name, ips, externalIps }: NodeFacts): Wanted => ({
  file: 'serving-kubelet',
  signerName: 'kubernetes.io/kubelet-serving',
  usage: 'server auth',
  cn: userOf(name),
  sans: [...new Set([name, ...ips, ...externalIps])],
});

/** Longer than this without an answer, and the operator is told what is waited for. */
const quietMs = 5_000;

/** What stands on the disk, and when it is to be asked for again. */
export async function keptPair(
  { disk, clock }: Pick<Doors, 'disk' | 'clock'>,
  dir: string,
  wanted: Wanted,
): Promise<{ pair: Identity; dueMs: number } | undefined> {
  const found = await readPair(disk, dir, wanted.file);
  if (!found || 'fault' in found) return undefined;
  const cert = new X509Certificate(found.pair.cert);
  const [from, to] = [Date.parse(cert.validFrom), Date.parse(cert.validTo)];
  const named = wanted.sans.every(
    (name) => (isAddress(name) ? cert.checkIP(name) : cert.checkHost(name)) !== undefined,
  );
  if (!cert.subject.split('\n').includes(`CN=${wanted.cn}`) || clock.now() >= to) return undefined;
  // As kubelets do: when a fifth of its life is left.
  return { pair: found.pair, dueMs: named ? to - (to - from) / 5 : 0 };
}

/** The serving certificate of the node until another one is signed. */
export function ownServing(
  { clock, random }: Pick<Doors, 'clock' | 'random'>,
  { cn, sans }: Wanted,
): Identity {
  const issuing = { nowMs: clock.now(), earliestMs: clock.earliestMs(), random };
  const ca = issueCa({ ...issuing, cn: `${cn}-ca` });
  return issueCert({ ...issuing, ca, cn, orgs: [group], sans, usages: ['server'] });
}

/**
 * Asks by a CertificateSigningRequest and waits until it is signed, however long that takes. The
 * key lies on the disk meanwhile: after a restart the same request is waited for. Throws a
 * ConfigError when it is refused.
 */
export async function signedBy(
  client: Client,
  doors: Pick<Doors, 'disk' | 'clock' | 'log'>,
  { dir, wanted, signal }: { dir: string; wanted: Wanted; signal?: AbortSignal },
): Promise<Identity> {
  const { disk } = doors;
  const keyFile = join(dir, `${wanted.file}.asked.key`);
  const kept = (await disk.readIfThere(op, keyFile))?.toString() ?? '';
  const key = privateKeyFault(kept) === undefined ? kept : newKeyPem();
  if (key !== kept) await disk.writeAtomic(op, keyFile, key, { mode: 0o600 });
  const name = nameOf(key, wanted);
  try {
    const cert = await answered(client, doors, { name, key, wanted, signal });
    return await store(disk, dir, wanted.file, { key, cert });
  } finally {
    // Refused or not: the next one has a key of its own. Whoever was told to stop asks on later.
    if (signal?.aborted !== true) await disk.remove(op, keyFile);
  }
}

/** The same name for the same key, so that no second request is made. */
function nameOf(key: string, { signerName, cn, sans }: Wanted): string {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const told = [signerName, cn, ...sans].join('\n');
  const digest = createHash('sha256').update(publicKey).update(told).digest('hex');
  return `node-csr-${digest.slice(0, 40)}`;
}

async function answered(
  client: Client,
  doors: Pick<Doors, 'clock' | 'log'>,
  o: { name: string; key: string; wanted: Wanted; signal: AbortSignal | undefined },
): Promise<string> {
  const { name, key, wanted, signal } = o;
  const { clock, log } = doors;
  const ref = refs.certificateSigningRequests;
  const request = signingRequest({ key, cn: wanted.cn, orgs: [group], sans: wanted.sans });
  const spec = {
    request: Buffer.from(request).toString('base64'),
    signerName: wanted.signerName,
    usages: ['digital signature', wanted.usage],
  };
  const make = (): Promise<void> =>
    client.create(ref, { metadata: { name }, spec }).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
      },
    );
  await make();
  const mirrors = mirrorFactory(client, clock, log.named('certificates'));
  const mirror = mirrors.of<CertificateSigningRequest>(ref, {
    fieldSelector: `metadata.name=${name}`,
  });
  const told = clock.after(op, quietMs, () =>
    log.warn('the certificate of this node waits to be approved', {
      signer: wanted.signerName,
      hint: `kubectl certificate approve ${name}`,
    }),
  );
  try {
    return await new Promise<string>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      mirror.onChange((change) => {
        // Requests that nobody decides on are cleaned away after a day.
        if (change.type === 'DELETED') return void make().catch(reject);
        const { status } = change.object;
        const refusal = status?.conditions?.find(
          ({ type }) => type === 'Denied' || type === 'Failed',
        );
        if (refusal) return reject(refused(name, refusal));
        const cert = Buffer.from(status?.certificate ?? '', 'base64').toString();
        if (cert !== '' && certificateFault(cert) === undefined) resolve(cert);
      });
    });
  } finally {
    told.cancel();
    mirrors.stop();
  }
}

const refused = (
  name: string,
  { type, message }: { type: string; message?: string },
): ConfigError =>
  new ConfigError(
    `the request ${name} was ${type === 'Denied' ? 'denied' : 'not signed'}: ${message ?? ''}`,
    { op, hint: 'kubectl describe csr says by whom' },
  );
