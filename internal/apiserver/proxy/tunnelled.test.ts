import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { request as httpsRequest, createServer as createHttps } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { realRandom } from '../../io/random.ts';
import { issueCert } from '../../pki/certificate.ts';
import { startDevServer, type DevServer } from '../dev.ts';

/** A node that is reached through its tunnel alone: its address leads nowhere. */
const nodeIp = '192.0.2.77';
let dev: DevServer;
let kubelet: ReturnType<typeof createHttps>;
let web: Server;
/** What the tunnel was asked to open. */
let opened: string[] = [];
let ends: Socket[] = [];

const put = (key: string, object: object): Promise<unknown> =>
  dev.store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) });
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = (server: Server): Promise<void> =>
  new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve));

/** As a stream of a tunnel is: no socket of this machine. */
function tunnel(authority: string): Promise<Duplex> {
  opened.push(authority);
  const to = authority.startsWith('127.0.0.1:') ? portOf(kubelet) : portOf(web);
  const socket = connect({ port: to, host: '127.0.0.1' });
  ends.push(socket);
  const [near, far] = duplexPair();
  far.pipe(socket).pipe(far);
  socket.on('error', () => far.destroy());
  socket.on('close', () => far.destroy());
  far.on('close', () => socket.destroy());
  far.on('error', () => socket.destroy());
  return Promise.resolve(near);
}

function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(
      `${dev.url}/api/v1/${path}`,
      { method, ca: dev.ca.cert, headers: { authorization: 'Bearer oracle', ...headers } },
      (answer) => {
        let text = `${answer.statusCode} `;
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve(text));
      },
    );
    asked.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve(`${answer.statusCode} `);
    });
    asked.on('error', reject);
    asked.end(method === 'POST' ? 'sent' : undefined);
  });
}

beforeAll(async () => {
  dev = await startDevServer({
    more: { podTunnels: 'cluster', tunnelOf: (node) => (node === 'n' ? tunnel : undefined) },
  });
  const issuing = { nowMs: Date.now(), random: realRandom, ca: dev.ca };
  const tls = issueCert({ ...issuing, cn: 'n', sans: ['n'], usages: ['server'] });
  kubelet = createHttps(
    { key: tls.key, cert: tls.cert, ca: dev.ca.cert, requestCert: true, rejectUnauthorized: true },
    (request, answer) => {
      request.resume();
      request.on('end', () => answer.end(`${request.method} ${request.url}`));
    },
  );
  kubelet.on('upgrade', (_request, socket) =>
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ),
  );
  web = createServer((request, answer) => answer.end(`web ${request.headers['host']}`));
  await Promise.all([listening(kubelet), listening(web)]);
  await put('minions/n', {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: { name: 'n' },
    status: { addresses: [{ type: 'InternalIP', address: nodeIp }] },
  });
});
beforeEach(() => {
  [opened, ends] = [[], []];
});
afterAll(async () => {
  kubelet.closeAllConnections();
  kubelet.close();
  web.close();
  await dev.api.close();
});

test('requests to a kubelet share one connection through its tunnel', async () => {
  for (let i = 0; i < 4; i += 1) expect(await ask('nodes/n/proxy/pods')).toBe('200 GET /pods');
  expect(opened).toEqual(['127.0.0.1:10250']);
  // The kubelet ends what nobody uses.
  for (const socket of ends) socket.destroy();
  for (let i = 0; i < 2; i += 1) expect(await ask('nodes/n/proxy/pods')).toBe('200 GET /pods');
  expect(opened).toHaveLength(2);
});

test('a body that flows, and what switches protocols, leave the others alone', async () => {
  expect(await ask('nodes/n/proxy/run', 'POST')).toBe('200 POST /run');
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
  expect(await ask('nodes/n/proxy/exec', 'GET', upgrade)).toBe('101 ');
  expect(await ask('nodes/n/proxy/pods')).toBe('200 GET /pods');
});

test('another port of a node is asked for through its tunnel, too', async () => {
  expect(await ask('nodes/n:9100/proxy/metrics')).toBe(`200 web ${nodeIp}:9100`);
  expect(opened).toEqual([`${nodeIp}:9100`]);
});
