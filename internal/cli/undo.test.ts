import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { configMaps, ref, startWithAdmin, type Started } from '../apiserver/testing/server.ts';
import { realClock } from '../io/clock.ts';
import { before, beforeLast, type ObjectHistory, type Version } from './object-history.ts';
import { printDiff, printHistory, undo } from './undo.ts';

const secrets = ref('secrets', 'Secret');
const deployments = ref('deployments', 'Deployment', 'apps');
let started: Started;
let dir = '';

beforeAll(async () => {
  started = await startWithAdmin();
  dir = await mkdtemp(join(tmpdir(), 'undo-'));
  await kubeconfig('admin', 'oracle');
});
afterAll(async () => {
  await started.dev.api.close();
  await rm(dir, { recursive: true });
});

/** For the token of a user. */
async function kubeconfig(name: string, token: string): Promise<string> {
  const ca = Buffer.from(started.dev.ca.cert).toString('base64');
  const file = join(dir, name);
  await writeFile(
    file,
    JSON.stringify({
      clusters: [
        { name: 'c', cluster: { server: started.dev.url, 'certificate-authority-data': ca } },
      ],
      users: [{ name: 'other' }, { name: 'u', user: { token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  return file;
}

/** What a command says on both its streams, and how it fails. */
async function says(run: () => Promise<void>): Promise<string> {
  let text = '';
  const take = (chunk: unknown): boolean => {
    text += String(chunk);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(take),
  );
  try {
    await run();
  } catch (error) {
    text += `error: ${(error as Error).message}\n`;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return text;
}

const as = (name: string): { kubeconfig: string } => ({ kubeconfig: join(dir, name) });
const history = (what: string, more = {}, who = 'admin'): Promise<string> =>
  says(() => printHistory([what], { ...as(who), output: 'text', ...more }));
const diff = (what: string, more = {}): Promise<string> =>
  says(() => printDiff([what], { ...as('admin'), ...more }));
const back = (what: string, more = {}, who = 'admin'): Promise<string> =>
  says(() => undo([what], { ...as(who), ...more }));

async function map(name: string, data: Record<string, string>): Promise<string> {
  const there = await started.admin
    .get<KubeObject>(configMaps, { namespace: 'default', name })
    .catch(() => undefined);
  const object = { metadata: { ...there?.metadata, namespace: 'default', name }, data };
  const written = there
    ? await started.admin.update<KubeObject>(configMaps, object, { fieldManager: 'ann' })
    : await started.admin.create<KubeObject>(configMaps, object, { fieldManager: 'ann' });
  return String(written.metadata.resourceVersion);
}
const dataOf = async (name: string): Promise<unknown> =>
  (
    await started.admin.get<KubeObject & { data: object }>(configMaps, {
      namespace: 'default',
      name,
    })
  ).data;

describe('an object that was changed', () => {
  test('has its versions listed, compared, and brought back', async () => {
    const first = await map('a', { x: '1', y: 'same' });
    const second = await map('a', { x: '2', y: 'same' });
    expect(await history('cm/a')).toMatch(
      new RegExp(
        `^REVISION +AGE +BY +CHANGE\n${first} +\\ds +ann +created\n` +
          `${second} +\\ds +ann +changed: data.x\n$`,
      ),
    );
    expect(await diff('configmap/a', { revision: first })).toMatch(
      /^--- configmap\/a at \d+\n\+\+\+ configmap\/a at \d+\n@@ .* @@\n(.*\n)*-  x: '1'\n\+  x: '2'\n/,
    );
    expect(await diff('configmap/a', { revision: second })).toBe('configmap/a: no difference\n');
    expect(await back('cm/a')).toBe(`configmap/a is as it was at revision ${first}\n`);
    expect(await dataOf('a')).toEqual({ x: '1', y: 'same' });
    // The undo of an undo is what was before it.
    expect(await back('cm/a')).toBe(`configmap/a is as it was at revision ${second}\n`);
    expect(await dataOf('a')).toEqual({ x: '2', y: 'same' });
    expect(await back('cm/a', { toRevision: first, dryRun: true })).toMatch(
      /\+  x: '1'\n(.*\n)*configmap\/a is as it was at revision \d+ \(dry run\)\n$/,
    );
    expect(await dataOf('a')).toEqual({ x: '2', y: 'same' });
    expect(await back('cm/a', { toRevision: second })).toMatch(/already\n$/);
    expect(await history('cm/a')).toContain('skiff-undo');
  });

  test('goes back by time, as far as it was there', async () => {
    await map('b', { x: '1' });
    // Objects tell whole seconds.
    await realClock.sleep('test', 4_100);
    await map('b', { x: '2' });
    expect(await back('cm/b', { since: '3s' })).toMatch(/as it was at revision/);
    expect(await dataOf('b')).toEqual({ x: '1' });
    expect(await back('cm/b', { since: '1h' })).toMatch(/error: .* it was not there then/);
    expect(await back('cm/b', { since: 'soon' })).toMatch(/error: --since: "soon"/);
    expect(await back('cm/b', { since: '1s', toRevision: '3' })).toMatch(/exclude each other/);
  });

  test('keeps its status, and changes of the status are not listed', async () => {
    const { admin } = started;
    const labels = { app: 'd' };
    const made = await admin.create<KubeObject>(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    const status = { observedGeneration: 1, replicas: 5 };
    await admin.update(deployments, { ...made, status }, { subresource: 'status' });
    await admin.patch(
      deployments,
      { namespace: 'default', name: 'd' },
      { type: 'merge', body: { spec: { replicas: 3 } } },
    );
    expect((await history('deploy/d')).split('\n')).toHaveLength(4);
    expect((await history('deploy/d', { all: true })).split('\n')).toHaveLength(5);
    expect(await back('deployments.apps/d')).toMatch(/^deployment.apps\/d is as it was/);
    expect(await admin.get(deployments, { namespace: 'default', name: 'd' })).toMatchObject({
      spec: { replicas: 1 },
      status,
    });
  });
});

describe('an object that was deleted', () => {
  test('comes back as it was, as another', async () => {
    const { admin } = started;
    const first = await map('c', { x: '1' });
    const uid = (await admin.get(configMaps, { namespace: 'default', name: 'c' })).metadata.uid;
    await admin.delete(configMaps, { namespace: 'default', name: 'c' });
    expect(await history('cm/c')).toMatch(/\n\d+ +- +- +deleted\n$/);
    expect(await diff('cm/c')).toMatch(/^--- configmap\/c at \d+\n\+\+\+ \/dev\/null\n/);
    expect(await back('cm/c', { dryRun: true })).toMatch(/is back .* \(dry run\)\n$/);
    expect(await back('cm/c')).toBe(`configmap/c is back as it was at revision ${first}\n`);
    expect(await dataOf('c')).toEqual({ x: '1' });
    const again = await admin.get(configMaps, { namespace: 'default', name: 'c' });
    expect(again.metadata.uid).not.toBe(uid);
    await admin.delete(configMaps, { namespace: 'default', name: 'c' });
    expect(await back('cm/c', { since: '0s' })).toMatch(/^configmap\/c is back/);
  });

  test('says whom it belongs to', async () => {
    const { admin } = started;
    await admin.create(configMaps, {
      metadata: {
        name: 'owned',
        namespace: 'default',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }],
      },
    });
    await admin.delete(configMaps, { namespace: 'default', name: 'owned' });
    expect(await back('cm/owned')).toMatch(/owned belongs to Pod\/p/);
  });
});

test('values of a Secret are not shown, nor what apply notes of them', async () => {
  const { admin } = started;
  const note = 'kubectl.kubernetes.io/last-applied-configuration';
  const made = await admin.create<KubeObject>(secrets, {
    metadata: { name: 's', namespace: 'default', annotations: { [note]: 'oldpassword' } },
    stringData: { password: 'oldpassword', user: 'me-myself' },
  });
  await admin.update(secrets, {
    ...made,
    metadata: { ...made.metadata, annotations: { [note]: 'newpassword' } },
    stringData: { password: 'newpassword' },
  });
  const text = await diff('secret/s');
  expect(text).toMatch(/-  password: <hidden, before>\n\+  password: <hidden, after>\n/);
  expect(text).toContain('   user: <hidden>\n');
  for (const value of ['oldpassword', 'newpassword', 'me-myself'])
    for (const shown of [value, Buffer.from(value).toString('base64')])
      expect(text + (await back('secret/s', { dryRun: true }))).not.toContain(shown);
});

describe('who may', () => {
  test('read an object may read its history; to bring it back takes more', async () => {
    await map('r', { x: '1' });
    await map('r', { x: '2' });
    const { dev, admin } = started;
    const token = await admin.create<{ status: { token: string } }>(
      ref('serviceaccounts', 'ServiceAccount'),
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } },
      { namespace: 'default', name: 'default', subresource: 'token' },
    );
    await kubeconfig('reader', token.status.token);
    expect(await history('cm/r', {}, 'reader')).toMatch(/error: configmaps "r" is forbidden/);
    const put = (key: string, object: object): Promise<unknown> =>
      dev.store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) });
    const metadata = { name: 'reader', uid: '00000000-0000-4000-8000-000000000000' };
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    await put('clusterroles/reader', {
      kind: 'ClusterRole',
      apiVersion,
      metadata,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    });
    await put('clusterrolebindings/reader', {
      kind: 'ClusterRoleBinding',
      apiVersion,
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'default' }],
    });
    await expect.poll(() => history('cm/r', {}, 'reader')).toContain('changed: data.x');
    expect(await back('cm/r', {}, 'reader')).toMatch(/error: .*cannot update resource/);
    expect(await dataOf('r')).toEqual({ x: '2' });
    await admin.delete(configMaps, { namespace: 'default', name: 'r' });
    expect(await back('cm/r', {}, 'reader')).toMatch(/error: .*cannot create resource/);
  });
});

test('what compaction took is said to be gone, and the rest goes on', async () => {
  const first = await map('k', { x: '1' });
  await map('k', { x: '2' });
  const third = await map('k', { x: '3' });
  const { store } = started.dev;
  await store.compact(store.revision);
  const gone = `error: revision ${first} is no longer kept: the datastore has compacted all before`;
  expect(await back('cm/k', { toRevision: first })).toContain(gone);
  expect(await diff('cm/k', { revision: first })).toContain(gone);
  expect(await history('cm/k')).toMatch(new RegExp(`\n${third} .* first kept\n$`));
  await map('k', { x: '4' });
  expect(await back('cm/k')).toBe(`configmap/k is as it was at revision ${third}\n`);
});

test.each([
  [['cm'], /is not TYPE\/NAME/],
  [['nothing/x'], /the server has no resource "nothing"/],
  [['cm/none'], /configmaps "none" not found/],
  [['cm', 'none'], /configmaps "none" not found/],
])('%j is answered with one line', async (words, said) => {
  const text = await says(() => printHistory(words, { ...as('admin'), output: 'text' }));
  expect([text.split('\n').length, text]).toEqual([2, expect.stringMatching(said)]);
});

describe('the version of some time ago', () => {
  const at = (revision: number, time: string, more = {}): Version => ({
    revision,
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'x',
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [{ manager: 'm', time: `2026-01-01T${time}Z` }],
        ...more,
      },
    },
  });
  const of = (...items: Version[]): ObjectHistory => ({
    now: '2026-01-01T10:00:00Z',
    since: 5,
    items,
  });
  const minutes = (n: number): number => n * 60_000;
  const kept = of(at(5, '09:00:00'), at(7, '09:50:00'), at(9, '09:58:00'), { revision: 11 });

  test.each([
    [1, 9],
    [5, 7],
    [10, 7],
    [11, 5],
    [60, 5],
  ])('%d minutes', (ago, revision) => {
    expect(before(kept, minutes(ago))?.revision).toBe(revision);
  });

  test('is no longer kept, or was not there', () => {
    expect(() => before(kept, minutes(61))).toThrow(/is no longer kept/);
    expect(before(kept, minutes(601))).toBeUndefined();
  });

  test('is none that was on its way out', () => {
    const ending = at(9, '09:58:00', { deletionTimestamp: '2026-01-01T09:58:00Z' });
    expect(before(of(at(5, '09:00:00'), ending), 0)?.revision).toBe(5);
    expect(beforeLast(of(at(5, '09:00:00'), ending, { revision: 10 }))?.revision).toBe(5);
  });
});
