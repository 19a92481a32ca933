import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findProgram, requireProgram } from '../../../test/packages.ts';
import { gatewayRefs } from '../../api/gateway/types.ts';
import type { ConfigMap, Node, Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { realHost } from '../../io/host.ts';
import { silentLog } from '../../io/log.ts';
import { realSpawn } from '../../io/spawn.ts';
import { sliceIndexes } from '../proxy/proxy.ts';
import { endAllHaproxies } from './haproxy.ts';
import { startIngress } from './ingress.ts';

/** A real HAProxy in front of pages in this process, which say what they were asked. */
const dir = mkdtempSync(join(tmpdir(), 'skiff-gw-'));
const client = new FakeClient(new FakeClock());
const mirrors = mirrorFactory(client, realClock, silentLog);
const address =
  realHost.addresses().find((one) => !one.loopback && !one.address.includes(':'))?.address ?? '';
let [httpPort, httpsPort, otherPort] = [0, 0, 0];
/** What the second page got as a copy. */
const copies: string[] = [];
const pages: Server[] = [];
const pagePorts: number[] = [];
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

interface Seen {
  status: number;
  headers: IncomingHttpHeaders;
  /** What the page was asked; undefined where none was. */
  page?: { name: string; url: string; method: string; headers: IncomingHttpHeaders };
}

interface Asked {
  port?: number;
  headers?: Record<string, string>;
  method?: string;
  body?: string;
}

function get(host: string, path = '/', asked: Asked = {}): Promise<Seen | undefined> {
  const { port = httpPort, headers = {}, method = 'GET', body } = asked;
  return new Promise((resolve) => {
    const at = { host: '127.0.0.1', port, path, method, agent: false, timeout: 5_000 };
    const sent = request({ ...at, headers: { host, ...headers } }, (answer) => {
      let text = '';
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()));
      answer.on('end', () => {
        const seen: Seen = { status: answer.statusCode ?? 0, headers: answer.headers };
        resolve(text.startsWith('{') ? { ...seen, page: JSON.parse(text) as Seen['page'] } : seen);
      });
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(undefined));
    sent.end(body);
  });
}
async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await is()) return;
    await realClock.sleep('test', 25);
  }
  throw new Error(`not in time: ${what}`);
}

beforeAll(async () => {
  requireProgram('haproxy');
  for (const name of ['one', 'two']) {
    const page = createServer((asked, answer) => {
      const { url, method, headers } = asked;
      if (url?.startsWith('/copy') && name === 'two') {
        let text = '';
        asked.on('data', (bytes: Buffer) => (text += bytes.toString()));
        const { host, 'x-a': a, 'x-b': b } = headers;
        asked.on('end', () => copies.push([method, host, url, a, b, text].join(' ')));
        return;
      }
      if (url === '/sleep') return;
      answer.setHeader('x-page', name);
      answer.end(JSON.stringify({ name, url, method, headers }));
    });
    pages.push(page);
    pagePorts.push(await listening(page, address));
    await client.create(refs.services, {
      metadata: { name, namespace: 'shop' },
      spec: { clusterIP: address, ports: [{ port: pagePorts.at(-1) }] },
    });
  }
  [httpPort, httpsPort, otherPort] = [await freePort(), await freePort(), await freePort()];
  await client.create(refs.nodes, { metadata: { name: 'n1' } });
  await client.create(refs.namespaces, { metadata: { name: 'shop' } });
  await client.create(gatewayRefs.classes, {
    metadata: { name: 'skiff' },
    spec: { controllerName: 'skiff/gateway' },
  });
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
    gateways: mirrors,
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
    portTrouble: (_port, why) => troubles.push(why),
  });
const troubles: (string | undefined)[] = [];
afterAll(async () => {
  running.stop();
  await endAllHaproxies({ dir, spawn: realSpawn, clock: realClock, disk: realDisk });
  mirrors.stop();
  for (const page of pages) page.close();
  rmSync(dir, { recursive: true, force: true });
});

const to = (name: 'one' | 'two', more: object = {}): object => ({
  name,
  port: pagePorts[name === 'one' ? 0 : 1],
  ...more,
});
const route = (name: string, hostnames: string[], ...rules: object[]): Promise<unknown> =>
  client.create(gatewayRefs.httpRoutes, {
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'web' }], hostnames, rules },
  });
const path = (value: string, type = 'PathPrefix'): object => ({ path: { type, value } });
const listener = (name: string, port: number, more: object = {}): object => ({
  name,
  port,
  protocol: 'HTTP',
  ...more,
});
const served = (host: string): Promise<void> =>
  until(`${host} is served`, async () => {
    const seen = await get(host);
    return seen !== undefined && seen.status !== 404;
  });

it('serves a route of the first Gateway', async () => {
  expect(await get('a.test')).toBeUndefined();
  await client.create(gatewayRefs.gateways, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { gatewayClassName: 'skiff', listeners: [listener('http', httpPort)] },
  });
  await route('a', ['a.test'], { backendRefs: [to('one')] });
  await served('a.test');
  expect((await get('a.test', '/x?y=z'))?.page).toMatchObject({ name: 'one', url: '/x?y=z' });
  expect((await get('b.test'))?.status).toBe(404);
  expect(troubles.filter(Boolean)).toEqual([]);
});

it('chooses by path, method, headers and query, the closest first', async () => {
  const header = { headers: [{ name: 'X-Color', value: 'blue; |,=%2d' }] };
  await route(
    'm',
    ['m.test'],
    { matches: [path('/')], backendRefs: [to('one')] },
    { matches: [path('/deep')], backendRefs: [to('two')] },
    { matches: [path('/deep/er', 'Exact')], backendRefs: [to('one')] },
    { matches: [{ ...path('/'), method: 'PUT' }], backendRefs: [to('two')] },
    { matches: [{ ...path('/'), ...header }], backendRefs: [to('two')] },
    {
      matches: [{ ...path('/q'), queryParams: [{ name: 'a', value: 'b c' }] }],
      backendRefs: [to('two')],
    },
  );
  await served('m.test');
  const page = async (at: string, asked?: Asked) => (await get('m.test', at, asked))?.page?.name;
  expect(await page('/')).toBe('one');
  expect(await page('/deep')).toBe('two');
  expect(await page('/deep/')).toBe('two');
  expect(await page('/deep/er')).toBe('one');
  expect(await page('/deep/er/')).toBe('two');
  expect(await page('/deeper')).toBe('one');
  expect(await page('/', { method: 'PUT' })).toBe('two');
  expect(await page('/', { headers: { 'x-color': 'blue; |,=%2d' } })).toBe('two');
  expect(await page('/', { headers: { 'x-color': 'blue; |,=-' } })).toBe('one');
  expect(await page('/q?a=b+c&a=d')).toBe('two');
  expect(await page('/q?a=d&a=b+c')).toBe('one');
});

it('answers what has no path, no host or an odd query', async () => {
  expect((await get('m.test', '*', { method: 'OPTIONS' }))?.status).toBe(200);
  expect((await get('', '/'))?.status).toBe(404);
  expect((await get(`${'a.'.repeat(120)}m.test`, '/'))?.status).toBe(404);
  expect((await get('m.test', '/q?%zz&&=&a', {}))?.page?.name).toBe('one');
  expect((await get('m.test', '/%00%0d%0a'))?.status).toBe(200);
  expect((await get('m.test', '/x/%2e%2e/deep'))?.status).toBe(400);
});

it('changes headers, hosts and paths on the way', async () => {
  const odd = `"'\\ %[src] \${HOME} #`;
  await route(
    'f',
    ['f.test'],
    {
      matches: [path('/old')],
      filters: [
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: {
            set: [{ name: 'X-Set', value: odd }],
            add: [{ name: 'X-Add', value: 'b' }],
            remove: ['X-Remove'],
          },
        },
        {
          type: 'ResponseHeaderModifier',
          responseHeaderModifier: { set: [{ name: 'X-Page', value: odd }] },
        },
        {
          type: 'URLRewrite',
          urlRewrite: {
            hostname: 'new.test',
            path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' },
          },
        },
      ],
      backendRefs: [to('one')],
    },
    {
      matches: [path('/gone')],
      filters: [
        {
          type: 'RequestRedirect',
          requestRedirect: {
            scheme: 'https',
            hostname: 'there.test',
            statusCode: 301,
            path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' },
          },
        },
      ],
    },
    { matches: [path('/none')] },
    { matches: [path('/')], backendRefs: [to('one')] },
  );
  await served('f.test');
  const asked = { headers: { 'x-set': 'a', 'x-add': 'a', 'x-remove': 'a' } };
  const seen = await get('f.test', '/old/a?b=c', asked);
  expect(seen?.page).toMatchObject({ url: '/new/a?b=c', headers: { host: 'new.test' } });
  expect(seen?.page?.headers).toMatchObject({ 'x-set': odd, 'x-add': 'a, b' });
  expect(seen?.page?.headers['x-remove']).toBeUndefined();
  expect(seen?.headers['x-page']).toBe(odd);
  expect((await get('f.test', '/'))?.headers['x-page']).toBe('one');
  const away = await get('f.test', '/gone/a?b=c');
  expect([away?.status, away?.headers.location]).toEqual([301, 'https://there.test/a?b=c']);
  expect((await get('f.test', '/none'))?.status).toBe(500);
});

it('divides by weight, and refuses the share of what is not there', async () => {
  await route('w', ['w.test'], {
    backendRefs: [to('one', { weight: 3 }), to('two', { weight: 1 }), to('two', { weight: 0 })],
  });
  await route('i', ['i.test'], { backendRefs: [to('one'), { name: 'gone', port: 80 }] });
  await served('i.test');
  await served('w.test');
  const count = async (host: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (let n = 0; n < 400; n += 1) {
      const seen = await get(host);
      const key = seen?.page?.name ?? String(seen?.status);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };
  const { one = 0, two = 0 } = await count('w.test');
  expect(one + two).toBe(400);
  expect(Math.abs(one - 300)).toBeLessThan(60);
  const { one: half = 0, 500: refused = 0 } = await count('i.test');
  expect(half + refused).toBe(400);
  expect(Math.abs(half - 200)).toBeLessThan(70);
});

it('sends a copy of requests to others, and waits for nobody', async () => {
  const filters = [
    { type: 'RequestMirror', requestMirror: { backendRef: to('two') } },
    { type: 'RequestMirror', requestMirror: { backendRef: to('two'), percent: 0 } },
    {
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { add: [{ name: 'x-b', value: 'c' }] },
    },
  ];
  await route('c', ['c.test'], { filters, backendRefs: [to('one')] });
  await served('c.test');
  copies.length = 0;
  const sent = { method: 'POST', body: 'hello', headers: { 'x-a': 'b' } };
  expect((await get('c.test', '/copy?a=b', sent))?.page?.name).toBe('one');
  await until('the copy came', () => Promise.resolve(copies.length > 0));
  await get('c.test', '/copy/sleep', { method: 'PATCH' });
  expect(copies).toEqual(['POST c.test /copy?a=b b c hello']);
  // The whole of it, or nothing.
  const large = { method: 'POST', body: 'x'.repeat(100_000) };
  expect((await get('c.test', '/copy', large))?.page?.name).toBe('one');
  expect(copies).toHaveLength(1);
});

it('gives up on a backend after the time of the rule', async () => {
  await route('t', ['t.test'], { timeouts: { request: '200ms' }, backendRefs: [to('one')] });
  await served('t.test');
  const begun = realClock.monotonicMs();
  expect((await get('t.test', '/sleep'))?.status).toBe(504);
  expect(realClock.monotonicMs() - begun).toBeLessThan(3_000);
});

it('finds the closest host, and keeps those of other listeners apart', async () => {
  await client.patch(
    gatewayRefs.gateways,
    { namespace: 'shop', name: 'web' },
    {
      type: 'merge',
      body: {
        spec: {
          listeners: [
            listener('http', httpPort),
            listener('wild', httpPort, { hostname: '*.wild.test' }),
            listener('other', otherPort),
          ],
        },
      },
    },
  );
  const parent = (sectionName: string): object => ({ name: 'web', sectionName });
  const bound = (name: string, section: string, hostnames: string[], page: 'one' | 'two') =>
    client.create(gatewayRefs.httpRoutes, {
      metadata: { name, namespace: 'shop' },
      spec: { parentRefs: [parent(section)], hostnames, rules: [{ backendRefs: [to(page)] }] },
    });
  await bound('all', 'http', [], 'one');
  await bound('wild', 'wild', ['a.wild.test', '*.b.wild.test'], 'two');
  await bound('other', 'other', ['other.test'], 'two');
  const page = async (host: string, asked?: Asked) => {
    const seen = await get(host, '/', asked);
    return seen?.page?.name ?? seen?.status;
  };
  await until('the other port is served', async () => {
    return (await page('other.test', { port: otherPort })) === 'two';
  });
  expect(await page('any.test')).toBe('one');
  expect(await page('a.wild.test')).toBe('two');
  expect(await page('x.y.b.wild.test')).toBe('two');
  expect(await page('b.wild.test')).toBe(404);
  expect(await page('other.test')).toBe('one');
  expect(await page('any.test', { port: otherPort })).toBe(404);
});

it('starts over where others have seen the Gateways before, and loses nothing', async () => {
  const seen = mirrors.of(gatewayRefs.gateways);
  await seen.synced;
  running.stop();
  expect((await get('a.test'))?.page?.name).toBe('one');
  running = start();
  for (let n = 0; n < 20; n += 1) expect((await get('a.test'))?.page?.name).toBe('one');
  await route('late', ['late.test'], { backendRefs: [to('two')] });
  await until('a new one is served', async () => {
    expect((await get('a.test'))?.page?.name).toBe('one');
    return (await get('late.test'))?.page?.name === 'two';
  });
  seen.stop();
});

it('ends with the last Gateway', async () => {
  await client.delete(gatewayRefs.gateways, { namespace: 'shop', name: 'web' });
  await until('nobody answers', async () => (await get('a.test')) === undefined);
  await until(
    'on no port',
    async () => (await get('a.test', '/', { port: otherPort })) === undefined,
  );
});
