import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findProgram, requireProgram } from '../../../test/packages.ts';
import type { Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realClock } from '../../io/clock.ts';
import { realHost } from '../../io/host.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realSpawn } from '../../io/spawn.ts';
import { startIngress } from './ingress.ts';

/** A real HAProxy, and a page behind it, which says what it was asked. */
const dir = mkdtempSync(join(tmpdir(), 'skiff-in-'));
const clock = new FakeClock();
const client = new FakeClient(clock);
const mirrors = mirrorFactory(client, realClock, silentLog);
let [httpPort, httpsPort] = [0, 0];
/** Services are never on the loopback. */
const address =
  realHost.addresses().find((one) => !one.loopback && !one.address.includes(':'))?.address ?? '';
let page: Server;
let pagePort = 0;
let running: { stop(): void };

async function listening(server: Server, host: string): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const at = server.address();
  return typeof at === 'object' && at ? at.port : 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server, '0.0.0.0');
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  if (address === '') throw new Error('this machine has no IPv4 address besides the loopback');
  requireProgram('openssl');
  requireProgram('haproxy');
  page = createServer((asked, answer) => {
    answer.end(`${asked.headers.host} ${asked.url} ${asked.headers['x-forwarded-proto']}`);
  });
  pagePort = await listening(page, address);
  [httpPort, httpsPort] = [await freePort(), await freePort()];
  await client.create(refs.ingressClasses, {
    metadata: { name: 'skiff' },
    spec: { controller: 'skiff/ingress' },
  });
  running = startIngress({
    dir,
    httpPort,
    httpsPort,
    binary: findProgram('haproxy') ?? 'haproxy',
    clock: realClock,
    disk: realDisk,
    spawn: realSpawn,
    log: silentLog,
    ingresses: mirrors.of<Ingress>(refs.ingresses),
    classes: mirrors.of<IngressClass>(refs.ingressClasses),
    services: mirrors.of<Service>(refs.services),
    secrets: () => mirrors.of<Secret>(refs.secrets),
  });
});
afterAll(() => {
  running.stop();
  mirrors.stop();
  page.close();
  rmSync(dir, { recursive: true, force: true });
});

const service = (name: string): object => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: address, ports: [{ port: pagePort }] },
});

const ingress = (name: string, spec: object, annotations: object = {}): object => ({
  metadata: { name, namespace: 'shop', annotations },
  spec: { ingressClassName: 'skiff', ...spec },
});
const rule = (host: string, path = '/', pathType = 'Prefix', to = 'web'): object => ({
  host,
  http: {
    paths: [{ path, pathType, backend: { service: { name: to, port: { number: pagePort } } } }],
  },
});

/** Status and body; undefined when nobody answers. */
async function get(host: string, path = '/'): Promise<string | undefined> {
  try {
    const said = execFileSync(
      'curl',
      [
        '-s',
        '-m',
        '5',
        '-w',
        ' %{http_code}',
        '-H',
        `Host: ${host}`,
        `http://127.0.0.1:${httpPort}${path}`,
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
    return await Promise.resolve(said.trim());
  } catch {
    return undefined;
  }
}

/** The serial number of the certificate that is shown for a name; undefined when none is. */
function serialOf(servername: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { host: '127.0.0.1', port: httpsPort, servername, rejectUnauthorized: false, agent: false },
      (answer) => {
        const { socket } = answer as unknown as { socket: TLSSocket };
        resolve(socket.getPeerCertificate().serialNumber);
        answer.resume();
      },
    );
    asked.once('error', () => resolve(undefined));
    asked.end();
  });
}

async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not reached in time: ${what}`);
}

let serials = 0;
function certificate(host: string): { secret: object; serial: string } {
  serials += 1;
  const [key, cert] = [join(dir, 'k.pem'), join(dir, 'c.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const name = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const serial = ['-set_serial', String(serials)];
  const files = ['-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...curve, ...name, ...serial, ...files], {
    stdio: 'pipe',
  });
  const data = {
    'tls.crt': readFileSync(cert).toString('base64'),
    'tls.key': readFileSync(key).toString('base64'),
  };
  const metadata = { name: 'cert', namespace: 'shop' };
  const secret = { metadata, type: 'kubernetes.io/tls', data };
  return { secret, serial: String(serials).padStart(2, '0') };
}

it('serves nothing without an Ingress, and routes with the first', async () => {
  await client.create(refs.services, service('web'));
  expect(await get('a.test')).toBeUndefined();
  await client.create(refs.ingresses, ingress('a', { rules: [rule('a.test')] }));
  await until('it is served', async () => (await get('a.test', '/x')) === 'a.test /x http 200');
  expect(await get('A.TEST:80', '/')).toBe('A.TEST:80 / http 200');
  expect(await get('b.test')).toBe('no Ingress routes this 404');
});

it('takes paths, wildcards, defaults and what is not there as they are asked', async () => {
  const rules = [
    rule('p.test', '/one'),
    rule('p.test', '/exact', 'Exact'),
    rule('p.test', '/one/gone', 'Prefix', 'gone'),
    rule('*.w.test'),
  ];
  await client.create(refs.ingresses, ingress('p', { rules }));
  await until('it is served', async () => (await get('p.test', '/one'))?.endsWith(' 200') === true);
  const codes = async (host: string, ...paths: string[]): Promise<string[]> =>
    Promise.all(paths.map(async (path) => (await get(host, path))?.slice(-3) ?? 'none'));
  expect(await codes('p.test', '/one/', '/one/x', '/one?q', '/onex', '/')).toEqual([
    '200',
    '200',
    '200',
    '404',
    '404',
  ]);
  expect(await codes('p.test', '/exact', '/exact/', '/one/gone/x')).toEqual(['200', '404', '503']);
  expect(await codes('x.w.test', '/')).toEqual(['200']);
  expect([...(await codes('w.test', '/')), ...(await codes('x.y.w.test', '/'))]).toEqual([
    '404',
    '404',
  ]);
  const backend = { service: { name: 'web', port: { number: pagePort } } };
  await client.create(refs.ingresses, ingress('d', { defaultBackend: backend }));
  await until('the default is there', async () => (await codes('any.test', '/'))[0] === '200');
});

it('shows the certificate of a name, another when the Secret changes, and speaks HTTP/2', async () => {
  const first = certificate('t.test');
  await client.create(refs.secrets, first.secret);
  const tls = [{ hosts: ['t.test'], secretName: 'cert' }];
  const redirect = { 'ingress.skiff/redirect-https': 'true' };
  await client.create(refs.ingresses, ingress('t', { rules: [rule('t.test')], tls }, redirect));
  await until('it is shown', async () => (await serialOf('t.test')) === first.serial);
  expect(await serialOf('other.test')).toBeUndefined();
  expect(await get('t.test')).toBe('308');
  const next = certificate('t.test');
  const at = { namespace: 'shop', name: 'cert' };
  await client.patch(refs.secrets, at, { type: 'merge', body: next.secret });
  await until('the next is shown', async () => (await serialOf('t.test')) === next.serial);
  const options = { rejectUnauthorized: false, servername: 't.test' };
  const session = connect(`https://127.0.0.1:${httpsPort}`, options);
  const stream = session.request({ ':path': '/two', ':authority': 't.test' });
  let body = '';
  for await (const part of stream) body += String(part);
  session.destroy();
  expect(body).toBe('t.test /two https');
});

it('ends with the last Ingress', async () => {
  for (const name of ['a', 'p', 'd', 't'])
    await client.delete(refs.ingresses, { namespace: 'shop', name });
  await until('nobody answers', async () => (await get('a.test')) === undefined);
});
