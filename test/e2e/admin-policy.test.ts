import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  for (const name of ['shop', 'bank']) cluster.k('create', 'namespace', name);
  await until('accounts are there', () =>
    ['shop', 'bank'].every((n) => cluster.kubectl(['-n', n, 'get', 'sa', 'default']).code === 0),
  );
  for (const namespace of ['shop', 'bank']) cluster.apply(pod(namespace));
  for (const namespace of ['shop', 'bank'])
    cluster.k('-n', namespace, 'wait', '--for=condition=Ready', 'pod/p', '--timeout=60s');
  await until('the kinds are served', () => cluster.kubectl(['get', 'anp,banp']).code === 0, {
    timeoutMs: 30_000,
  });
});
afterAll(() => cluster.down(failed));

const pod = (namespace: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ${namespace}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www']
`;
const namespace = (name: string): object => ({
  namespaces: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const object = (apiVersion: string, kind: string, metadata: object, spec: object): string =>
  JSON.stringify({ apiVersion, kind, metadata, spec });
const api = 'policy.networking.k8s.io/v1alpha1';
const admin = (name: string, priority: number, action: string): string =>
  object(
    api,
    'AdminNetworkPolicy',
    { name },
    { priority, subject: namespace('bank'), ingress: [{ action, from: [namespace('shop')] }] },
  );
const own = (name: string, spec: object): string =>
  object(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { name, namespace: 'bank' },
    { podSelector: {}, ...spec },
  );

/** Whether the shop's pod gets the bank's page. */
function gets(): boolean {
  const ip = cluster.k('-n', 'bank', 'get', 'pod', 'p', '-o', 'jsonpath={.status.podIP}');
  const wget = ['timeout', '2', 'wget', '-q', '-O', '-', `http://${ip}:8080/`];
  return cluster.kubectl(['-n', 'shop', 'exec', 'p', '--', ...wget]).code === 0;
}
const settles = (what: string, wanted: boolean): Promise<unknown> =>
  until(what, () => gets() === wanted, { timeoutMs: 15_000 });

describe('admin network policies', () => {
  it('stand above those of namespaces, and the baseline below them', async () => {
    onTestFailed(() => void (failed = true));
    expect(gets()).toBe(true);
    cluster.apply(
      object(
        api,
        'BaselineAdminNetworkPolicy',
        { name: 'default' },
        { subject: namespace('bank'), ingress: [{ action: 'Deny', from: [{ namespaces: {} }] }] },
      ),
    );
    await settles('the baseline denies', false);
    cluster.apply(own('open', { ingress: [{}] }));
    await settles('the policy of the namespace allows', true);
    cluster.apply(admin('closed', 10, 'Deny'));
    await settles('the admin policy denies', false);
    cluster.apply(admin('passed-on', 5, 'Pass'));
    await settles('it is passed on to the policy of the namespace', true);
    cluster.k('-n', 'bank', 'delete', 'networkpolicy', 'open');
    await settles('nothing but the baseline is left', false);
    cluster.apply(admin('first', 1, 'Allow'));
    await settles('the first one decides', true);
  });

  it('count after a power cut before any pod is reached', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k('delete', 'anp', 'first', 'passed-on');
    cluster.k('delete', 'banp', 'default');
    await settles('the admin policy denies', false);
    // Written to disk a moment later.
    await new Promise((done) => setTimeout(done, 7_000));
    cluster.node.powerCut();
    await cluster.node.boot();
    cluster.startServer();
    await cluster.ready();
    await until(
      'the pods are back',
      () =>
        ['shop', 'bank'].every(
          (n) => cluster.kubectl(['-n', n, 'exec', 'p', '--', 'true']).code === 0,
        ),
      { timeoutMs: 60_000 },
    );
    expect(gets()).toBe(false);
    cluster.k('delete', 'anp', 'closed');
    await settles('everybody gets in', true);
  });

  it('are refused when they cannot be', () => {
    const refused = cluster.kubectl(['create', '-f', '-'], { input: admin('bad', 2000, 'Deny') });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/spec.priority.*less than or equal to 1000/);
  });
});
