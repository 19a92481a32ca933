import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../apiserver/dev.ts';
import { memoryStore } from '../apiserver/memory-store.fake.ts';
import { serveEtcd } from '../etcd/server.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { realClock } from '../io/clock.ts';
import { makeLog } from '../io/log.ts';
import { loadOrCreateAuthorities } from '../pki/authorities.ts';
import { caHashOf, formatToken } from '../pki/tokens.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { followBootstrap, changeFile, readBootstrap, shareBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import { realDoors, type Doors } from './doors.ts';
import { handshakeAnswers } from './handshake.ts';
import { joinCluster } from './join.ts';

const password = 'correct horse';
let root: string;
let first: DevServer;
let datastore: Datastore;
let answers: ((request: PlainRequest) => Promise<PlainAnswer> | undefined) | undefined;
let member: { close(): Promise<void> };
let lines: string[] = [];
const doors: Doors = {
  ...realDoors(false),
  log: makeLog({ level: 'debug', write: (line) => void lines.push(line) }),
};
const configOf = (name: string, more: Partial<ServerConfig> = {}): ServerConfig =>
  ({
    dataDir: join(root, name),
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
    clusterDns: '10.43.0.10',
    clusterDomain: 'cluster.local',
    ...more,
  }) as ServerConfig;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'join-'));
  first = await startDevServer({ besides: (request) => answers?.(request) });
  await loadOrCreateAuthorities({ ...doors, dir: join(root, 'first/server/tls') });
  // A member that answers as etcd does is enough to ask who the members are.
  const path = join(root, 'etcd.sock');
  member = await serveEtcd(memoryStore(), {
    listen: [{ path }],
    clock: realClock,
    log: doors.log,
    name: 'first',
    clientUrls: ['https://192.0.2.1:2379'],
  });
  datastore = {
    shared: true,
    etcd: { endpoints: [`unix://${path}`], tls: { ca: '', cert: '', key: '' }, clock: realClock },
  } as Datastore;
});
beforeEach(() => {
  lines = [];
  serve(datastore);
});
afterAll(async () => {
  await first.api.close();
  await member.close();
  await rm(root, { recursive: true });
});

function serve(store: Datastore): void {
  answers = handshakeAnswers({
    config: configOf('first'),
    doors,
    datastore: store,
    passwords: { server: password },
    serverCa: first.ca.cert,
  });
}

const full = (user = 'server', secret = password): string =>
  formatToken({ caHash: caHashOf(first.ca.cert), user, password: secret });
const joining = (
  name: string,
  token: string | undefined,
  more: Partial<ServerConfig> = {},
): ReturnType<typeof joinCluster> =>
  joinCluster(configOf(name, { server: first.url, token, ...more }), doors);
const refusal = (effect: Promise<unknown>): Promise<{ message: string; hint: string }> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: { message: string; hint: string; code: string }) => {
      expect(error.code).toBe('CONFIG');
      return { message: error.message, hint: error.hint };
    },
  );
const text = (name: string, file: string): Promise<string> =>
  readFile(join(root, name, 'server', file), 'utf8');

describe('the handshake', () => {
  test('a server with the full token gets all, with the right modes, and says what', async () => {
    expect(await joining('second', full())).toEqual({ endpoints: ['https://192.0.2.1:2379'] });
    for (const file of [
      'tls/server-ca.crt',
      'tls/server-ca.key',
      'tls/client-ca.key',
      'tls/request-header-ca.key',
      'tls/service.key',
    ]) {
      expect(await text('second', file)).toBe(await text('first', file));
    }
    expect(
      ((await stat(join(root, 'second/server/tls/service.key'))).mode & 0o777).toString(8),
    ).toBe('600');
    expect(lines.join()).toContain('joining a cluster');
    // Cut off before its etcd had anything, it asks again and finds that all is there.
    await joining('second', full());
    expect(lines.join()).toContain('files=0');
  });

  test('who is a member already asks nobody', async () => {
    await mkdir(join(root, 'member/server/db/etcd/member'), { recursive: true });
    expect(await joining('member', undefined, { server: 'https://192.0.2.99:1' })).toEqual({
      endpoints: [],
    });
  });

  test('a short token trusts on first use, and says so', async () => {
    await joining('short', password);
    expect(lines.filter((line) => line.includes('WARN')).join()).toContain(caHashOf(first.ca.cert));
  });

  test.each([
    [
      'a wrong password',
      () => full('server', 'wrong'),
      /does not know this token/,
      /server\/token/,
    ],
    ['a wrong password in short form', () => 'wrong', /does not know this token/, /server\/token/],
    ["an agent's token", () => full('node'), /for agents/, /server\/token/],
    ['a bootstrap token', () => 'abcdef.0123456789abcdef', /bootstrap token/, /server\/token/],
    ['no token', () => undefined, /needs --token/, /server\/token/],
    [
      "another cluster's hash",
      () => full().replace(/^K10......../, 'K1000000000'),
      /for another cluster/,
      /copy server\/token/,
    ],
  ])('%s is refused in one line', async (_what, token, message, hint) => {
    const said = await refusal(joining('refused', token()));
    expect(said).toEqual({
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(said.message).not.toContain('\n');
    await expect(stat(join(root, 'refused/server/tls/server-ca.key'))).rejects.toThrow();
  });

  test('only GET is answered, a ping needs nothing, and a bearer gets nothing', async () => {
    const ask = (path: string, authorization?: string, method = 'GET') =>
      answers?.({
        method,
        path,
        authorization,
        header: () => undefined,
        body: () => Promise.resolve(Buffer.alloc(0)),
        user: () => Promise.reject(new Error('nobody is asked')),
      });
    expect(await ask('/ping')).toMatchObject({ status: 200, body: 'pong' });
    expect(ask('/v1-skiff/server-bootstrap', undefined, 'POST')).toBeUndefined();
    expect(ask('/api')).toBeUndefined();
    const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
    for (const [authorization, status] of [
      [undefined, 401],
      ['Bearer abcdef.0123456789abcdef', 403],
      [basic(`server:${password}x`), 401],
      [basic('server:'), 401],
      [basic(`:${password}`), 403],
      [basic(`server:${password}`), 200],
    ] as const) {
      expect((await ask('/v1-skiff/server-bootstrap', authorization))?.status).toBe(status);
    }
  });

  test('a server whose state others cannot share says what to do', async () => {
    serve({ shared: false } as Datastore);
    expect(await refusal(joining('file', full()))).toEqual({
      message: expect.stringMatching(/takes no servers: .*SQLite/),
      hint: expect.stringMatching(/--cluster-init/),
    });
    serve({ shared: true } as Datastore);
    expect(await refusal(joining('external', full()))).toEqual({
      message: expect.stringMatching(/external datastore/),
      hint: expect.stringMatching(/same --datastore-endpoint and --token/),
    });
  });

  test('nobody there, and somebody else there', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = server.address() as { port: number };
        server.close(() => resolve(free));
      });
    });
    expect(
      await refusal(joining('nobody', full(), { server: `https://127.0.0.1:${port}` })),
    ).toEqual({
      message: expect.stringMatching(/cannot be reached: .*ECONNREFUSED/),
      hint: expect.stringMatching(/running/),
    });
    answers = undefined;
    expect((await refusal(joining('somebody', full()))).message).toMatch(
      /does not answer as a skiff server does \(status 40\d/,
    );
  });

  test('a server that differs where all must agree, or has a past, is not let in', async () => {
    expect(await refusal(joining('cidr', full(), { serviceCidr: '10.99.0.0/16' }))).toEqual({
      message:
        'critical configuration value mismatch: --service-cidr is 10.99.0.0/16 here and ' +
        '10.43.0.0/16 in the cluster',
      hint: expect.any(String),
    });
    await loadOrCreateAuthorities({ ...doors, dir: join(root, 'foreign/server/tls') });
    expect((await refusal(joining('foreign', full()))).message).toMatch(
      /belongs to another cluster/,
    );
    await mkdir(join(root, 'past/server/db'), { recursive: true });
    await writeFile(join(root, 'past/server/db', fileName), '');
    expect((await refusal(joining('past', full()))).message).toMatch(
      /state of a cluster of its own/,
    );
  });
});

describe('servers with one datastore', () => {
  const share = (
    name: string,
    store: ReturnType<typeof memoryStore>,
    secret = password,
    more: Partial<ServerConfig> = {},
  ): Promise<void> =>
    shareBootstrap(store, {
      config: configOf(name, more),
      doors,
      passwords: { server: secret, agent: secret },
    });

  test('begin at one moment with the same authorities, which the datastore hides', async () => {
    const store = memoryStore();
    await Promise.all(['a', 'b', 'c'].map((name) => share(name, store)));
    const keys = await Promise.all(['a', 'b', 'c'].map((name) => text(name, 'tls/server-ca.key')));
    expect(new Set(keys).size).toBe(1);
    expect(await Promise.all(['a', 'b', 'c'].map((name) => text(name, 'tls/service.key')))).toEqual(
      Array(3).fill(await text('a', 'tls/service.key')),
    );
    const { kvs } = await store.range({ key: '\0', end: '\0' });
    expect(kvs).toHaveLength(1);
    expect(Buffer.from(kvs[0]?.value ?? []).toString()).not.toContain('PRIVATE KEY');
  });

  test('a wrong token, another setting and another past are refused; nothing changes', async () => {
    const store = memoryStore();
    await share('d', store);
    const { revision } = store;
    expect(await refusal(share('e', store, 'other'))).toEqual({
      message: 'the datastore belongs to a cluster with another token',
      hint: expect.stringMatching(/server\/token/),
    });
    expect(
      (await refusal(share('e', store, password, { clusterDomain: 'other.local' }))).message,
    ).toMatch(/mismatch: --cluster-domain/);
    await loadOrCreateAuthorities({ ...doors, dir: join(root, 'f/server/tls') });
    expect((await refusal(share('f', store))).message).toMatch(/another cluster/);
    expect(store.revision).toBe(revision);
  });

  test('keys that one of them changes reach the others', async () => {
    const store = memoryStore();
    await share('g', store);
    await share('h', store);
    const changed: string[][] = [];
    const stop = await followBootstrap(store, {
      passwords: { server: password, agent: password },
      dir: join(root, 'h/server'),
      doors,
      changed: (files) => void changed.push(files),
    });
    const publish = (text: string): Promise<void> =>
      changeFile(store, {
        password,
        file: 'cred/encryption-keys.json',
        random: doors.random,
        change: () => text,
      });
    await publish('{"new":1}');
    await expect.poll(() => changed).toEqual([['cred/encryption-keys.json']]);
    expect(await text('h', 'cred/encryption-keys.json')).toBe('{"new":1}');
    const { revision } = store;
    await publish('{"new":1}');
    expect(store.revision).toBe(revision);
    expect((await readBootstrap(store, password))?.data.files['cred/encryption-keys.json']).toBe(
      '{"new":1}',
    );
    stop();
  });
});
