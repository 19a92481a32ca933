import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { requireProgram } from '../packages.ts';
import { Browser } from './chromium.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
let browser: Browser | undefined;

/** A user of the page: a service account with a role of its own. */
function account(name: string, binding: string): string {
  cluster.apply(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
${binding}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: default}]
`);
  return cluster.k('create', 'token', name).trim();
}

const shot = '<img src=x onerror=alert(1)>';

beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata:
  name: talks
  annotations: {note: '${shot}'}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "printf '\\\\033[31mred ${shot} \\\\342\\\\200\\\\256txt\\\\033[0m\\\\n'; while true; do echo tick; sleep 1; done"]
  - {name: other, image: "docker.io/library/busybox:test", command: [sh, -c, "echo the other one; sleep 3600"]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/talks', '--timeout=60s');
});
afterAll(async () => {
  await browser?.close();
  cluster.down(failed);
});

const page = (): string => `${cluster.url}/dashboard/`;

/** What the server answers to anybody. */
function get(path: string): Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    request(`${cluster.url}${path}`, { rejectUnauthorized: false }, (answer) => {
      answer.resume();
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers }),
      );
    })
      .once('error', reject)
      .end();
  });
}

describe('the dashboard', () => {
  it('is served to everybody, and nothing else is', async () => {
    onTestFailed(() => void (failed = true));
    const { status, headers } = await get('/dashboard/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("script-src 'self'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect((await get('/dashboard/app.js')).headers['content-type']).toMatch(/javascript/);
    expect((await get('/dashboard/../api/v1/secrets')).status).toBe(403);
    expect((await get('/dashboard/none.js')).status).toBe(404);
    expect((await get('/api/v1/nodes')).status).toBe(403);
  });
});

describe('in Chromium', () => {
  it('refuses a wrong token, and lets an administrator in', { timeout: 120_000 }, async () => {
    onTestFailed(() => void (failed = true));
    const token = account(
      'boss',
      `kind: ClusterRoleBinding
metadata: {name: boss}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}`,
    );
    browser = new Browser(requireProgram('chromium'));
    await browser.open(page());
    await browser.sees('Log in to skiff');
    expect(await browser.accessibility()).toEqual([]);
    await browser.fill('#token', 'wrong');
    await browser.click('Log in');
    await browser.sees('does not take this token');
    await browser.fill('#token', token);
    await browser.click('Log in');
    await browser.sees(/Nodes[\s\S]*Ready/);
    await browser.sees(/\d %/);
    await browser.picture('nodes');
  });

  it('lists pods, and follows what happens to them', async () => {
    onTestFailed(() => void (failed = true));
    await browser!.click('Pods');
    await browser!.sees(/talks\s[\s\S]*Running/);
    cluster.k('run', 'late', '--image=docker.io/library/busybox:test', '--', 'sleep', '3600');
    await browser!.sees(/late\s[\s\S]*Running/);
    cluster.k('delete', 'pod', 'late', '--grace-period=0', '--force');
    await until('it is gone', async () => !(await browser!.text()).includes('late'));
    await browser!.picture('pods');
  });

  it('is whole by keyboard, in light and dark, and on a phone', async () => {
    onTestFailed(() => void (failed = true));
    for (const [name, width, dark] of [
      ['light', 1200, false],
      ['dark', 1200, true],
      ['phone', 360, true],
    ] as const) {
      await browser!.look({ width, dark });
      expect(await browser!.accessibility(), name).toEqual([]);
      const wide = await browser!.value<number>('document.documentElement.scrollWidth');
      await browser!.picture(name);
      expect(wide).toBeLessThanOrEqual(width);
    }
    await browser!.look({ width: 1200, dark: false });
  });

  it('broke no rule of its policy, and ran nothing of anybody', () => {
    expect(browser?.complaints).toEqual([]);
  });
});

it('is off with --disable=dashboard', async () => {
  onTestFailed(() => void (failed = true));
  await cluster.stopServer();
  cluster.startServer(['--disable=dashboard']);
  await cluster.answers();
  expect((await get('/dashboard/')).status).toBe(403);
});
