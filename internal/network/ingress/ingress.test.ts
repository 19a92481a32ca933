import { execFileSync, spawnSync } from 'node:child_process';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { TLSSocket } from 'node:tls';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findProgram, requireProgram } from '../../../test/packages.ts';
import type { ConfigMap, Node, Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
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
import { sliceIndexes } from '../proxy/proxy.ts';
import { endHaproxy } from './haproxy.ts';
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
const troubles: (string | undefined)[] = [];

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
    if (asked.url?.endsWith('/sleep')) return;
    answer.end(`${asked.headers.host} ${asked.url} ${asked.headers['x-forwarded-proto']}`);
  });
  pagePort = await listening(page, address);
  [httpPort, httpsPort] = [await freePort(), await freePort()];
  await client.create(refs.ingressClasses, {
    metadata: { name: 'skiff' },
    spec: { controller: 'skiff/ingress' },
  });
  await client.create(refs.nodes, { metadata: { name: 'n1' } });
  running = start();
});
const start = (): { stop(): void } =>
  startIngress({
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
    nodes: mirrors.of<Node>(refs.nodes),
    slices: mirrors.of<EndpointSlice>(refs.endpointSlices, { indexes: sliceIndexes }),
    secret: () => mirrors.of<Secret>(refs.secrets),
    authority: () => mirrors.of<ConfigMap>(refs.configMaps),
    nodeName: 'n1',
    reservedPorts: [],
    trouble: (why) => troubles.push(why),
    portTrouble: () => undefined,
  });
afterAll(async () => {
  running.stop();
  await endHaproxy({ dir, spawn: realSpawn, clock: realClock });
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

interface Asked {
  headers?: object;
  method?: string;
  body?: string;
  /** Filled with what is set. */
  cookies?: string[];
}

/** Body and status; undefined when nobody answers. The page is in this process: nothing may block. */
function get(host: string, path = '/', asked: Asked = {}): Promise<string | undefined> {
  const { headers = {}, method = 'GET', body = '', cookies } = asked;
  return new Promise((resolve) => {
    const at = { host: '127.0.0.1', port: httpPort, path, method, agent: false };
    const sent = httpRequest({ ...at, headers: { host, ...headers }, timeout: 5_000 }, (answer) => {
      let text = '';
      cookies?.push(...(answer.headers['set-cookie'] ?? []));
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()));
      answer.on('end', () => resolve(`${text} ${answer.statusCode}`.trim()));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(undefined));
    sent.end(body);
  });
}

/** The serial number of the certificate that is shown for a name; undefined when none is. */
function serialOf(servername: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { host: '127.0.0.1', port: httpsPort, servername, rejectUnauthorized: false, agent: false },
      (answer) => {
        const { socket } = answer;
        if (!(socket instanceof TLSSocket)) throw new Error('this is not TLS');
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
  expect(await get('b.test')).toBe('no Ingress and no Gateway matches this request 404');
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
  await client.delete(refs.ingresses, { namespace: 'shop', name: 'd' });
  await until('the default is gone', async () => (await codes('any.test', '/'))[0] === '404');
});

it('shows the certificate of a name, the next when it changes, and speaks HTTP/2', async () => {
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

const annotated = (annotations: object): object =>
  Object.fromEntries(Object.entries(annotations).map(([k, v]) => [`ingress.skiff/${k}`, v]));
const codes = async (host: string, headers: object, times: number, method = 'GET') => {
  const found: string[] = [];
  for (let i = 0; i < times; i += 1)
    found.push((await get(host, '/', { headers, method }))?.slice(-3) ?? 'none');
  return found;
};

it('keeps out whom the annotations keep out', async () => {
  const secret = {
    metadata: { name: 'ann', namespace: 'shop' },
    type: 'kubernetes.io/basic-auth',
    data: { username: btoa('ann'), password: btoa('p:ss') },
  };
  await client.create(refs.secrets, secret);
  const made: [string, object][] = [
    ['in.test', { 'allow-from': '127.0.0.0/9, 10.0.0.0/8' }],
    ['out.test', { 'allow-from': '128.0.0.0/1, 10.0.0.0/8' }],
    ['wrong.test', { 'allow-from': 'x' }],
    ['user.test', { 'basic-auth-secrets': 'ann' }],
    ['nobody.test', { 'basic-auth-secrets': 'gone' }],
    ['slow.test', { 'requests-per-second': '3' }],
    ['small.test', { 'max-body': '10' }],
  ];
  for (const [host, annotations] of made)
    await client.create(
      refs.ingresses,
      ingress(host, { rules: [rule(host)] }, annotated(annotations)),
    );
  await until('they are served', async () => (await codes('small.test', {}, 1))[0] === '200');
  expect(await codes('in.test', {}, 1)).toEqual(['200']);
  expect(await codes('out.test', {}, 1)).toEqual(['403']);
  expect(await codes('wrong.test', {}, 1)).toEqual(['503']);
  const as = (user: string, scheme = 'Basic') => ({ authorization: `${scheme} ${btoa(user)}` });
  expect(await codes('user.test', {}, 1)).toEqual(['401']);
  expect(await codes('user.test', as('ann:p:ss'), 1)).toEqual(['200']);
  expect(await codes('user.test', as('ann:p:ss', 'basic'), 1)).toEqual(['200']);
  expect(await codes('user.test', as('ann:wrong'), 1)).toEqual(['401']);
  expect(await codes('nobody.test', as('ann:p:ss'), 1)).toEqual(['401']);
  const slow = await codes('slow.test', {}, 8);
  expect(slow.slice(0, 3)).toEqual(['200', '200', '200']);
  expect(slow.filter((code) => code === '429').length).toBeGreaterThan(0);
  const sized = (bytes: number) => ({ 'content-length': String(bytes) });
  expect((await get('small.test', '/', { method: 'POST', body: 'x'.repeat(10) }))?.slice(-3)).toBe(
    '200',
  );
  expect(await codes('small.test', sized(11), 1, 'POST')).toEqual(['413']);
  const chunked = { 'transfer-encoding': 'chunked' };
  expect(await codes('small.test', chunked, 1, 'POST')).toEqual(['411']);
  expect(await codes('small.test', chunked, 1)).toEqual(['411']);
  for (const [host] of made) await client.delete(refs.ingresses, { namespace: 'shop', name: host });
});

it('is not walked around by another spelling of a path', async () => {
  const inner = ingress(
    'inner',
    { rules: [rule('w.test', '/in')] },
    annotated({ 'allow-from': '10.9.9.9' }),
  );
  await client.create(refs.ingresses, inner);
  await client.create(refs.ingresses, ingress('outer', { rules: [rule('w.test')] }));
  const code = async (path: string) => (await get('w.test', path))?.slice(-3);
  await until('it is served', async () => (await code('/')) === '200');
  for (const path of ['/in', '/in/x', '//in', '/%69n', '/%2fin', '/in%2fx', '/in?x', '/x//..//in'])
    expect([path, await code(path)]).toEqual([path, path.includes('..') ? '400' : '403']);
  for (const path of ['/x/../in', '/./in', '/x/%2e%2e/in', '/x/.%2E%2fin', '/..', '/x/..'])
    expect([path, await code(path)]).toEqual([path, '400']);
  expect([await code('/inner'), await code('/...'), await code('/.well-known/x')]).toEqual(
    Array(3).fill('200'),
  );
  for (const name of ['inner', 'outer'])
    await client.delete(refs.ingresses, { namespace: 'shop', name });
});

it('rewrites paths, and is patient as long as it is told', async () => {
  const rules = [
    rule('r.test', '/api/v1'),
    rule('r.test', '/'),
    rule('r.test', '/one', 'Exact'),
    rule('r.test', '/slow'),
  ];
  const options = annotated({ rewrite: '/new/', timeout: '300ms' });
  await client.create(refs.ingresses, ingress('r', { rules }, options));
  const page = async (path: string) => (await get('r.test', path))?.split(' ')[1];
  await until('it is served', async () => (await page('/')) === '/new/');
  expect(await page('/api/v1/x/y?q=1')).toBe('/new/x/y?q=1');
  expect(await page('/api/v1')).toBe('/new/');
  expect(await page('/api/v1/')).toBe('/new/');
  expect(await page('/api/v2')).toBe('/new/api/v2');
  expect(await page('/one')).toBe('/new/');
  expect((await get('r.test', '/slow/sleep'))?.slice(-3)).toBe('504');
  await client.delete(refs.ingresses, { namespace: 'shop', name: 'r' });
});

const slice = (...ips: string[]): object => ({
  metadata: { name: 'bare', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'bare' } },
  addressType: 'IPv4',
  ports: [{ port: pagePort, protocol: 'TCP' }],
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
});

it('leads to the endpoints of a headless Service, and back to the same with a cookie', async () => {
  await client.create(refs.services, {
    metadata: { name: 'bare', namespace: 'shop' },
    spec: { clusterIP: 'None', ports: [{ port: pagePort }] },
  });
  const rules = [rule('h.test', '/', 'Prefix', 'bare')];
  await client.create(refs.ingresses, ingress('h', { rules }, annotated({ sticky: 'true' })));
  await until('nobody is there', async () => (await codes('h.test', {}, 1))[0] === '503');
  await client.create(refs.endpointSlices, slice(address));
  await until('it is served', async () => (await codes('h.test', {}, 1))[0] === '200');
  const cookies: string[] = [];
  await get('h.test', '/', { cookies });
  const [cookie = ''] = cookies;
  expect(cookie).toMatch(/^skiff-route=[0-9a-f]{24}; Path=\/; HttpOnly; SameSite=Lax$/);
  // One that does not answer comes beside it: whoever has the cookie does not notice.
  const at = { namespace: 'shop', name: 'bare' };
  const body = slice(address, '192.0.2.1');
  await client.patch(refs.endpointSlices, at, { type: 'merge', body });
  const cookieOf = { cookie: cookie.split(';')[0] };
  expect(await codes('h.test', cookieOf, 20)).toEqual(Array(20).fill('200'));
  const again: string[] = [];
  await get('h.test', '/', { headers: cookieOf, cookies: again });
  expect(again).toEqual([]);
  // A cookie of nobody's, and names of the tables in its place, choose nothing.
  await client.patch(refs.endpointSlices, at, { type: 'merge', body: slice(address) });
  for (const wrong of ['x', '', '../n', '/n', 'n', 'i0'])
    await until(`${wrong} is as good as none`, async () => {
      const set: string[] = [];
      const headers = { cookie: `skiff-route=${wrong}` };
      const answer = await get('h.test', '/', { headers, cookies: set });
      return answer?.endsWith(' 200') === true && set.length === 1;
    });
  await client.delete(refs.ingresses, { namespace: 'shop', name: 'h' });
});

const pid = (): string | undefined => {
  const { stdout } = spawnSync('pgrep', ['-f', `haproxy.*${dir}/haproxy.cfg`], {
    encoding: 'utf8',
  });
  return stdout.trim() || undefined;
};

it('goes on without us, is taken over as it is, and begins again when it was killed', async () => {
  const before = pid();
  running.stop();
  expect(await serialOf('t.test')).toBeDefined();
  const failed: string[] = [];
  const serial = await serialOf('t.test');
  running = start();
  for (let i = 0; i < 100; i += 1) {
    if ((await serialOf('t.test')) !== serial) failed.push('certificate');
    if (!(await get('p.test', '/one'))?.endsWith(' 200')) failed.push('route');
  }
  expect(failed).toEqual([]);
  const added = ingress('late', { rules: [rule('late.test')] });
  await client.create(refs.ingresses, added);
  await until('it is served', async () => (await codes('late.test', {}, 1))[0] === '200');
  expect(pid()).toBe(before);
  spawnSync('kill', ['-9', before ?? '']);
  await until('it runs again', async () => (await codes('late.test', {}, 1))[0] === '200');
  expect(await serialOf('t.test')).toBe(serial);
  expect(pid()).not.toBe(before);
  await client.delete(refs.ingresses, { namespace: 'shop', name: 'late' });
});

const listenAt = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => setTimeout(resolve, 20, undefined));
    server.listen(port, '0.0.0.0', () => resolve(server));
  });

it('says why it does not run, until it does', async () => {
  let taken: Server | undefined;
  while (!taken) {
    spawnSync('kill', ['-9', pid() ?? '']);
    taken = await listenAt(httpPort);
  }
  await until('it says so', () => Promise.resolve(troubles.at(-1)?.includes('bind') === true));
  expect(troubles.at(-1)).toMatch(/^Ingresses are not served here: .*cannot bind/);
  await new Promise((resolve) => taken?.close(resolve));
  await until('it runs', async () => (await get('p.test', '/one'))?.endsWith(' 200') === true);
  expect(troubles.at(-1)).toBeUndefined();
});

it('ends with the last Ingress', async () => {
  for (const name of ['a', 'p', 't'])
    await client.delete(refs.ingresses, { namespace: 'shop', name });
  await until('nobody answers', async () => (await get('a.test')) === undefined);
});
