import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { listenHttps, type HttpsListener } from '../../io/https-server.ts';
import { realRandom } from '../../io/random.ts';
import { issueCert } from '../../pki/certificate.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import { redirectedDial } from './redirected-dial.fake.ts';
import { speakHttp2 } from '../../wire/h2/http.ts';

const nodeIp = '10.42.0.10';
const uid = '00000000-0000-4000-8000-000000000000';
let dev: DevServer;
let kubelet: HttpsListener;
let handler: (request: IncomingMessage, answer: ServerResponse) => void;
/** What the kubelet does with an upgrade; without it, it refuses. */
let switched: ((socket: Duplex, request: IncomingMessage) => void) | undefined;
let seen: IncomingMessage[] = [];

const put = (key: string, object: object): Promise<unknown> =>
  dev.store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) });
const node = (name: string, port: number): Promise<unknown> =>
  put(`minions/${name}`, {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: { name, uid },
    status: {
      addresses: [{ type: 'InternalIP', address: nodeIp }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  });

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  broken: boolean;
}

function ask(path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(
      `${dev.url}${path}`,
      { ca: dev.ca.cert, agent: false, headers: { authorization: 'Bearer oracle', ...headers } },
      (res) => {
        let text = '';
        const done = (broken: boolean): void =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text, broken });
        res.on('data', (part: Buffer) => (text += part.toString()));
        res.on('end', () => done(false));
        res.on('error', () => done(true));
      },
    );
    req.on('upgrade', (res, socket: Duplex) => {
      socket.destroy();
      resolve({ status: res.statusCode ?? 0, headers: res.headers, text: '', broken: false });
    });
    req.on('error', reject);
    req.end();
  });
}

beforeAll(async () => {
  dev = await startDevServer({ dial: redirectedDial({ [nodeIp]: '127.0.0.1' }) });
  const identity = issueCert({
    nowMs: Date.parse(new Date().toISOString()),
    random: realRandom,
    ca: dev.ca,
    cn: 'n',
    sans: ['n'],
    usages: ['server'],
  });
  const refuse = (socket: Duplex): void =>
    void socket.end(
      'HTTP/1.1 500 Error\r\nContent-Type: text/plain\r\nContent-Length: 23\r\nConnection: ' +
        'close\r\n\r\ncontainer not found "c"',
    );
  kubelet = await listenHttps('kubelet', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    ...identity,
    ca: dev.ca.cert,
    onRequest: (request, answer) => {
      seen.push(request as IncomingMessage);
      handler(request as IncomingMessage, answer as ServerResponse);
    },
    onUpgrade: (request, socket) => {
      seen.push(request);
      (switched ?? refuse)(socket, request);
    },
  });
  await node('n', kubelet.port);
  await put('pods/default/p', {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'p', namespace: 'default', uid },
    spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    status: { phase: 'Running' },
  });
  await put('pods/default/q', {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'q', namespace: 'default', uid },
    spec: { nodeName: 'other', containers: [{ name: 'c', image: 'i' }] },
    status: { phase: 'Running' },
  });
});
beforeEach(() => {
  seen = [];
  switched = undefined;
});
afterAll(async () => {
  await kubelet.close();
  await dev.api.close();
});

const logs = '/api/v1/namespaces/default/pods/p/log';

test.each([
  [400, 'BadRequest', 'container "c" in pod "p" is waiting to start: ContainerCreating'],
  [404, 'NotFound', 'the server could not find the requested resource ( pods/log p)'],
  [
    500,
    'InternalError',
    'Internal error occurred: container "c" in pod "p" is waiting to start: ContainerCreating',
  ],
  [
    307,
    'InternalError',
    'Internal error occurred: container "c" in pod "p" is waiting to start: ContainerCreating',
  ],
])('what a kubelet says with %s becomes a Status', async (status, reason, message) => {
  handler = (_request, answer) =>
    void answer
      .writeHead(status, { 'content-type': 'text/plain', location: '/secrets' })
      .end('container "c" in pod "p" is waiting to start: ContainerCreating');
  const reply = await ask(logs);
  expect(JSON.parse(reply.text)).toMatchObject({ kind: 'Status', reason, message });
  expect([reply.headers['location'], seen.length]).toEqual([undefined, 1]);
});

test('an endless complaint is cut', async () => {
  handler = (_request, answer) => {
    answer.writeHead(400);
    const timer = setInterval(() => answer.write('x'.repeat(1000)), 1);
    answer.on('close', () => clearInterval(timer));
  };
  expect((JSON.parse((await ask(logs)).text) as { message: string }).message).toBe(
    'x'.repeat(10_000),
  );
});

test('of a log only the bytes count, and nothing of the client goes to the node', async () => {
  handler = (_request, answer) =>
    void answer
      .writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'a=b', 'x-own': '1' })
      .end('<script>');
  const { headers, text } = await ask(logs, {
    cookie: 'a=b',
    'x-remote-user': 'root',
    'user-agent': 'me',
  });
  expect([
    text,
    headers['content-type'],
    headers['set-cookie'],
    headers['x-own'],
    headers['x-content-type-options'],
  ]).toEqual(['<script>', 'text/plain', undefined, undefined, 'nosniff']);
  expect(Object.keys(seen[0]?.headers ?? {}).sort()).toEqual(['connection', 'host']);
});

test('a log that breaks off is broken for its reader too', async () => {
  handler = (request, answer) => {
    answer.write('half a line');
    setTimeout(() => request.socket.destroy(), 50);
  };
  expect(await ask(logs)).toMatchObject({ status: 200, text: 'half a line', broken: true });
});

/** How a WebSocket to this path ended, and what had come by then. */
function webSocket(path: string, protocol: string): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${dev.url}${path}`.replace('https', 'wss'), protocol, {
      ca: dev.ca.cert,
      headers: { authorization: 'Bearer oracle' },
    });
    let text = '';
    socket.on('message', (data: Buffer) => (text += data.subarray(1).toString()));
    socket.on('close', (code) => resolve({ code, text }));
    socket.on('error', reject);
  });
}

const abnormal = 1006;
const sockets = new WebSocketServer({ noServer: true });

test.each(['exec?command=cp&stdin=true&stdout=true', 'attach?stdout=true', 'portforward?ports=80'])(
  'a node that is lost is no end of %s: the client gets no closing frame',
  async (what) => {
    const protocol = what.startsWith('port') ? 'v4.channel.k8s.io' : 'v5.channel.k8s.io';
    for (const way of ['end', 'destroy'] as const) {
      switched = (socket, request) =>
        sockets.handleUpgrade(request, socket, Buffer.alloc(0), (ws) =>
          ws.send(Buffer.from('\u0001some'), () => void socket[way]()),
        );
      expect(await webSocket(`/api/v1/namespaces/default/pods/p/${what}`, protocol)).toEqual({
        code: abnormal,
        text: 'some',
      });
    }
  },
);

test('nor is a log over WebSocket whose node is lost whole', async () => {
  handler = (request, answer) => {
    answer.write('half a line');
    setTimeout(() => request.socket.destroy(), 50);
  };
  expect(await webSocket(`${logs}?follow=true`, 'binary.k8s.io')).toEqual({
    code: abnormal,
    text: 'alf a line',
  });
});

test("who answers at a node's address must be that node", async () => {
  handler = (_request, answer) => void answer.end('mine');
  await node('other', kubelet.port);
  expect((await ask('/api/v1/namespaces/default/pods/q/log')).status).toBe(503);
  expect((await ask('/api/v1/nodes/other/proxy/pods')).status).toBe(503);
  // A node that names the API server's port as its own does not get its client's rights there.
  await node('other', dev.api.port);
  expect(
    (await ask('/api/v1/nodes/other/proxy/api/v1/namespaces/kube-system/secrets')).status,
  ).toBe(503);
  expect(seen).toEqual([]);
  expect((await ask('/api/v1/nodes/n/proxy/pods')).text).toBe('mine');
});

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'eA==',
  'sec-websocket-version': '13',
};

test("to read a node's proxy is not to run on it", async () => {
  await put('clusterroles/reader', {
    kind: 'ClusterRole',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: { name: 'reader', uid },
    rules: [{ apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] }],
  });
  await put('clusterrolebindings/reader', {
    kind: 'ClusterRoleBinding',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: { name: 'reader', uid },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'ann' }],
  });
  for (const path of [
    'exec/default/p/c?command=id',
    'attach/default/p/c',
    'portForward/default/p',
    'anything',
  ])
    expect(
      (await ask(`/api/v1/nodes/n/proxy/${path}`, { ...upgrade, 'impersonate-user': 'ann' }))
        .status,
    ).toBe(403);
  expect(seen).toEqual([]);
});

test('an exec that the kubelet refuses is a Status', async () => {
  const reply = await ask('/api/v1/namespaces/default/pods/p/exec?command=id&stdout=1', upgrade);
  expect([reply.status, (JSON.parse(reply.text) as { message: string }).message]).toEqual([
    500,
    'Internal error occurred: container not found "c"',
  ]);
});

test('a shell is asked for with a verb of its own, and names its user to the node', async () => {
  const role = (name: string, resource: string, verbs: string[]): Promise<unknown> =>
    put(`clusterroles/${name}`, {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name, uid },
      rules: [{ apiGroups: ['*'], resources: [resource], verbs }],
    });
  await role('mighty', '*', ['get', 'list', 'create', 'update', 'patch', 'delete', 'proxy']);
  await role('root', 'nodes/shell', ['shell']);
  for (const [name, subject] of [
    ['mighty', { kind: 'User', name: 'bob' }],
    ['root', { kind: 'User', name: 'eve' }],
    ['root', { kind: 'Group', name: 'system:nodes' }],
  ] as const)
    await put(`clusterrolebindings/${name}-${subject.kind}`, {
      kind: 'ClusterRoleBinding',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: `${name}-${subject.kind}`, uid },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ ...subject, apiGroup: 'rbac.authorization.k8s.io' }],
    });
  const shell = '/api/v1/nodes/n/shell?command=id&tty=true&term=a%26b';
  const headers = (user: string, more = {}): Record<string, string> => ({
    ...upgrade,
    'impersonate-user': user,
    'x-remote-user': 'admin',
    ...more,
  });
  expect((await ask(shell, headers('bob'))).status).toBe(403);
  const node = headers('system:node:n', { 'impersonate-group': 'system:nodes' });
  const refused = await ask(shell, node);
  expect([refused.status, refused.text]).toEqual([
    403,
    expect.stringContaining('a node opens no shell'),
  ]);
  expect((await ask('/api/v1/nodes/n/shell/more', headers('eve'))).status).toBe(404);
  expect(seen).toEqual([]);

  await ask(shell, headers('eve'));
  expect([seen[0]?.url, seen[0]?.headers['x-remote-user']]).toEqual([
    '/shell?tty=1&command=id&term=a%26b',
    'eve',
  ]);
  // Through the proxy a node hears no name, whatever the client says.
  await ask('/api/v1/nodes/n/proxy/shell?command=id', { ...upgrade, 'x-remote-user': 'admin' });
  expect([seen[1]?.url, seen[1]?.headers['x-remote-user']]).toEqual([
    '/shell?command=id',
    undefined,
  ]);
});
