import { X509Certificate } from 'node:crypto';
import { createServer, connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa, issueCert, namesakes } from './certificate.ts';

const now = Date.now();
const issuing = { nowMs: now, random: realRandom };

describe('certificates', () => {
  const ca = issueCa({ ...issuing, cn: 'test-ca' });
  const leaf = issueCert({
    ...issuing,
    ca,
    cn: 'kube-apiserver',
    orgs: ['a', 'b'],
    sans: ['localhost', '127.0.0.1', '::1', 'fd00:1::7', 'x.y'],
    usages: ['server', 'client'],
  });

  test('an authority vouches for itself and for its leaf', () => {
    const root = new X509Certificate(ca.cert);
    const cert = new X509Certificate(leaf.cert);
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    expect(cert.ca).toBe(false);
    expect(cert.checkIssued(root)).toBe(true);
    expect(cert.verify(root.publicKey)).toBe(true);
  });

  test('names, addresses and usages are as asked', () => {
    const cert = new X509Certificate(leaf.cert);
    expect(cert.subject).toBe('O=a\nO=b\nCN=kube-apiserver');
    expect(cert.subjectAltName).toBe(
      'DNS:localhost, DNS:x.y, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP ' +
        'Address:FD00:1:0:0:0:0:0:7',
    );
    expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(cert.checkHost('localhost')).toBe('localhost');
    expect(cert.checkIP('127.0.0.1')).toBe('127.0.0.1');
  });

  test('a leaf never outlives its authority', () => {
    const short = issueCa({ ...issuing, cn: 'short', lifeMs: 60_000 });
    const cert = new X509Certificate(
      issueCert({ ...issuing, ca: short, cn: 'x', usages: ['client'] }).cert,
    );
    expect(Date.parse(cert.validTo)).toBeLessThanOrEqual(now + 60_000);
  });

  test('mutual TLS works with them', async () => {
    const client = issueCert({
      ...issuing,
      ca,
      cn: 'system:admin',
      orgs: ['system:masters'],
      usages: ['client'],
    });
    const server = createServer({ cert: leaf.cert, key: leaf.key, ca: ca.cert, requestCert: true });
    const seen = new Promise<string | undefined>((resolve) =>
      server.once('secureConnection', (socket) =>
        resolve(socket.getPeerCertificate().subject.CN as string | undefined),
      ),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: ca.cert,
      cert: client.cert,
      key: client.key,
    });
    await new Promise<void>((resolve, reject) =>
      socket.once('secureConnect', resolve).once('error', reject),
    );
    expect(socket.authorized).toBe(true);
    expect(await seen).toBe('system:admin');
    socket.destroy();
    server.close();
  });

  test('a namesake is asked about no signature', async () => {
    const client = issueCert({ ...issuing, ca, cn: 'system:admin', usages: ['client'] });
    const server = createServer({
      cert: leaf.cert,
      key: leaf.key,
      ca: namesakes(ca.cert, issuing),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const seen = new Promise<[unknown, unknown]>((resolve) =>
      server.once('secureConnection', (socket) =>
        resolve([socket.getPeerCertificate().subject.CN, socket.authorizationError]),
      ),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: ca.cert,
      cert: client.cert,
      key: client.key,
    });
    // The error of a signature that does not fit would stay in OpenSSL's queue.
    expect(await seen).toEqual(['system:admin', 'SELF_SIGNED_CERT_IN_CHAIN']);
    socket.destroy();
    server.close();
  });
});
