import { partOf } from '../../base/testing/part-of.ts';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../../client/client.ts';
import { realClock } from '../../io/clock.ts';
import { realDial } from '../../io/dial.ts';
import { realDisk } from '../../io/disk.ts';
import { connectionLimits } from '../../io/connection-bounds.ts';
import type { HttpsListener } from '../../io/https-server.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert, type Identity } from '../../pki/certificate.ts';
import type { ShellRequest, Shells } from '../shell/shells.ts';
import { refuse } from '../streams/runtime-connection.ts';
import type { NodeView } from './node-view.ts';
import { findPath, nodePaths, rightsFor } from './paths.ts';
import { startNodeServer } from './server.ts';

const issuing = { nowMs: realClock.now(), random: realRandom };
let server: HttpsListener;
let ca: Identity;
let root = '';
let rights: string[] = [];
let asked: string[] = [];
let ran: string[][] = [];
let knowsPods = true;
let shellsFor: string[] = [];

const pod = {
  metadata: { name: 'p', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'c' }] },
  status: { phase: 'Running' },
};
const view = partOf<NodeView>({
  nodeName: 'n',
  knowsPods: () => knowsPods,
  pods: () => [pod],
  pod: (namespace: string, name: string) =>
    namespace === 'default' && name === 'p' ? pod : undefined,
  container: () =>
    Promise.resolve({ id: 'id', logPath: '/none', running: true, tty: false, stdin: false }),
  execSync: ({ command }: { command: string[] }) => {
    ran.push(command);
    return Promise.resolve({ stdout: Buffer.from('root'), stderr: Buffer.alloc(0), exitCode: 0 });
  },
  exec: ({ command }: { command: string[] }) => {
    ran.push(command);
    return Promise.reject(new Error('no runtime'));
  },
  config: () => ({}),
  stats: () => Promise.resolve([]),
  metrics: () => ({ own: { text: () => 'of_agent 1\n' }, probes: { text: () => 'probes 2\n' } }),
  volumes: () => Promise.resolve([]),
  terminated: () => [{ container_type: 'container', exit_code: '139', reason: 'Error', count: 1 }],
});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'node-logs-'));
  await mkdir(join(root, 'log/pods'), { recursive: true });
  await writeFile(join(root, 'secret'), 'secret');
  await writeFile(join(root, 'log/syslog'), 'lines\n');
  await writeFile(join(root, 'log/<b>&'), '');
  await symlink(join(root, 'secret'), join(root, 'log/out'));
  await symlink('..', join(root, 'log/up'));
  await symlink('/', join(root, 'log/slash'));
  await symlink('../syslog', join(root, 'log/pods/in'));
  execFileSync('mkfifo', [join(root, 'log/fifo')]);
  ca = issueCa({ ...issuing, cn: 'ca' });
  const client = {
    create: (
      _ref: unknown,
      review: { spec: { resourceAttributes: { verb: string; subresource: string } } },
    ) => {
      const { verb, subresource } = review.spec.resourceAttributes;
      asked.push(`${verb} ${subresource}`);
      return Promise.resolve({ status: { allowed: rights.includes(`${verb} ${subresource}`) } });
    },
  } as Client;
  server = await startNodeServer({
    host: '127.0.0.1',
    port: 0,
    client,
    view,
    clock: realClock,
    disk: realDisk,
    dial: realDial,
    log: silentLog,
    dataDir: root,
    version: 'v1',
    nodeLogDir: join(root, 'log'),
    shells: partOf<Shells>({
      serve: ({ user: of, socket }: ShellRequest) => {
        shellsFor.push(of);
        refuse(socket, 200, 'served');
        return Promise.resolve();
      },
    }),
    tls: {
      ...issueCert({ ...issuing, ca, cn: 'n', sans: ['127.0.0.1'], usages: ['server'] }),
      clientCa: ca.cert,
    },
  });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
let user = 0;
beforeEach(() => {
  [asked, ran, rights] = [[], [], []];
  user++; // answers are remembered by user
});

interface Reply {
  status: number;
  text: string;
}

function call(
  method: string,
  path: string,
  options: { upgrade?: boolean; anonymous?: boolean; for?: string; orgs?: string[] } = {},
): Promise<Reply> {
  const identity = options.anonymous
    ? {}
    : issueCert({ ...issuing, ca, cn: `user-${user}`, orgs: options.orgs, usages: ['client'] });
  return new Promise((resolve, reject) => {
    const headers = options.upgrade
      ? {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'eA==',
          'sec-websocket-version': '13',
          ...(options.for !== undefined && { 'x-remote-user': options.for }),
        }
      : {};
    const req = httpsRequest(
      {
        host: '127.0.0.1',
        port: server.port,
        method,
        path,
        headers,
        ca: ca.cert,
        agent: false,
        ...identity,
      },
      (res) => {
        let text = '';
        res.on('data', (part: Buffer) => (text += part.toString()));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
      },
    );
    req.on('upgrade', (res, socket) => {
      socket.destroy();
      resolve({ status: res.statusCode ?? 0, text: '' });
    });
    req.on('error', reject);
    req.end();
  });
}

describe('rights', () => {
  test.each([
    '/run/default/p/c?cmd=id',
    '/run/default/p/u1/c?cmd=id',
    '/exec/default/p/c?command=id',
    '/attach/default/p/c',
    '/portForward/default/p',
    '/exec/default/p/u1/c?command=id',
  ])('to read nodes/proxy is not to run: %s', async (path) => {
    rights = ['get proxy'];
    expect((await call('GET', path)).status).toBe(403);
    expect((await call('GET', path, { upgrade: true })).status).toBe(403);
    expect((await call('HEAD', path)).status).toBe(403);
    expect([ran, new Set(asked)]).toEqual([[], new Set(['create proxy'])]);
  });

  test('run is by POST only, exec by GET with the right to create', async () => {
    rights = ['create proxy'];
    expect((await call('GET', '/run/default/p/c?cmd=id')).status).toBe(405);
    expect(ran).toEqual([]);
    expect((await call('POST', '/run/default/p/c?cmd=id+-u')).text).toBe('root');
    expect((await call('GET', '/exec/default/p/c?command=id', { upgrade: true })).text).toContain(
      'no runtime',
    );
    expect(ran).toEqual([['id', '-u'], ['id']]);
    expect((await call('POST', '/run/default/p/another-uid/c?cmd=id')).status).toBe(404);
    expect((await call('POST', '/exec/default/p/c?command=id')).status).toBe(400);
  });

  test('a node that has just started does not say that a pod is gone', async () => {
    rights = ['create proxy', 'get proxy'];
    const paths = [
      ['GET', '/containerLogs/default/other/c', false],
      ['GET', '/exec/default/other/c?command=id', true],
      ['POST', '/run/default/other/c?cmd=id', false],
    ] as const;
    for (const known of [true, false]) {
      knowsPods = known;
      user++;
      for (const [method, path, upgrade] of paths)
        expect([path, (await call(method, path, { upgrade })).status]).toEqual([
          path,
          known ? 404 : 503,
        ]);
    }
    knowsPods = true;
  });

  test.each([
    ['/pods', 'pods', 'proxy'],
    ['/runningpods/', 'pods', 'proxy'],
    ['/healthz', 'healthz', 'proxy'],
    ['/configz', 'configz', 'proxy'],
    ['/stats/summary', 'stats'],
    ['/metrics', 'metrics'],
    ['/metrics/slis', 'metrics'],
    ['/logs/', 'log'],
    ['/logs/syslog', 'log'],
    ['/nothing', 'proxy'],
    ['/', 'proxy'],
  ])('%s is allowed by nodes/%s', async (path, ...subresources) => {
    for (const one of subresources) {
      rights = [`get ${one}`];
      user++;
      expect([one, (await call('GET', path)).status]).not.toEqual([one, 403]);
    }
    rights = [
      'get proxy',
      'get stats',
      'get metrics',
      'get log',
      'get pods',
      'get healthz',
      'get configz',
    ].filter((right) => !subresources.includes(right.slice(4)));
    user++;
    expect((await call('GET', path)).status).toBe(403);
  });

  test.each([
    '/stats/../exec/default/p/c',
    '/metrics/%2e%2e/run/default/p/c',
    '//run/default/p/c',
    '/metrics%2f..%2frun',
    '/%72un/default/p/c?cmd=id',
    '/stats/summary/../../pods',
    '/pods%00',
    '/logs/%2e%2e/secret',
    '/logs/..%2fsecret',
    'https://h/pods',
    '*',
  ])('a path written otherwise is no way round: %s', async (path) => {
    rights = ['get stats', 'get metrics', 'get log', 'get pods', 'get proxy'];
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        {
          host: '127.0.0.1',
          port: server.port,
          ca: ca.cert,
          ...issueCert({ ...issuing, ca, cn: `user-${user}`, usages: ['client'] }),
        },
        () => socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`),
      );
      let all = '';
      socket.on('data', (part: Buffer) => (all += part.toString()));
      socket.on('close', () => resolve(all));
      socket.on('error', reject);
    });
    expect([
      ran,
      /^HTTP\/1\.1 (400|403|404) /.test(text),
      text.includes('secret\n') || text.includes('PodList'),
    ]).toEqual([[], true, false]);
  });

  test('a request without credentials is anonymous', async () => {
    expect((await call('GET', '/pods', { anonymous: true })).status).toBe(401);
  });

  test('every path of the table says who may, and no reading right runs anything', () => {
    for (const entry of nodePaths) {
      const found = findPath(entry.path.replace(/\{\w+\}/g, 'x').replace('*', 'a/b'));
      expect(found?.entry).toBe(entry);
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS'])
        if (entry.runs && found) expect(rightsFor(found, method).verb).toBe('create');
      expect(/^\/(run|exec|attach|portForward)\//.test(entry.path)).toBe(entry.runs === true);
    }
  });
});

describe('a shell', () => {
  const path = '/shell?command=id';
  const every = ['get', 'create', 'update', 'patch', 'delete'].flatMap((verb) =>
    ['shell', 'proxy'].map((what) => `${verb} ${what}`),
  );

  test('needs a verb of its own, and the name of whom it is for', async () => {
    rights = every;
    expect((await call('GET', path, { upgrade: true, for: 'ann' })).status).toBe(403);
    expect(asked).toEqual(['shell shell']);
    [rights, shellsFor] = [['shell shell'], []];
    user++;
    const nameless = await call('GET', path, { upgrade: true });
    expect([nameless.status, nameless.text]).toEqual([403, expect.stringContaining('nodes/NAME')]);
    expect((await call('GET', path, { for: 'ann' })).status).toBe(400);
    expect((await call('POST', path, { upgrade: true, for: 'ann' })).status).toBe(405);
    expect(shellsFor).toEqual([]);
    expect((await call('GET', path, { upgrade: true, for: 'ann' })).text).toBe('served\n');
    expect(shellsFor).toEqual(['ann']);
  });

  test('is for no node, whatever it may', async () => {
    [rights, shellsFor] = [['shell shell'], []];
    const orgs = ['system:nodes'];
    expect((await call('GET', path, { upgrade: true, for: 'ann', orgs })).status).toBe(403);
    expect(
      (await call('GET', path, { upgrade: true, for: 'ann', orgs: [...orgs, 'system:masters'] }))
        .status,
    ).toBe(403);
    expect(shellsFor).toEqual([]);
  });
});

describe('the logs of the machine', () => {
  test('files and folders, and no more than is theirs', async () => {
    rights = ['get log'];
    expect(await call('GET', '/logs/syslog')).toEqual({ status: 200, text: 'lines\n' });
    expect(await call('GET', '/logs/pods/in')).toEqual({ status: 200, text: 'lines\n' });
    expect(await call('GET', '/logs/%3Cb%3E&')).toEqual({ status: 200, text: '' });
    const listing = await call('GET', '/logs/');
    expect([
      listing.status,
      listing.text.includes('<a href="./%3Cb%3E%26">&lt;b&gt;&amp;</a>'),
      listing.text.includes('<a href="./pods/">pods/</a>'),
    ]).toEqual([200, true, true]);
    expect((await call('GET', '/logs/pods')).status).toBe(301);
  });

  test.each([
    'out',
    'up/',
    'up/secret',
    'slash/',
    'slash/etc/passwd',
    'fifo',
    'none',
    'syslog/x',
    'pods//in',
  ])('not %s', async (path) => {
    rights = ['get log'];
    expect((await call('GET', `/logs/${path}`)).status).toBe(404);
  });
});

test('metrics that dashboards and tests ask for', async () => {
  rights = ['get metrics'];
  expect((await call('GET', '/metrics')).text).toContain(
    'kubelet_terminated_containers_total{container_type="container",exit_code="139",' +
      'reason="Error"} 1',
  );
  expect((await call('GET', '/metrics/slis')).text).toContain(
    'kubernetes_healthcheck{name="ping",type="healthz"} 1',
  );
});

describe('a flood of connections', () => {
  const idle = connectionLimits.strangersPerAddress + 50;

  test.each([
    ['that say nothing', Buffer.alloc(0)],
    ['with half a ClientHello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc])],
    ['with what is no TLS', Buffer.from('GET /pods HTTP/1.1\r\nhost: x\r\n')],
  ])('%s from one address is bounded, and others are answered', async (_what, bytes) => {
    let closed = 0;
    const flood = Array.from({ length: idle }, () => {
      const socket = connectTcp(
        { host: '127.0.0.1', port: server.port, localAddress: '127.0.0.3' },
        () => socket.write(bytes),
      );
      socket.on('error', () => undefined);
      return socket.resume().on('close', () => closed++);
    });
    rights = ['get log'];
    expect((await call('GET', '/logs/syslog')).status).toBe(200);
    await expect.poll(() => closed, { timeout: 10_000 }).toBeGreaterThanOrEqual(50);
    for (const socket of flood) socket.destroy();
  });

  test('headers without end are refused', async () => {
    const socket = connectTls({ host: '127.0.0.1', port: server.port, ca: ca.cert });
    const answered = new Promise<string>(
      (resolve) => void socket.on('data', (part: Buffer) => resolve(part.toString('latin1'))),
    );
    socket.on('error', () => undefined);
    socket.write(`GET /pods HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(80_000)}\r\n\r\n`);
    expect(await answered).toContain('431');
    socket.destroy();
  });
});
