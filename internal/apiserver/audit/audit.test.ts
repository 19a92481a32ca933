import { SkiffError } from '../../base/errors.ts';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at, Target } from '../../../test/attacks/target.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { AuditEvent } from './event.ts';

/** Events as kube-apiserver 1.36.3 wrote them for the same requests. */
const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: None
  nonResourceURLs: ["/livez*"]
- level: Metadata
  verbs: [get]
  resources: [{group: "", resources: [secrets]}]
- level: Request
  verbs: [patch]
- level: Metadata
  verbs: [list]
  omitStages: [RequestReceived]
- level: RequestResponse
`;

let dir: string;
let dev: DevServer;
let target: Target;
let hook: HttpServer;
const hooked: AuditEvent[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'audit-'));
  hook = createServer((request, answer) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      if (request.headers.authorization === 'Bearer secret')
        hooked.push(...(JSON.parse(text) as { items: AuditEvent[] }).items);
      answer.end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  await writeFile(join(dir, 'policy.yaml'), policy);
  await writeFile(
    join(dir, 'hook.yaml'),
    'apiVersion: v1\nkind: Config\nclusters: [{name: h, cluster: {server: ' +
      `"http://127.0.0.1:${(hook.address() as AddressInfo).port}/audit"}}]\nusers: [{name: u, ` +
      'user: {token: secret}}]\ncontexts: [{name: c, context: {cluster: h, user: u}}]\n' +
      'current-context: c\n',
  );
  dev = await startDevServer({
    audit: {
      policyFile: join(dir, 'policy.yaml'),
      log: { path: join(dir, 'logs', 'audit.log') },
      webhook: { configFile: join(dir, 'hook.yaml'), maxBatchWaitMs: 50 },
    },
  });
  await writeFile(join(dir, 'kubeconfig'), dev.kubeconfig);
  target = new Target(join(dir, 'kubeconfig'));
});

afterAll(async () => {
  await target.close();
  await dev.api.close();
  hook.close();
  await rm(dir, { recursive: true });
});

const logged = async (): Promise<AuditEvent[]> =>
  (await readFile(join(dir, 'logs', 'audit.log'), 'utf8'))
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditEvent);

let counter = 0;

/** Makes a call under an id of its own and returns the events of it, once `last` is among them. */
async function eventsOf(
  call: Parameters<Target['call']>[0],
  last = 'ResponseComplete',
): Promise<AuditEvent[]> {
  const id = `call-${counter++}`;
  const answer = await target.call({
    ...call,
    headers: { 'audit-id': id, 'user-agent': 'test', ...call.headers },
  });
  expect(answer.headers['audit-id']).toBe(id);
  const own = async (): Promise<AuditEvent[]> =>
    (await logged()).filter((event) => event.auditID === id);
  await expect.poll(async () => (await own()).some((event) => event.stage === last)).toBe(true);
  return own();
}

const maps = '/api/v1/namespaces/default/configmaps';

describe('stages and levels', () => {
  test('RequestReceived, then ResponseComplete with both objects', async () => {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { k: 'v' },
    };
    const [received, complete] = await eventsOf({ method: 'POST', path: maps, body: object });
    expect(received).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'RequestReceived',
      requestURI: maps,
      verb: 'create',
      sourceIPs: ['127.0.0.1'],
      userAgent: 'test',
      objectRef: { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' },
    });
    expect(received).not.toHaveProperty('annotations');
    expect(received?.user.username).toBe('admin');
    expect(complete).toMatchObject({
      stage: 'ResponseComplete',
      objectRef: { name: 'a' },
      responseStatus: { metadata: {}, code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect(complete?.requestObject).toMatchObject(object);
    expect(complete?.responseObject).toMatchObject(object);
    expect(at(complete?.responseObject, 'metadata', 'uid')).toBeTypeOf('string');
    expect(at(complete?.responseObject, 'metadata')).not.toHaveProperty('managedFields');
    expect(complete?.requestReceivedTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('Request has no answer, Metadata no object at all', async () => {
    const patched = (
      await eventsOf({
        method: 'PATCH',
        path: `${maps}/a`,
        body: { data: { k: 'w' } },
        type: 'application/merge-patch+json',
      })
    ).at(-1);
    expect([patched?.requestObject, patched?.responseObject]).toEqual([
      { data: { k: 'w' } },
      undefined,
    ]);
    await dev.api
      .inProcess({ name: 'x', groups: ['system:masters'] })
      .create(
        { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 's', namespace: 'default' },
          stringData: { password: 'hunter2' },
        },
      );
    const read = await eventsOf({ path: '/api/v1/namespaces/default/secrets/s' });
    expect(read.map((event) => event.level)).toEqual(['Metadata', 'Metadata']);
    expect(JSON.stringify(read)).not.toContain('aHVudGVyMg');
  });

  test('stages that are left out, and what is not audited', async () => {
    expect((await eventsOf({ path: maps })).map((event) => event.stage)).toEqual([
      'ResponseComplete',
    ]);
    await target.call({ path: '/livez' });
    await eventsOf({ path: maps });
    expect((await logged()).filter((event) => event.requestURI === '/livez')).toEqual([]);
  });

  test('a watch: begun, then over', async () => {
    const events = await eventsOf({ path: `${maps}?watch=true&timeoutSeconds=1` });
    expect(
      events.map(({ stage, verb, responseStatus }) => [stage, verb, at(responseStatus, 'code')]),
    ).toEqual([
      ['RequestReceived', 'watch', undefined],
      ['ResponseStarted', 'watch', 200],
      ['ResponseComplete', 'watch', 200],
    ]);
  });

  test('an answer in protobuf is told as JSON', async () => {
    const event = (
      await eventsOf({
        path: `${maps}/a`,
        headers: { accept: 'application/vnd.kubernetes.protobuf' },
      })
    ).at(-1);
    expect(event?.responseObject).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'a' },
      data: { k: 'w' },
    });
  });

  test('an error is the status', async () => {
    const event = (await eventsOf({ path: `${maps}/none` })).at(-1);
    expect(event?.responseStatus).toEqual({
      metadata: {},
      status: 'Failure',
      message: 'configmaps "none" not found',
      reason: 'NotFound',
      details: { name: 'none', kind: 'configmaps' },
      code: 404,
    });
  });

  test('forbidden: forbid; impersonated: both users; not authenticated: 401', async () => {
    const jane = { user: 'jane', groups: ['devs'], uid: 'u1' };
    const denied = (await eventsOf({ path: `${maps}/a`, as: jane })).at(-1);
    expect(denied?.annotations).toEqual({
      'authorization.k8s.io/decision': 'forbid',
      'authorization.k8s.io/reason': '',
    });
    expect([denied?.user.username, denied?.impersonatedUser]).toEqual([
      'admin',
      { username: 'jane', uid: 'u1', groups: ['devs', 'system:authenticated'] },
    ]);
    const [refused, ...more] = await eventsOf(
      { path: `${maps}/a`, as: { token: 'eyJ.not.good' } },
      'ResponseStarted',
    );
    expect(refused).toMatchObject({
      stage: 'ResponseStarted',
      user: {},
      responseStatus: { reason: 'Unauthorized', code: 401 },
    });
    expect(more).toEqual([]);
  });

  test('proxies name where a request came from, as far as they name addresses', async () => {
    const event = (
      await eventsOf({
        path: '/version',
        headers: { 'x-forwarded-for': '1.2.3.4, nonsense', 'x-real-ip': '5.6.7.8' },
      })
    ).at(-1);
    expect(event?.sourceIPs).toEqual(['1.2.3.4', '5.6.7.8', '127.0.0.1']);
    expect(event).not.toHaveProperty('responseObject');
  });

  test.each([
    ['a'.repeat(200), 'a'.repeat(64)],
    ['x-1', 'x-1'],
  ])("a client's own id is kept, 64 characters of it", async (given, kept) => {
    expect(
      (await target.call({ path: '/version', headers: { 'audit-id': given } })).headers['audit-id'],
    ).toBe(kept);
  });
});

test("what the server's own parts do is audited too", async () => {
  const client = dev.api.inProcess({ name: 'system:some-controller', groups: [] });
  const ref = {
    group: '',
    version: 'v1',
    resource: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
  };
  await client.get(ref, { namespace: 'default', name: 'a' }).catch(() => undefined);
  const own = async (): Promise<AuditEvent[]> =>
    (await logged()).filter((event) => event.user.username === 'system:some-controller');
  await expect.poll(async () => (await own()).length).toBe(2);
  expect((await own()).at(-1)).toMatchObject({
    verb: 'get',
    requestURI: `${maps}/a`,
    objectRef: { name: 'a' },
    responseStatus: { reason: 'Forbidden', code: 403 },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  });
});

test('the webhook gets the same events as the file', async () => {
  const key = (event: AuditEvent): string => `${event.auditID} ${event.stage}`;
  await expect.poll(async () => (await logged()).length - hooked.length).toBe(0);
  expect(hooked.map(key)).toEqual((await logged()).map(key));
});

test('only its owner reads the file', async () => {
  expect((await stat(join(dir, 'logs', 'audit.log'))).mode & 0o777).toBe(0o600);
});

test.each([
  ['no policy', { policyFile: '/nowhere/policy.yaml' }, '/nowhere/policy.yaml'],
  [
    'a webhook that is no kubeconfig',
    { policyFile: 'policy', webhook: { configFile: 'policy' } },
    'policy.yaml',
  ],
  [
    'a log where no file can be',
    { policyFile: 'policy', log: { path: '/proc/audit.log' } },
    '/proc/audit.log',
  ],
])('a server does not start with %s, and names the file', async (_what, audit, name) => {
  const full = JSON.parse(
    JSON.stringify(audit).replaceAll('"policy"', JSON.stringify(join(dir, 'policy.yaml'))),
  ) as typeof audit;
  await expect(startDevServer({ audit: full })).rejects.toThrow(name);
  await expect(startDevServer({ audit: full })).rejects.toBeInstanceOf(SkiffError);
});
