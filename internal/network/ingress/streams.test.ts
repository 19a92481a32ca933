import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectPlain, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requireProgram } from '../../../test/packages.ts';
import { gatewayRefs } from '../../api/gateway/types.ts';
import { refs } from '../../client/refs.ts';
import {
  freePort,
  IngressMachine,
  listening,
  ownAddress,
  until,
} from './testing/ingress-machine.ts';

/** A real HAProxy before servers of bytes, with TLS and without. */
const machine = new IngressMachine((_asked, answer) => answer.end('page'));
const { client } = machine;
const folder = mkdtempSync(join(tmpdir(), 'skiff-st-'));
const servers: Server[] = [];
let tcpPort = 0;

function certificate(host: string): { cert: string; key: string } {
  const [cert, key] = ['cert', 'key'].map((name) => join(folder, `${host}.${name}`));
  const files = ['-keyout', key ?? '', '-out', cert ?? ''];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, ...files], { stdio: 'ignore' });
  return { cert: readFileSync(cert ?? '', 'utf8'), key: readFileSync(key ?? '', 'utf8') };
}

interface Heard {
  /** Whose certificate was shown. */
  shown?: string;
  said: string;
}
const asked = 'GET / HTTP/1.0\r\nHost: t.test\r\n\r\n';

/** What is said to who asks for a name; undefined when the connection is refused. */
function dial(name: string, port = machine.httpsPort): Promise<Heard | undefined> {
  return new Promise((resolve) => {
    const at = { host: '127.0.0.1', port, servername: name, rejectUnauthorized: false };
    const socket = connect(at, () => socket.write(asked));
    const heard: Heard = { said: '' };
    socket.on('data', (bytes: Buffer) => {
      heard.shown = socket.getPeerCertificate().subject?.CN as string;
      heard.said += bytes.toString();
    });
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(heard.said === '' ? undefined : heard));
  });
}
/** The same of a port of bytes. */
function hear(port = tcpPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connectPlain({ host: '127.0.0.1', port });
    socket.on('data', (bytes: Buffer) => (said += bytes.toString()));
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(said === '' ? undefined : said));
  });
}

/** A Service of `shop` before a server that says one thing and ends. */
async function serve(name: string, server: Server): Promise<object> {
  servers.push(server);
  const address = ownAddress();
  const port = await listening(server, address);
  await client.create(refs.services, {
    metadata: { name, namespace: 'shop' },
    spec: { clusterIP: address, ports: [{ port }] },
  });
  return { name, port };
}
const backends: Record<string, object> = {};
const route = (kind: 'tlsRoutes' | 'tcpRoutes', name: string, spec: object): Promise<unknown> =>
  client.create(gatewayRefs[kind], {
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'web' }], ...spec },
  });
const to = (...names: string[]): object[] => [{ backendRefs: names.map((name) => backends[name]) }];
const said = async (name: string): Promise<string | undefined> => (await dial(name))?.said;

beforeAll(async () => {
  requireProgram('openssl');
  await machine.up();
  tcpPort = await freePort();
  const own = certificate('inner.test');
  const bytes = (text: string): Server =>
    createServer((socket) => void socket.on('error', () => undefined).end(text));
  backends['plain'] = await serve(
    'plain',
    createServer((socket) =>
      socket.on('error', () => undefined).once('data', () => socket.end('plain')),
    ),
  );
  backends['one'] = await serve('one', bytes('one'));
  backends['two'] = await serve('two', bytes('two'));
  backends['tls'] = await serve(
    'tls',
    createTlsServer(own, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(`tls ${String(socket.servername)}`));
    }),
  );
  backends['none'] = { name: 'none', port: 1 };
  await client.create(refs.namespaces, { metadata: { name: 'shop' } });
  await client.create(gatewayRefs.classes, {
    metadata: { name: 'skiff' },
    spec: { controllerName: 'skiff/gateway' },
  });
  for (const host of ['t.test', 'end.test']) {
    const { cert, key } = certificate(host);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    await client.create(refs.secrets, {
      metadata: { name: host, namespace: 'shop' },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(cert), 'tls.key': base64(key) },
    });
  }
  const listener = (name: string, protocol: string, hostname: string, tls: object): object => ({
    name,
    port: machine.httpsPort,
    protocol,
    hostname,
    tls,
  });
  const shows = (name: string): object => ({ certificateRefs: [{ name }] });
  await client.create(gatewayRefs.gateways, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      gatewayClassName: 'skiff',
      listeners: [
        listener('https', 'HTTPS', 't.test', shows('t.test')),
        listener('pass', 'TLS', '*.test', { mode: 'Passthrough' }),
        listener('end', 'TLS', 'end.test', { mode: 'Terminate', ...shows('end.test') }),
        { name: 'tcp', port: tcpPort, protocol: 'TCP' },
      ],
    },
  });
  await client.create(gatewayRefs.httpRoutes, {
    metadata: { name: 't', namespace: 'shop' },
    spec: {
      parentRefs: [{ name: 'web', sectionName: 'https' }],
      rules: [{ backendRefs: [{ name: 'web', port: machine.pagePort }] }],
    },
  });
  await until('requests are served', async () => (await said('t.test'))?.endsWith('page') === true);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await machine.down();
  rmSync(folder, { recursive: true, force: true });
});

it('passes TLS on by the name that is asked for', async () => {
  expect(await said('a.test')).toBeUndefined();
  await route('tlsRoutes', 'pass', { hostnames: ['A.test', '*.b.test'], rules: to('tls') });
  await until('it is passed on', async () => (await said('a.test')) === 'tls a.test');
  expect(await dial('x.y.b.test')).toEqual({ shown: 'inner.test', said: 'tls x.y.b.test' });
  expect(await said('b.test')).toBeUndefined();
  expect(await said('t.test')).toMatch(/page$/);
  expect((await dial('t.test'))?.shown).toBe('t.test');
});

it('leaves a name to the listener that has it more closely', async () => {
  await route('tlsRoutes', 'wide', { hostnames: ['*.test'], rules: to('tls') });
  await until('it is passed on', async () => (await said('c.test')) === 'tls c.test');
  expect((await dial('t.test'))?.shown).toBe('t.test');
  expect(await said('t.test')).toMatch(/page$/);
  expect((await dial('end.test'))?.said).toBeUndefined();
});

it('ends TLS, and passes on what is within', async () => {
  const parentRefs = [{ name: 'web', sectionName: 'end' }];
  await route('tlsRoutes', 'end', { parentRefs, hostnames: ['end.test'], rules: to('plain') });
  await until('it is ended', async () => (await said('end.test')) === 'plain');
  expect(await dial('end.test')).toEqual({ shown: 'end.test', said: 'plain' });
});

it('refuses what leads nowhere, what is no TLS, and names of any length', async () => {
  await route('tlsRoutes', 'none', { hostnames: ['none.test'], rules: to('none') });
  await until('it is refused', async () => (await said('none.test')) === undefined);
  const long = Array.from({ length: 60 }, () => 'abc').join('.');
  expect(await said(`${long}.${long}.test`)).toBeUndefined();
  const odd = await new Promise((resolve) => {
    const socket = connectPlain({ host: '127.0.0.1', port: machine.httpsPort });
    socket.write(asked);
    socket.on('data', () => resolve('an answer'));
    socket.once('error', () => resolve('closed'));
    socket.once('close', () => resolve('closed'));
  });
  expect(odd).toBe('closed');
});

it('divides connections to a port of bytes', async () => {
  expect(await hear()).toBeUndefined();
  await route('tcpRoutes', 'tcp', { rules: to('one', 'two') });
  await until('it is served', async () => (await hear()) !== undefined);
  const heard = new Set<string | undefined>();
  for (let n = 0; n < 40; n += 1) heard.add(await hear());
  expect([...heard].toSorted()).toEqual(['one', 'two']);
});

it('asks for no names any more when the last route of TLS is gone', async () => {
  for (const name of ['pass', 'wide', 'end', 'none'])
    await client.delete(gatewayRefs.tlsRoutes, { namespace: 'shop', name });
  await until('it is passed on no more', async () => (await said('a.test')) === undefined);
  expect(await said('t.test')).toMatch(/page$/);
});
