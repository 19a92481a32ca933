import { connect, createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { pemBlocks } from '../base/x509/pem.ts';
import { readCertificate } from '../base/x509/certificate.ts';
import { verifyChain } from '../base/x509/chain.ts';
import { realRandom } from '../io/random.ts';
import { authorityOf, issueCa, issueCert, type Identity } from './certificate.ts';
import { succeeds, successorOf, vouchedFor } from './overlap.ts';
import { caHashOf } from './tokens.ts';

const nowMs = Date.now();
const issuing = { nowMs, random: realRandom };
const year = 365 * 24 * 3600 * 1000;
const old = issueCa({ ...issuing, cn: 'old' });
const made = issueCa({ ...issuing, cn: 'new' });
const next = successorOf(old, made, issuing);
const leafOf = (ca: Identity, usage: 'client' | 'server'): Identity =>
  issueCert({ ...issuing, ca, cn: 'somebody', sans: ['localhost'], usages: [usage] });

/** What a client says that trusts `ca`, of a server that shows `shown`. */
async function met(
  ca: string,
  shown: Identity,
  client?: { shown: Identity; ca: string },
): Promise<string> {
  const server = createServer({
    ...{ key: shown.key, cert: shown.cert },
    ...(client && { requestCert: true, rejectUnauthorized: true, ca: client.ca }),
  });
  server.on('secureConnection', (socket: TLSSocket) => socket.end('well'));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise<string>((resolve) => {
      const socket = connect({
        ...{ host: '127.0.0.1', port, ca, servername: 'localhost' },
        ...(client && { key: client.shown.key, cert: client.shown.cert }),
      });
      socket.on('data', (bytes) => resolve(bytes.toString()));
      socket.on('error', (error) => resolve(error.message));
      socket.on('close', () => resolve('closed'));
    });
  } finally {
    server.close();
  }
}

describe('an authority in the place of another', () => {
  it('is trusted by those who know the old one, and by those who know it', async () => {
    const server = leafOf(next, 'server');
    for (const ca of [old.cert, next.cert, made.cert]) expect(await met(ca, server)).toBe('well');
    expect(await met(issueCa({ ...issuing, cn: 'old' }).cert, server)).not.toBe('well');
  });

  it('does not end the trust in what the old one has signed', async () => {
    expect(await met(next.cert, leafOf(old, 'server'))).toBe('well');
    const server = leafOf(next, 'server');
    const client = (shown: Identity, ca: string): Promise<string> =>
      met(next.cert, server, { shown, ca });
    expect(await client(leafOf(old, 'client'), next.cert)).toBe('well');
    // A node that knows the old one alone is called by a server with a new certificate.
    expect(await client(leafOf(next, 'client'), old.cert)).toBe('well');
    expect(await client(leafOf(made, 'client'), old.cert)).not.toBe('well');
  });

  it('is followed by another, and the first is trusted still', async () => {
    const third = successorOf(next, issueCa({ ...issuing, cn: 'third' }), issuing);
    const server = leafOf(third, 'server');
    for (const ca of [old.cert, next.cert, third.cert]) expect(await met(ca, server)).toBe('well');
    expect(await met(third.cert, leafOf(old, 'server'))).toBe('well');
  });

  it('is found by a way through certificates as Go looks for one', () => {
    const read = (pem: string) => pemBlocks(pem).map(({ bytes }) => readCertificate(bytes));
    const way = (leaf: Identity, roots: string): string => {
      const [first, ...intermediates] = read(leaf.cert);
      const options = { roots: read(roots), intermediates, nowMs, usage: 'client' } as const;
      const found = verifyChain(first!, options);
      return 'error' in found ? found.error : 'known';
    };
    expect(way(leafOf(next, 'client'), old.cert)).toBe('known');
    expect(way(leafOf(old, 'client'), next.cert)).toBe('known');
    expect(way(leafOf(made, 'client'), old.cert)).not.toBe('known');
  });

  it('outlives the one before it', () => {
    const short = issueCa({ ...issuing, cn: 'short', lifeMs: year / 4 });
    const after = successorOf(short, made, issuing);
    const ends = readCertificate(pemBlocks(leafOf(after, 'server').cert)[0]!.bytes).notAfterMs;
    expect(ends - nowMs).toBeGreaterThan(year / 2);
    expect(authorityOf(after.cert).notAfterMs).toBe(authorityOf(made.cert).notAfterMs);
    // One that has ended vouches for nothing.
    const late = { ...issuing, nowMs: nowMs + year };
    expect(successorOf(short, made, late).cert).toBe(made.cert);
  });
});

it('the file of a successor ends with that of the one before', () => {
  expect(succeeds(next.cert, old.cert)).toBe(true);
  expect(succeeds(old.cert, next.cert)).toBe(false);
  expect(succeeds(old.cert, old.cert)).toBe(false);
  expect(succeeds(next.cert, '')).toBe(false);
});

it('a token vouches for what was the file when it was written, and for nothing before it', () => {
  expect(vouchedFor(next.cert, caHashOf(next.cert))).toBe(next.cert);
  expect(vouchedFor(next.cert, caHashOf(old.cert))).toBe(old.cert);
  expect(vouchedFor(next.cert, caHashOf(made.cert))).toBeUndefined();
  // A man in the middle puts another authority before the one that the token names.
  const stranger = issueCa({ ...issuing, cn: 'new' });
  const shown = stranger.cert + old.cert;
  expect(vouchedFor(shown, caHashOf(old.cert))).toBe(old.cert);
});
