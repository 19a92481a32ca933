import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import {
  ask,
  backend,
  endpoints,
  pod,
  podIp,
  podRef,
  proxied,
  put,
  uid,
  running,
  service,
  slice,
  startBoth,
} from './testing/backend.ts';

startBoth();

describe('what is reached', () => {
  test('a pod, by its own address', async () => {
    expect((await ask(`${proxied}/a/b?c=d%20e`)).text).toBe('GET /a/b?c=d%20e');
    expect((await ask(`/api/v1/namespaces/default/pods/p:${backend.port}/proxy/x`)).text).toBe(
      'GET /x',
    );
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
    expect(backend.seen).toEqual([]);
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
      await service('default', 'ext', {
        type: 'ExternalName',
        externalName,
        ports: [{ port: backend.port }],
      });
      for (const name of [`ext:${backend.port}`, `https:ext:${backend.port}`, 'ext'])
        expect((await ask(`/api/v1/namespaces/default/services/${name}/proxy/`)).status).toBe(503);
      expect(backend.seen).toEqual([]);
    },
  );

  test('no endpoint that was written by hand and is not a pod of the namespace', async () => {
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
    expect(backend.seen).toEqual([]);
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
      for (const name of [
        `n:${backend.port}`,
        `http:n:${backend.port}`,
        `https:n:${backend.port}`,
      ]) {
        const reply = await ask(`/api/v1/nodes/${name}/proxy/`);
        expect([reply.status, reply.text.includes('address not allowed')]).toEqual([400, true]);
      }
      expect(backend.seen).toEqual([]);
    },
  );

  test('a service by the number of a nameless port, by a name, by no other number', async () => {
    await service('default', 'plain', { ports: [{ port: 8080, targetPort: backend.port }] });
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
    const { headers } = backend.seen[0] as IncomingMessage;
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
    backend.handler = (_request, answer) => {
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

  test('an endless head is not an answer', async () => {
    backend.handler = (_request, answer) =>
      void answer.writeHead(200, { 'x-long': 'y'.repeat(100_000) }).end();
    expect((await ask(`${proxied}/`)).status).toBe(503);
  });
});
