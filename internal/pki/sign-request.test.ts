import { X509Certificate } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa } from './certificate.ts';
import { readRequest, signRequest } from './sign-request.ts';

const issuing = { nowMs: Date.now(), random: realRandom };

/** A request as an ordinary tool makes it. */
function request(key: string[]): string {
  const done = spawnSync('openssl', ['req', '-new', '-nodes', '-newkey', ...key, '-keyout', '/dev/null', '-subj', '/O=system:nodes/O=extra/CN=system:node:boat', '-addext', 'subjectAltName=DNS:boat.example,IP:192.0.2.7'], { encoding: 'utf8' });
  return done.stdout;
}

test.each([['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']], ['RSA', ['rsa:2048']]])('a request with a key of kind %s is read and signed', async (_kind, key) => {
  const csrPem = request(key);
  if (csrPem === '') return; // no openssl on this machine
  expect(await readRequest(csrPem)).toMatchObject({ cn: 'system:node:boat', orgs: ['system:nodes', 'extra'], sans: ['boat.example', '192.0.2.7'] });
  const ca = issueCa({ ...issuing, cn: 'ca' });
  const cert = new X509Certificate(await signRequest({ ...issuing, csrPem, ca, usages: ['client auth', 'digital signature'], expirationSeconds: 600 }));
  expect(cert.verify(new X509Certificate(ca.cert).publicKey)).toBe(true);
  expect(cert.subject).toBe('O=system:nodes\nO=extra\nCN=system:node:boat');
  expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(Date.parse(cert.validTo)).toBeLessThanOrEqual(issuing.nowMs + 600_000);
});

test('a request that was tampered with is refused', async () => {
  const csrPem = request(['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
  if (csrPem === '') return;
  const der = Buffer.from(csrPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.indexOf('boat')] = 'g'.charCodeAt(0);
  await expect(readRequest(`-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`)).rejects.toThrow(/signature/);
});
