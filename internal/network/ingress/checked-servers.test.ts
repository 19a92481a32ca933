import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requireProgram } from '../../../test/packages.ts';
import { gatewayRefs } from '../../api/gateway/types.ts';
import { refs } from '../../client/refs.ts';
import { IngressMachine, listening, ownAddress, until } from './testing/ingress-machine.ts';

/** A real HAProxy before a server with TLS, whose certificate is for two names. */
const machine = new IngressMachine((_asked, answer) => answer.end('page'));
const { client } = machine;
const folder = mkdtempSync(join(tmpdir(), 'skiff-ct-'));
let server: Server | undefined;
let port = 0;

function certificate(...names: string[]): { cert: string; key: string } {
  const [cert, key] = ['cert', 'key'].map((name) => join(folder, name)) as [string, string];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const all = names.map((name) => `DNS:${name}`).join(',');
  const said = ['-subj', '/CN=inner', '-addext', `subjectAltName=${all}`];
  const files = ['-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...kind, ...said, ...files], { stdio: 'ignore' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** The status, and what was said. */
const get = (): Promise<string> =>
  new Promise((resolve) => {
    const at = { host: '127.0.0.1', port: machine.httpPort, agent: false };
    const sent = request({ ...at, headers: { host: 'a.test' } }, (answer) => {
      let text = '';
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()));
      answer.on('end', () => resolve(`${answer.statusCode} ${text}`));
    });
    sent.once('error', () => resolve('none'));
    sent.end();
  });
const authority = (name: string, data: Record<string, string>): Promise<unknown> =>
  client.create(refs.configMaps, { metadata: { name, namespace: 'shop' }, data });
const policy = (validation: object): Promise<unknown> =>
  client.patch(
    gatewayRefs.backendTlsPolicies,
    { namespace: 'shop', name: 'p' },
    { type: 'merge', body: { spec: { validation } } },
  );
const ca = (name: string) => [{ group: '', kind: 'ConfigMap', name }];

beforeAll(async () => {
  requireProgram('openssl');
  await machine.up();
  const own = certificate('one.test', 'two.test');
  await authority('right', { 'ca.crt': own.cert });
  await authority('wrong', { 'ca.crt': certificate('one.test').cert });
  server = createServer(own, (asked, answer) =>
    answer.end(`asked for ${String((asked.socket as TLSSocket).servername)}`),
  );
  port = await listening(server, ownAddress());
  await client.create(refs.services, {
    metadata: { name: 'safe', namespace: 'shop' },
    spec: { clusterIP: ownAddress(), ports: [{ name: 'tls', port }] },
  });
  await client.create(refs.namespaces, { metadata: { name: 'shop' } });
  await client.create(gatewayRefs.classes, {
    metadata: { name: 'skiff' },
    spec: { controllerName: 'skiff/gateway' },
  });
  await client.create(gatewayRefs.gateways, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      gatewayClassName: 'skiff',
      listeners: [{ name: 'http', port: machine.httpPort, protocol: 'HTTP' }],
    },
  });
  await client.create(gatewayRefs.httpRoutes, {
    metadata: { name: 'a', namespace: 'shop' },
    spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs: [{ name: 'safe', port }] }] },
  });
  await client.create(gatewayRefs.backendTlsPolicies, {
    metadata: { name: 'p', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'safe' }],
      validation: { hostname: 'one.test', caCertificateRefs: ca('right') },
    },
  });
});
afterAll(async () => {
  server?.close();
  await machine.down();
  rmSync(folder, { recursive: true, force: true });
});

const answers = (what: string): Promise<void> =>
  until(what, async () => (await get()).startsWith(what));

it('speaks TLS to a backend of a policy, and checks who it is', async () => {
  await answers('200 asked for one.test');
  await policy({ hostname: 'other.test' });
  await answers('503');
  await policy({ hostname: 'two.test' });
  await answers('200 asked for two.test');
  expect(await get()).toBe('200 asked for two.test');
  await policy({ caCertificateRefs: ca('wrong') });
  await answers('503');
});

it('does not speak to a backend of whom more is to be checked than can be', async () => {
  const subjectAltNames = [{ type: 'Hostname', hostname: 'two.test' }];
  await policy({ hostname: 'one.test', subjectAltNames, caCertificateRefs: ca('right') });
  await answers('500');
  await policy({ subjectAltNames: null });
  await answers('200 asked for one.test');
});

it('does not speak to a backend whose authority is not known', async () => {
  await policy({ caCertificateRefs: ca('none') });
  await answers('500');
  await policy({ caCertificateRefs: [], wellKnownCACertificates: 'System' });
  await answers('503');
  await policy({ caCertificateRefs: ca('right'), wellKnownCACertificates: null });
  await answers('200 asked for one.test');
});

it('trusts nobody it trusted before when certificates change', async () => {
  const data = { 'ca.crt': certificate('one.test').cert };
  await client.patch(
    refs.configMaps,
    { namespace: 'shop', name: 'right' },
    { type: 'merge', body: { data } },
  );
  await answers('503');
});
