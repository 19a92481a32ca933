import { Buffer } from 'node:buffer';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../dev.ts';
import { redirectedDial } from './redirected-dial.fake.ts';

const podIp = '10.42.0.9';
let dev: DevServer;
let backend: HttpServer;
let port = 0;
let handler: (request: IncomingMessage, answer: ServerResponse) => void;
let upgraded: (request: IncomingMessage, socket: Duplex) => void;
let seen: IncomingMessage[] = [];
const sockets = new Set<Socket>();

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  bytes: Buffer;
  broken: boolean;
}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  token?: string;
}

function ask(
  path: string,
  { method = 'GET', headers = {}, body, token = 'oracle' }: Ask = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(
      `${dev.url}${path}`,
      {
        method,
        ca: dev.ca.cert,
        agent: false,
        headers: { authorization: `Bearer ${token}`, ...headers },
      },
      (res) => {
        const parts: Buffer[] = [];
        const done = (broken: boolean): void =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text: Buffer.concat(parts).toString(),
            bytes: Buffer.concat(parts),
            broken,
          });
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('end', () => done(false));
        res.on('error', () => done(true));
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

const uid = '00000000-0000-4000-8000-000000000000';
const put = (key: string, object: object): Promise<unknown> =>
  dev.store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) });

function pod(namespace: string, name: string, status: object, spec: object = {}): Promise<unknown> {
  return put(`pods/${namespace}/${name}`, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    spec: {
      containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: port }] }],
      ...spec,
    },
    status,
  });
}

const running = { podIP: podIp, podIPs: [{ ip: podIp }], phase: 'Running' };
const service = (namespace: string, name: string, spec: object): Promise<unknown> =>
  put(`services/specs/${namespace}/${name}`, {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    spec,
  });
const endpoints = (
  namespace: string,
  name: string,
  address: object,
  named?: string,
  to = port,
): Promise<unknown> =>
  put(`services/endpoints/${namespace}/${name}`, {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    subsets: [{ addresses: [address], ports: [{ port: to, ...(named ? { name: named } : {}) }] }],
  });
const slice = (
  namespace: string,
  name: string,
  endpoint: object,
  named?: string,
): Promise<unknown> =>
  put(`endpointslices/${namespace}/${name}`, {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name, namespace, uid, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ conditions: { ready: true }, ...endpoint }],
    ports: [{ port, ...(named ? { name: named } : {}) }],
  });
const podRef = (namespace: string, name: string): object => ({
  targetRef: { kind: 'Pod', namespace, name },
});

beforeAll(async () => {
  backend = createServer((request, answer) => {
    seen.push(request);
    handler(request, answer);
  });
  backend.on('upgrade', (request, socket) => upgraded(request, socket));
  backend.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  port = (backend.address() as AddressInfo).port;
  dev = await startDevServer({ dial: redirectedDial({ [podIp]: '127.0.0.1' }) });
  await pod('default', 'p', running);
});
beforeEach(() => {
  seen = [];
  handler = (request, answer) => void answer.end(`${request.method} ${request.url}`);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  backend.close();
  await dev.api.close();
});

const proxied = `/api/v1/namespaces/default/pods/p/proxy`;

describe('what is reached', () => {
  test('a pod, by its own address', async () => {
    expect((await ask(`${proxied}/a/b?c=d%20e`)).text).toBe('GET /a/b?c=d%20e');
    expect((await ask(`/api/v1/namespaces/default/pods/p:${port}/proxy/x`)).text).toBe('GET /x');
    expect((await ask(`/api/v1/namespaces/default/pods/p:web/proxy/x`)).text).toBe('GET /x');
  });

  test.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    '169.254.169.254',
    'localhost',
    '',
  ])('no pod that says its address is %j', async (ip) => {
    await pod('default', 'liar', { podIP: ip, podIPs: [{ ip }], phase: 'Running' });
    const reply = await ask('/api/v1/namespaces/default/pods/liar/proxy/');
    expect([reply.status, reply.text.includes('address not allowed')]).toEqual([400, true]);
    await service('default', 'liar', { ports: [{ port: 80 }] });
    await endpoints('default', 'liar', { ip, ...podRef('default', 'liar') });
    expect((await ask('/api/v1/namespaces/default/services/liar:80/proxy/')).status).toBe(503);
    expect(seen).toEqual([]);
  });

  test.each(['0', '65536', '99999', '-1', '80x', 'none', '1e3'])(
    'no port %j of a pod',
    async (asked) => {
      expect((await ask(`/api/v1/namespaces/default/pods/p:${asked}/proxy/`)).status).toBe(400);
    },
  );

  test.each(['127.0.0.1', 'localhost', 'host.example.com', '10.42.0.9'])(
    'no external name %s',
    async (externalName) => {
      await service('default', 'ext', { type: 'ExternalName', externalName, ports: [{ port }] });
      for (const name of [`ext:${port}`, `https:ext:${port}`, 'ext'])
        expect((await ask(`/api/v1/namespaces/default/services/${name}/proxy/`)).status).toBe(503);
      expect(seen).toEqual([]);
    },
  );

  test('no endpoint that was written by hand and is no pod of the namespace', async () => {
    await service('default', 'hand', { ports: [{ port: 80 }] });
    await pod('other', 'p', running);
    await pod('default', 'elsewhere', {
      podIP: '10.42.0.77',
      podIPs: [{ ip: '10.42.0.77' }],
      phase: 'Running',
    });
    for (const address of [
      {},
      podRef('other', 'p'),
      podRef('default', 'none'),
      podRef('default', 'elsewhere'),
      { targetRef: { kind: 'Node', name: 'p', namespace: 'default' } },
      { targetRef: { kind: 'Pod', name: 'p' } },
    ]) {
      await slice('default', 'hand', { addresses: [] });
      await endpoints('default', 'hand', { ip: podIp, ...address });
      expect([
        address,
        (await ask('/api/v1/namespaces/default/services/hand:80/proxy/')).status,
      ]).toEqual([address, 503]);
      await slice('default', 'hand', { addresses: [podIp], ...address });
      expect([
        address,
        (await ask('/api/v1/namespaces/default/services/hand:80/proxy/')).status,
      ]).toEqual([address, 503]);
    }
    expect(seen).toEqual([]);
    await slice('default', 'hand', { addresses: [podIp], ...podRef('default', 'p') });
    expect((await ask('/api/v1/namespaces/default/services/hand:80/proxy/')).status).toBe(200);
  });

  test.each(['127.0.0.1', 'localhost', '169.254.169.254'])(
    'no other port of a node that says its address is %s',
    async (address) => {
      await put('minions/n', {
        kind: 'Node',
        apiVersion: 'v1',
        metadata: { name: 'n', uid },
        status: { addresses: [{ type: 'InternalIP', address }] },
      });
      for (const name of [`n:${port}`, `http:n:${port}`, `https:n:${port}`]) {
        const reply = await ask(`/api/v1/nodes/${name}/proxy/`);
        expect([reply.status, reply.text.includes('address not allowed')]).toEqual([400, true]);
      }
      expect(seen).toEqual([]);
    },
  );

  test('a service by the number of a port without a name, by a name, and no number it has not', async () => {
    await service('default', 'plain', { ports: [{ port: 8080, targetPort: port }] });
    await slice('default', 'plain', { addresses: [podIp], ...podRef('default', 'p') });
    await service('default', 'named', {
      ports: [
        { name: 'web', port: 81 },
        { name: 'more', port: 82 },
      ],
    });
    await slice('default', 'named', { addresses: [podIp], ...podRef('default', 'p') }, 'web');
    for (const name of ['plain:8080', 'plain', 'http:plain:8080', 'named:web', 'named:81'])
      expect([
        name,
        (await ask(`/api/v1/namespaces/default/services/${name}/proxy/x`)).text,
      ]).toEqual([name, 'GET /x']);
    const none = await ask('/api/v1/namespaces/default/services/plain:9/proxy/x');
    expect([none.status, (JSON.parse(none.text) as { message: string }).message]).toEqual([
      503,
      'no service port 9 found for service "plain"',
    ]);
    expect((await ask('/api/v1/namespaces/default/services/ftp:plain:8080/proxy/x')).status).toBe(
      400,
    );
  });

  test.each(['pods', 'services', 'nodes', 'proxy', 'namespaces', 'watch', 'api'])(
    'a pod in a namespace called %s, and one of that name',
    async (name) => {
      await pod(name, name, running);
      expect(
        (await ask(`/api/v1/namespaces/${name}/pods/${name}/proxy/pods/${name}/proxy/x?y=/proxy/`))
          .text,
      ).toBe(`GET /pods/${name}/proxy/x?y=/proxy/`);
      expect((await ask(`/api/v1/namespaces/${name}/pods/${name}/proxy/`)).text).toBe('GET /');
      expect(
        (await ask(`/api/v1/namespaces/${name}/pods/${name}/proxy?q=1`)).headers.location,
      ).toBe(`/api/v1/namespaces/${name}/pods/${name}/proxy/?q=1`);
      expect(
        (await ask(`/api/v1/namespaces/${name}/pods/${name}/proxy`, { method: 'POST' })).text,
      ).toBe('POST /');
    },
  );
});

describe('headers', () => {
  test('nothing says or claims who the client is, and nothing is of the connection', async () => {
    await ask(`${proxied}/`, {
      headers: {
        'X-Remote-User': 'admin',
        'X-Remote-Group': 'system:masters',
        'X-Remote-Uid': '0',
        'X-Remote-Extra-Scopes': 'all',
        X_Remote_User: 'admin',
        'Sec-WebSocket-Protocol':
          'base64url.bearer.authorization.k8s.io.b3JhY2xl, v4.channel.k8s.io',
        'Proxy-Authorization': 'Basic eA==',
        'Keep-Alive': 'x',
        TE: 'gzip',
        'X-Secret-Hop': '1',
        Connection: 'close, X-Secret-Hop',
        'X-Kept': 'yes',
        Cookie: 'a=b',
      },
    });
    const { headers } = seen[0] as IncomingMessage;
    for (const name of [
      'authorization',
      'x-remote-user',
      'x-remote-group',
      'x-remote-uid',
      'x-remote-extra-scopes',
      'x_remote_user',
      'proxy-authorization',
      'keep-alive',
      'te',
      'x-secret-hop',
    ])
      expect([name, headers[name]]).toEqual([name, undefined]);
    expect(headers).toMatchObject({
      'sec-websocket-protocol': 'v4.channel.k8s.io',
      'x-kept': 'yes',
      cookie: 'a=b',
    });
  });

  test('a pod does not speak for the whole host', async () => {
    handler = (_request, answer) => {
      answer.writeHead(200, {
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        connection: 'close, x-hop',
        'x-hop': '1',
        'audit-id': 'mine',
        'set-cookie': ['a=1', 'b=2'],
        'x-kept': 'yes',
      });
      answer.end();
    };
    const { headers } = await ask(`${proxied}/`);
    expect([
      headers['access-control-allow-origin'],
      headers['access-control-allow-credentials'],
      headers['x-hop'],
      headers['x-kept'],
      headers['set-cookie'],
    ]).toEqual([undefined, undefined, undefined, 'yes', ['a=1', 'b=2']]);
    expect(headers['audit-id']).not.toBe('mine');
  });

  test('an endless head is no answer', async () => {
    handler = (_request, answer) =>
      void answer.writeHead(200, { 'x-long': 'y'.repeat(100_000) }).end();
    expect((await ask(`${proxied}/`)).status).toBe(503);
  });
});

describe('bodies', () => {
  const echo = (request: IncomingMessage, answer: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => answer.end(`${request.method}:${Buffer.concat(parts).toString()}`));
  };

  test.each(['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH'])(
    '%s takes its body along and nothing else, told its length or not',
    async (method) => {
      handler = echo;
      const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
      expect(
        (
          await ask(`${proxied}/`, {
            method,
            body: smuggled,
            headers: { 'transfer-encoding': 'chunked' },
          })
        ).text,
      ).toBe(`${method}:${smuggled}`);
      expect(
        (
          await ask(`${proxied}/`, {
            method,
            body: smuggled,
            headers: { 'content-length': String(smuggled.length) },
          })
        ).text,
      ).toBe(`${method}:${smuggled}`);
      expect(seen.map((one) => one.url)).toEqual(['/', '/']);
    },
  );

  test('over HTTP/2 as well', async () => {
    handler = echo;
    const session = connectHttp2(dev.url, { ca: dev.ca.cert });
    const text = await new Promise<string>((resolve, reject) => {
      const stream = session.request(
        { ':method': 'DELETE', ':path': `${proxied}/`, authorization: 'Bearer oracle' },
        { endStream: false },
      );
      let all = '';
      stream.on('data', (part: Buffer) => (all += part.toString()));
      stream.on('end', () => resolve(all));
      stream.on('error', reject);
      stream.end('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n');
    });
    session.close();
    expect([text, seen.length]).toEqual(['DELETE:GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n', 1]);
  });

  test('a page has its links rewritten, plain or packed', async () => {
    const page =
      '<a href="/x">1</a><a href="http://10.42.0.9/y">2</a><a href="https://other/z">3</a>';
    const wanted = `<a href="${proxied}/x">1</a><a href="${proxied}/y">2</a><a href="https://other/z">3</a>`;
    handler = (request, answer) => {
      const packed = request.url === '/gzip';
      answer.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        ...(packed ? { 'content-encoding': 'gzip' } : {}),
      });
      answer.end(packed ? gzipSync(page) : page);
    };
    expect((await ask(`${proxied}/`)).text).toBe(wanted);
    expect(gunzipSync((await ask(`${proxied}/gzip`)).bytes).toString()).toBe(wanted);
  });

  test('a client that does not read holds the page back at its source', async () => {
    const block = Buffer.alloc(1 << 20, 'x');
    let sent = 0;
    handler = (_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/html' });
      const more = (): void => {
        while (sent < 1200) {
          sent++;
          if (!answer.write(block)) return void answer.once('drain', more);
        }
        answer.end();
      };
      more();
    };
    const slow = httpsRequest(`${dev.url}${proxied}/`, {
      ca: dev.ca.cert,
      agent: false,
      headers: { authorization: 'Bearer oracle' },
    });
    const answered = new Promise<IncomingMessage>((resolve) => slow.on('response', resolve));
    slow.end();
    const message = await answered;
    message.pause();
    let last = -1;
    await expect
      .poll(() => [last === sent, (last = sent)][0], { interval: 300, timeout: 10_000 })
      .toBe(true);
    expect(sent).toBeLessThan(64);
    const gone = new Promise((resolve) => seen[0]?.socket.on('close', resolve));
    slow.destroy();
    await gone;
  });

  test.each(['text/html', 'text/plain'])(
    '%s that breaks off is a broken answer and no short one',
    async (type) => {
      handler = (request, answer) => {
        answer.writeHead(200, { 'content-type': type });
        answer.write('half');
        setTimeout(() => request.socket.destroy(), 50);
      };
      const reply = await ask(`${proxied}/`);
      expect([reply.status, reply.broken]).toEqual([200, true]);
      const session = connectHttp2(dev.url, { ca: dev.ca.cert });
      const code = await new Promise((resolve) => {
        const stream = session.request({ ':path': `${proxied}/`, authorization: 'Bearer oracle' });
        stream.resume();
        stream.on('error', () => undefined);
        stream.on('close', () => resolve(stream.rstCode));
      });
      session.close();
      expect(code).toBe(2);
    },
  );
});

describe('upgrades', () => {
  const handshake = (
    path: string,
    token: string,
  ): Promise<{ status: number; headers: IncomingMessage['headers'] }> =>
    new Promise((resolve, reject) => {
      const req = httpsRequest(`${dev.url}${path}`, {
        ca: dev.ca.cert,
        agent: false,
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'eA==',
          'sec-websocket-version': '13',
          'sec-websocket-protocol':
            `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')},` +
            ' binary.k8s.io',
          'x-remote-user': 'admin',
        },
      });
      const done = (res: IncomingMessage): void =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers });
      req.on('response', done);
      req.on('upgrade', (res, socket) => {
        done(res);
        socket.destroy();
      });
      req.on('error', reject);
      req.end();
    });

  test('a token that came as a subprotocol goes no further', async () => {
    let headers: IncomingMessage['headers'] = {};
    upgraded = (request, socket) => {
      headers = request.headers;
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Protocol: binary.k8s.io\r\nSec-WebSocket-Accept: x\r\nKeep-Alive: ' +
          '3\r\n\r\n',
      );
    };
    const reply = await handshake(`${proxied}/ws`, 'oracle');
    expect([
      reply.status,
      reply.headers['sec-websocket-protocol'],
      reply.headers['keep-alive'],
    ]).toEqual([101, 'binary.k8s.io', undefined]);
    expect([
      headers['sec-websocket-protocol'],
      headers['authorization'],
      headers['x-remote-user'],
      headers['upgrade'],
    ]).toEqual(['binary.k8s.io', undefined, undefined, 'websocket']);
  });
});
