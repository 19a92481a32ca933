import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refs } from '../../client/refs.ts';
import { askProgram } from '../../io/local-socket.ts';
import { logRing, logSwitch, socketFile } from './config.ts';
import { ingressMetrics } from './metrics.ts';
import { IngressMachine, until } from './testing/ingress-machine.ts';

/** What clients see of an Ingress besides its pages, and what it knows of them. */
const machine = new IngressMachine((asked, answer) => {
  answer.setHeader('access-control-allow-origin', 'https://backend.example');
  answer.end(`${asked.headers['x-forwarded-for']}`);
});
beforeAll(() => machine.up());
afterAll(() => machine.down());

interface Seen {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}
function ask(
  host: string,
  { headers = {}, method = 'GET', ip = '127.0.0.1' } = {},
): Promise<Seen | undefined> {
  return new Promise((resolve) => {
    const at = { host: ip, port: machine.httpPort, method, agent: false, timeout: 5_000 };
    const sent = request({ ...at, path: '/', headers: { host, ...headers } }, (answer) => {
      let text = '';
      answer.on('data', (bytes: Buffer) => (text += bytes.toString()));
      const { statusCode: status = 0 } = answer;
      answer.on('end', () => resolve({ status, headers: answer.headers, text }));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(undefined));
    sent.end();
  });
}
const served = (host: string): Promise<void> =>
  until(`${host} is served`, async () => {
    const { status = 404 } = (await ask(host)) ?? {};
    return status !== 404;
  });

it('answers browsers for the pages of other origins, and lets no others read', async () => {
  await machine.serve('c.test', {
    'cors-origins': 'https://a.example, http://b.example:8080',
    'cors-methods': 'GET, PUT',
    'cors-headers': 'X-Token',
    'cors-max-age': '60',
    'cors-credentials': 'true',
    // Whoever asks whether it may ask has no password.
    'basic-auth-secrets': 'ann',
  });
  await machine.serve('any.test', { 'cors-origins': '*' });
  await machine.serve('both.test', { 'cors-origins': '*', 'cors-credentials': 'true' });
  await machine.serve('none.test');
  await served('none.test');
  const from = (origin: string) => ({ headers: { origin } });
  const question = (origin: string) => ({
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT' },
  });
  const may = await ask('c.test', question('https://a.example'));
  expect(may?.status).toBe(204);
  expect(may?.headers).toMatchObject({
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-allow-headers': 'X-Token',
    'access-control-allow-credentials': 'true',
    'access-control-max-age': '60',
    vary: 'Origin',
  });
  for (const origin of ['https://a.example.evil', 'https://b.example:8080', 'null']) {
    const refused = await ask('c.test', question(origin));
    expect(refused?.status).toBe(401);
    expect(refused?.headers['access-control-allow-origin']).toBeUndefined();
  }
  const refused = await ask('c.test', from('http://b.example:8080'));
  expect(refused?.status).toBe(401);
  expect(refused?.headers['access-control-allow-origin']).toBe('http://b.example:8080');
  const any = await ask('any.test', from('https://x.example'));
  expect(any?.headers['access-control-allow-origin']).toBe('*');
  expect(any?.headers['access-control-allow-credentials']).toBeUndefined();
  // Without the annotation, or with one that says nothing, the backend says who may.
  for (const host of ['none.test', 'both.test']) {
    const theirs = await ask(host, from('https://x.example'));
    expect(theirs?.headers['access-control-allow-origin']).toBe('https://backend.example');
  }
});

it('serves clients of IPv6, and knows their networks', async () => {
  await machine.serve('six.test', { 'allow-from': '::/127, fd00::/8' });
  await machine.serve('other.test', { 'allow-from': 'fd00::/8, 10.0.0.0/8, 0.0.0.0/4' });
  await machine.serve('four.test', { 'allow-from': '0.0.0.0/1, ::/0' });
  await served('four.test');
  const by6 = { ip: '::1' };
  expect(await ask('six.test', by6)).toMatchObject({ status: 200, text: '::1' });
  // ::1 begins with the digits of 0.0.0.0, and is none of its network.
  expect((await ask('other.test', by6))?.status).toBe(403);
  expect((await ask('six.test'))?.status).toBe(403);
  expect((await ask('four.test'))?.text).toBe('127.0.0.1');
  expect((await ask('four.test', by6))?.text).toBe('::1');
});

/** What is answered to a request that a proxy hands on; '' when it is not taken. */
const handedOn = (line: string, host: string, ip = '127.0.0.1'): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(machine.httpPort, ip);
    let text = '';
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(`${line}GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  });

it('believes the proxies that it is told of, and nobody else', async () => {
  await machine.serve('p.test', { 'allow-from': '203.0.113.0/24, ::/0, 127.0.0.0/8' });
  await served('p.test');
  const proxy = 'PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\n';
  // Of a stranger the line is not a request.
  expect(await handedOn(proxy, 'p.test')).toContain('400 Bad request');
  const metadata = { name: 'skiff-ingress', namespace: 'kube-system' };
  const data = { proxyProtocolFrom: 'not-an-address 127.0.0.1' };
  await client().create(refs.configMaps, { metadata, data });
  await until('it is believed', async () =>
    (await handedOn(proxy, 'p.test')).endsWith('203.0.113.7'),
  );
  expect(await handedOn('PROXY TCP4 198.51.100.7 192.0.2.1 4000 80\r\n', 'p.test')).toContain(
    ' 403 ',
  );
  // Clients that must name the original client have to; others count as themselves.
  expect(await handedOn('', 'p.test')).not.toContain('HTTP/');
  expect(await handedOn('', 'p.test', '::1')).toContain(' 200 ');
  await client().delete(refs.configMaps, metadata);
  await until('it is believed no more', async () =>
    (await handedOn('', 'p.test')).endsWith('127.0.0.1'),
  );
});
const client = () => machine.client;

it('counts for Prometheus, and keeps a log while somebody reads it', async () => {
  await machine.serve('log.test');
  await served('log.test');
  const counts = (await ingressMetrics(machine.dir, 'ingress')) ?? '';
  expect(counts).toMatch(/^haproxy_frontend_http_requests_total\{proxy="web"\} [1-9]/m);
  expect(await ingressMetrics(machine.dir, 'ingress-8080')).toBeUndefined();
  const told = (text: string): Promise<string> =>
    askProgram('test', socketFile(machine.dir), { text: `${text}\n`, timeoutMs: 5_000 });
  const logged = (): Promise<string> => told(`show events ${logRing}`);
  expect(await logged()).not.toContain('log.test');
  await told(`add map ${logSwitch.file(machine.dir)} ${logSwitch.key} on`);
  await ask('log.test');
  await until('it is written', async () =>
    /127\.0\.0\.1 - - \[.*\] "GET log\.test\/ HTTP\/1\.1" 200 /.test(await logged()),
  );
});
