import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { pemBlocks } from '../base/x509/pem.ts';
import { ConfigError } from '../base/errors.ts';
import type { Dial, DialTarget } from '../io/dial.ts';
import { issuedFor } from '../pki/authorities.ts';
import { newKeyPem, type Identity } from '../pki/certificate.ts';
import { nodeRequest, type NodePurpose } from '../pki/node-certificates.ts';
import { readPair, store } from '../pki/pair-files.ts';
import { signingRequest } from '../pki/signing-request.ts';
import type { Token } from '../pki/tokens.ts';
import { ask, NoAnswerError, parse } from './ask-server.ts';
import type { Doors } from './doors.ts';
import {
  certificatePaths,
  nodeHeaders,
  nodeUser,
  type HandshakeRefusal,
} from './handshake-paths.ts';

export type NodeCertificates = Record<NodePurpose, Identity>;

/** The files of each pair, below `<data-dir>/agent`. */
const files: Record<NodePurpose, string> = {
  kubelet: 'client-kubelet',
  'kubelet-serving': 'serving-kubelet',
  network: 'client-network',
};
const purposes = Object.keys(files) as NodePurpose[];

export interface Enrolment {
  doors: Pick<Doors, 'disk' | 'clock' | 'log'>;
  /** `<data-dir>/agent` */
  dir: string;
  url: string;
  dial: Dial;
  target: DialTarget;
  token: Token;
  password: string;
  nodeName: string;
  addresses: string[];
  ca: string;
  clientCa: string;
  /** A certificate that says who the node is, in the place of token and password. */
  shown?: Identity;
}

/** The certificates that stand on the disk; undefined when one is missing, damaged, or due. */
export async function keptCertificates(
  o: Pick<Enrolment, 'doors' | 'dir' | 'nodeName' | 'addresses' | 'ca' | 'clientCa'>,
): Promise<{ all: NodeCertificates; due: NodePurpose[] } | undefined> {
  const { disk, clock } = o.doors;
  const all: Partial<NodeCertificates> = {};
  const due: NodePurpose[] = [];
  for (const purpose of purposes) {
    const found = await readPair(disk, o.dir, files[purpose]);
    if (!found || 'fault' in found) return undefined;
    const ca = purpose === 'kubelet-serving' ? o.ca : o.clientCa;
    const cert = new X509Certificate(found.pair.cert);
    // One that an authority of before has signed is good until it is due.
    const known = pemBlocks(ca).map(({ bytes }) => new X509Certificate(bytes).publicKey);
    if (!known.some((key) => cert.verify(key))) return undefined;
    all[purpose] = found.pair;
    if (!issuedFor(found.pair, { ca, request: nodeRequest(purpose, o), clock })) due.push(purpose);
  }
  return { all: all as NodeCertificates, due };
}

/**
 * Has the certificates of `wanted` signed, each for a key that is made here and never leaves this
 * machine, and keeps them.
 */
export async function enrol(
  o: Enrolment,
  wanted: readonly NodePurpose[] = purposes,
): Promise<Partial<NodeCertificates>> {
  const pairs: Partial<NodeCertificates> = {};
  const get = async (purpose: NodePurpose): Promise<void> => {
    pairs[purpose] = await signed(o, purpose);
  };
  const [first, ...others] = wanted;
  // Alone: it settles whose the name is.
  if (first) await get(first);
  // For each the server hashes the password, which takes it 40 ms.
  await Promise.all(others.map(get));
  for (const purpose of wanted)
    await store(o.doors.disk, o.dir, files[purpose], pairs[purpose] as Identity);
  return pairs;
}

async function signed(o: Enrolment, purpose: NodePurpose): Promise<Identity> {
  const key = newKeyPem();
  const answer = await ask(
    o.dial,
    o.url,
    { ...o.target, tls: { ca: o.ca, ...o.shown } },
    certificatePaths[purpose],
    {
      ...(o.shown ? {} : { authorization: authorizationOf(o.token) }),
      'content-type': 'application/pkcs10',
      [nodeHeaders.name]: o.nodeName,
      [nodeHeaders.password]: o.password,
      [nodeHeaders.addresses]: o.addresses.join(','),
    },
    signingRequest({ key, cn: o.nodeName }),
  );
  if (answer.status === 200 && answer.body.includes('BEGIN CERTIFICATE'))
    return { key, cert: answer.body };
  throw refused(o.url, answer);
}

/** The header that shows a token. */
export const authorizationOf = ({ user, password, bootstrap }: Token): string =>
  bootstrap === undefined
    ? `Basic ${Buffer.from(`${user || nodeUser}:${password}`).toString('base64')}`
    : `Bearer ${bootstrap}`;

/** What a server said no to, with what it says can be done. */
export function refused(url: string, answer: { status: number; body: string }): ConfigError {
  const Failure = answer.status >= 500 || answer.status === 429 ? NoAnswerError : ConfigError;
  const { message, hint } = parse(answer.body, url) as Partial<HandshakeRefusal>;
  return new Failure(`${url}: ${message ?? `status ${answer.status}`}`, {
    op: 'join',
    ...(hint ? { hint } : {}),
  });
}

/** Sixteen random bytes in hex, kept on this machine alone: it tells it from others of its name. */
export async function nodePassword(
  { disk, random }: Pick<Doors, 'disk' | 'random'>,
  file: string,
): Promise<string> {
  const kept = (await disk.readIfThere('node password', file))?.toString().trim() ?? '';
  if (/^[0-9a-f]{32}$/.test(kept)) return kept;
  const made = Buffer.from(random.bytes(16)).toString('hex');
  await disk.makeDir('node password', join(file, '..'), 0o700);
  await disk.writeAtomic('node password', file, `${made}\n`, { mode: 0o600 });
  return made;
}
