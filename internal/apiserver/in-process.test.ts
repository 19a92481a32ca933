import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import type { DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';
import { at, failure, pods, ref, said, startWithAdmin } from './testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

const accounts = ref('serviceaccounts', 'ServiceAccount');
const binding = (name: string): object => ({
  metadata: { name, namespace: 'default' },
  target: { kind: 'Node', name: 'n1' },
});
const token = { spec: { expirationSeconds: 600 } };

let pod: string;
let count = 0;
beforeEach(async () => {
  pod = `p${count++}`;
  await admin.create(pods, {
    metadata: { name: pod, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
});
const nodeOf = async (): Promise<unknown> =>
  (await admin.get<KubeObject & { spec: { nodeName?: string } }>(pods, at(pod))).spec.nodeName;

describe('a dry run leaves no trace', () => {
  test('of a binding', async () => {
    await admin.create(pods, binding(pod), { ...at(pod, 'binding'), dryRun: true });
    expect(await nodeOf()).toBeUndefined();
    await admin.create(pods, binding(pod), at(pod, 'binding'));
    expect(await nodeOf()).toBe('n1');
  });

  test('of an eviction', async () => {
    const eviction = { metadata: { name: pod, namespace: 'default' } };
    await admin.create(pods, eviction, { ...at(pod, 'eviction'), dryRun: true });
    expect((await admin.get<KubeObject>(pods, at(pod))).metadata.name).toBe(pod);
    const asked = { ...eviction, deleteOptions: { dryRun: ['All'] } };
    await admin.create(pods, asked, at(pod, 'eviction'));
    expect((await admin.get<KubeObject>(pods, at(pod))).metadata.name).toBe(pod);
    await admin.create(pods, eviction, at(pod, 'eviction'));
    expect(await said(admin.get(pods, at(pod)))).toMatch(/^404 /);
  });

  test('of a deletion', async () => {
    await admin.delete(pods, at(pod), { dryRun: ['All'] });
    await admin.deleteCollection(pods, { namespace: 'default', dryRun: ['All'] });
    expect((await admin.get<KubeObject>(pods, at(pod))).metadata.deletionTimestamp).toBe(undefined);
  });
});

describe('what is not there is not there for the parts of the server either', () => {
  test('a subresource that no discovery shows', async () => {
    expect(await said(admin.get(accounts, at('default', 'nothing')))).toBe(
      '404 the server could not find the requested resource',
    );
    expect(await said(admin.patch(pods, at(pod, 'log'), { type: 'merge', body: {} }))).toMatch(
      /^405 /,
    );
  });

  test('a verb that a subresource does not take', async () => {
    expect(await said(admin.get(accounts, at('default', 'token')))).toMatch(/^405 /);
    expect(await said(admin.patch(pods, at(pod, 'binding'), { type: 'merge', body: {} }))).toMatch(
      /^405 /,
    );
  });
});

test('resources that are not stored are read', async () => {
  const statuses = ref('componentstatuses', 'ComponentStatus', '', false);
  expect(await admin.get(statuses, { name: 'scheduler' })).toMatchObject({
    kind: 'ComponentStatus',
    conditions: [{ type: 'Healthy', status: 'True' }],
  });
  expect((await admin.list(statuses)).items).toHaveLength(3);
});

test('what an operation is given stays as it was', async () => {
  const given = Object.freeze({ spec: Object.freeze({ ...token.spec }) });
  const issued = await admin.create<KubeObject>(accounts, given, at('default', 'token'));
  expect(issued).toMatchObject({ kind: 'TokenRequest', status: { token: expect.any(String) } });
  expect(given).toEqual(token);
});

describe('who may nothing', () => {
  test.each<[string, (client: InProcessClient) => Promise<unknown>]>([
    ['binds nothing', (c) => c.create(pods, binding(pod), at(pod, 'binding'))],
    ['evicts nothing', (c) => c.create(pods, { metadata: { name: pod } }, at(pod, 'eviction'))],
    ['gets no token', (c) => c.create(accounts, token, at('default', 'token'))],
    [
      'scales nothing',
      (c) =>
        c.patch(
          ref('deployments', 'Deployment', 'apps'),
          at('d', 'scale'),
          { type: 'apply', body: {} },
          { force: true },
        ),
    ],
    [
      'asks for nobody',
      (c) =>
        c.create(
          ref('subjectaccessreviews', 'SubjectAccessReview', 'authorization.k8s.io', false),
          { spec: { user: 'root', nonResourceAttributes: { path: '/', verb: 'get' } } },
        ),
    ],
    ['reads no list', (c) => c.list(pods, { namespace: 'default' })],
    ['reads no metrics', (c) => c.raw({ method: 'GET', path: '/metrics' }).then(asError)],
  ])('%s', async (_what, ask) => {
    const nobody = dev.api.inProcess({ name: 'nobody', groups: [] });
    expect((await failure(ask(nobody))).httpStatus).toBe(403);
    expect(await nodeOf()).toBeUndefined();
  });

  const asError = ({ status }: { status: number }): never => {
    throw Object.assign(new Error('refused'), { httpStatus: status });
  };
});
