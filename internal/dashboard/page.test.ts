import { request } from 'node:https';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { startDevServer, type DevServer } from '../apiserver/dev.ts';
import { realRandom } from '../io/random.ts';
import { issueCa } from '../pki/certificate.ts';
import { Page } from './jsdom.fake.ts';

// The page against an API server: every view, and what is changed by it.

let server: DevServer;
let page: Page;
const nasty = '<img src=x onerror=alert(1)>\u202Etxt';
const shown = '<img src=x onerror=alert(1)>⟨202e⟩txt';

/** As a browser's fetch, for a server whose certificate nobody knows. */
function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server.url), {
      method: init.method ?? 'GET',
      headers: {
        ...(init.headers as Record<string, string>),
        'content-length': Buffer.byteLength((init.body as string | undefined) ?? ''),
      },
      ca: server.ca.cert,
    });
    init.signal?.addEventListener('abort', () => sent.destroy(new Error('aborted')));
    sent.once('error', reject);
    sent.once('response', (answer) => {
      // Who goes away in the middle hears no more of it.
      answer.on('error', () => undefined);
      const body = Readable.toWeb(answer) as ReadableStream<Uint8Array<ArrayBuffer>>;
      const status = answer.statusCode ?? 500;
      resolve(new Response(status === 204 ? null : body, { status }));
    });
    sent.end(init.body as string | undefined);
  });
}

async function call<T>(path: string, body?: object, method = 'POST'): Promise<T> {
  const form = method === 'PATCH' ? 'merge-patch+json' : 'json';
  const answer = await ask(path, {
    method: body ? method : 'GET',
    headers: { authorization: 'Bearer oracle', 'content-type': `application/${form}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(answer.ok, `${path}: ${answer.status}`).toBe(true);
  return (await answer.json()) as T;
}

const pods = '/api/v1/namespaces/default/pods';
const web = '/apis/apps/v1/namespaces/default/deployments/web';
const containers = [{ name: 'c', image: 'x' }];

const sees = (wanted: string | RegExp): Promise<void> =>
  vi.waitFor(() => expect(page.text).toMatch(wanted), { timeout: 20_000 });
const openObject = async (name: string): Promise<void> => {
  await sees(name);
  page.go(
    page
      .all('tbody a')
      .find((one) => one.textContent === name)!
      .getAttribute('href'),
  );
};
const press = async (words: string): Promise<void> => {
  await vi.waitFor(() => page.click(words), { timeout: 20_000 });
};
const yaml = (): string => page.all('#yaml')[0]?.value ?? '';

beforeAll(async () => {
  server = await startDevServer();
  await call('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await call('/api/v1/nodes', {
    metadata: { name: 'n1' },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'True' },
      ],
    },
  });
  await call('/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers } },
    },
  });
  await call(pods, { metadata: { name: 'odd' }, spec: { containers } });
  await call(`${pods}/odd/status`, { status: { phase: 'Failed', reason: nasty } }, 'PATCH');
  page = new Page(`${server.url}/dashboard/`, ask);
});
afterAll(async () => {
  page.close();
  await server.api.close();
});

describe('the page', () => {
  it('refuses a wrong token, and lets in who has a right one', async () => {
    await sees('Log in to skiff');
    expect(page.all('[role=alert]')).toEqual([]);
    await page.fill('#token', 'wrong');
    await press('Log in');
    await sees('does not take this token');
    await page.fill('#token', 'oracle');
    await press('Log in');
    await sees(/n1.*DiskPressure/);
  });

  it('shows what others wrote as text', async () => {
    page.go('#/pods');
    await sees(shown);
    expect(page.all('img')).toEqual([]);
  });

  it('says when certificates end', async () => {
    const lifeMs = 10 * 86_400_000;
    const { cert } = issueCa({ nowMs: Date.UTC(2020, 0, 1), random: realRandom, cn: 'x', lifeMs });
    for (const [name, text] of [
      ['ended', cert],
      ['broken', 'no certificate'],
    ] as const)
      await call('/api/v1/namespaces/default/secrets', {
        metadata: { name },
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': Buffer.from(text).toString('base64'), 'tls.key': '' },
      });
    page.go('#/tls-secrets');
    await sees(/ended\s*default\s*2020-01-11\s*ended/);
    await sees(/broken\s*default\s*cannot be read/);
    page.go('#/pods');
  });

  it('follows what happens', async () => {
    await call(pods, { metadata: { name: 'late' }, spec: { containers } });
    await sees('late');
    await call(`${pods}/late`, { gracePeriodSeconds: 0 }, 'DELETE');
    await vi.waitFor(() => expect(page.text).not.toContain('late'), { timeout: 20_000 });
  });

  it('has a thousand lines and draws those that are seen', { timeout: 120_000 }, async () => {
    const metadata = Array.from({ length: 1_200 }, (_, i) => ({ name: `cm-${i}` }));
    for (let i = 0; i < metadata.length; i += 50)
      await Promise.all(
        metadata
          .slice(i, i + 50)
          .map((one) => call('/api/v1/namespaces/default/configmaps', { metadata: one })),
      );
    page.go('#/configmaps');
    await sees(/Filter 12\d\d/);
    expect(page.all('tbody tr').length).toBeLessThan(60);
    expect(page.asked.filter((one) => /configmaps\?limit=500/.test(one))).toHaveLength(3);
  });

  test.each([
    'events',
    'deployments',
    'statefulsets',
    'daemonsets',
    'jobs',
    'cronjobs',
    'services',
    'ingresses',
    'persistentvolumeclaims',
    'persistentvolumes',
    'storageclasses',
    'certificatesigningrequests',
    'secrets',
  ])('lists %s', async (view) => {
    const watched = (one: string): boolean => one.includes(`/${view}?watch=1`);
    page.go(`#/${view}`);
    await vi.waitFor(() => expect(page.asked.some(watched)).toBe(true), { timeout: 20_000 });
    await sees(/Nothing here|Filter \d+/);
    await vi.waitFor(() => expect(page.text).not.toMatch(/Loading|Not up to date|forbidden/));
  });
});

describe('an object', () => {
  const spec = async (): Promise<{ replicas: number; template: object }> =>
    (await call<{ spec: { replicas: number; template: object } }>(web)).spec;

  it('is scaled and restarted', async () => {
    page.go('#/deployments');
    await openObject('web');
    await vi.waitFor(() => page.fill('input[type=number]', '3'));
    await press('Scale');
    await sees('Scale to 3: done');
    expect((await spec()).replicas).toBe(3);
    await press('Restart');
    await sees('Restart: done');
    expect(JSON.stringify(await spec())).toContain('kubectl.kubernetes.io/restartedAt');
  });

  it('is edited as YAML: checked by the server first, then applied', async () => {
    await vi.waitFor(() => expect(yaml()).toContain('restartedAt'), { timeout: 20_000 });
    await page.fill('#yaml', yaml().replace('replicas: 3', 'replicas: 5'));
    await press('Check');
    await sees(/What the server would make of it.*-\s+replicas: 3.*\+\s+replicas: 5/);
    expect((await spec()).replicas).toBe(3);
    await press('Apply');
    await sees('Applied.');
    expect((await spec()).replicas).toBe(5);
  });

  it('is not taken for another, nor changed behind the back of somebody', async () => {
    const text = yaml();
    await page.fill('#yaml', 'kind: nonsense');
    await press('Check');
    await sees('this is no object');
    await call(web, { spec: { replicas: 1 } }, 'PATCH');
    await page.fill('#yaml', text.replace('replicas: 5', 'replicas: 7'));
    await press('Check');
    await sees('the object has been modified');
  });

  it('a node is cordoned and drained, and a disruption budget is told', async () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u' };
    const owned = { ownerReferences: [{ ...owner, controller: true }], labels: { x: 'y' } };
    await call(pods, { metadata: { name: 'lone' }, spec: { nodeName: 'n1', containers } });
    await call(pods, { metadata: { name: 'two', ...owned }, spec: { nodeName: 'n1', containers } });
    const conditions = [{ type: 'Ready', status: 'True' }];
    await call(`${pods}/two/status`, { status: { phase: 'Running', conditions } }, 'PATCH');
    await call('/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
      metadata: { name: 'budget' },
      spec: { minAvailable: 1, selector: { matchLabels: { x: 'y' } } },
    });
    page.go('#/nodes');
    await openObject('n1');
    await press('Drain …');
    await press('Drain');
    await sees(/refused: default\/two: Cannot evict pod.*nothing makes it again: default\/lone/);
    const { spec: node } = await call<{ spec: object }>('/api/v1/nodes/n1');
    expect(node).toMatchObject({ unschedulable: true });
    await press('Uncordon');
    await sees('Uncordon: done');
  });

  it('has a log that ended where no container began', async () => {
    page.go('#/pods');
    await openObject('odd');
    await sees(/Container c.*of its last life\s*ended/);
    expect(page.asked.at(-1)).toContain('/pods/odd/log?container=c&follow=true&tailLines=');
  });
});

describe('who may see little', () => {
  it('is offered little, and told why of the rest', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    await call('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'small' } });
    const { status } = await call<{ status: { token: string } }>(
      '/api/v1/namespaces/default/serviceaccounts/small/token',
      { spec: {} },
    );
    await call(`${rbac}/roles`, {
      metadata: { name: 'small' },
      rules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] }],
    });
    await call(`${rbac}/rolebindings`, {
      metadata: { name: 'small' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'small' },
      subjects: [{ kind: 'ServiceAccount', name: 'small', namespace: 'default' }],
    });
    await press('Log out');
    await sees('Log in to skiff');
    await page.fill('#token', status.token);
    await press('Log in');
    await sees(/forbidden.*choose it above/);
    expect(page.all('nav[aria-label=Views] a').map((one) => one.textContent)).toEqual(['Pods']);
    await page.fill('header input', 'default');
    await sees(/Filter \d/);
    await openObject('odd');
    await sees('YAML');
    expect(page.all('button').map((one) => one.textContent)).not.toContain('Delete …');
  });

  it('no script of the page failed', () => {
    expect(page.errors).toEqual([]);
  });
});
