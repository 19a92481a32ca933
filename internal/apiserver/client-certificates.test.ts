import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDevServer, type DevServer } from './dev.ts';

let dev: DevServer;
beforeAll(async () => void (dev = await startDevServer()));
afterAll(() => dev.api.close());

/** The status of one request over a new connection, or why there is none. */
function status(identity: { cert: string; key: string }): Promise<number | string> {
  return new Promise((resolve) => {
    const { hostname: host, port } = new URL(dev.url);
    const asked = request(
      {
        host,
        port,
        path: '/api/v1/namespaces/default',
        ca: dev.ca.cert,
        agent: false,
        ...identity,
      },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    asked.on('error', (error) => resolve(error.message));
    asked.end();
  });
}

/** A certificate as openssl makes it, which names no key of its authority. */
function opensslIdentity(algorithm: string[]): { cert: string; key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'client-'));
  try {
    writeFileSync(join(dir, 'ca.crt'), dev.ca.cert);
    writeFileSync(join(dir, 'ca.key'), dev.ca.key);
    const openssl = (...args: string[]): void => {
      const done = spawnSync('openssl', args, { cwd: dir });
      if (done.status !== 0) throw new Error(done.stderr.toString());
    };
    openssl(
      'req',
      '-new',
      '-nodes',
      '-newkey',
      ...algorithm,
      '-keyout',
      'c.key',
      '-out',
      'c.csr',
      '-subj',
      '/O=system:masters/CN=ann',
    );
    writeFileSync(join(dir, 'ext'), 'extendedKeyUsage=clientAuth\n');
    openssl(
      'x509',
      '-req',
      '-in',
      'c.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      'ext',
      '-out',
      'c.crt',
    );
    return {
      cert: readFileSync(join(dir, 'c.crt'), 'utf8'),
      key: readFileSync(join(dir, 'c.key'), 'utf8'),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test.each([
  ['our own', () => dev.admin],
  ['RSA', () => opensslIdentity(['rsa:2048'])],
  ['P-384', () => opensslIdentity(['ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'])],
  ['Ed25519', () => opensslIdentity(['ed25519'])],
])('every new connection with a client certificate is served (%s)', async (_kind, identity) => {
  const shown = identity();
  const answers: (number | string)[] = [];
  for (let i = 0; i < 25; i++) answers.push(await status(shown));
  expect(answers.filter((one) => one !== 200)).toEqual([]);
});
