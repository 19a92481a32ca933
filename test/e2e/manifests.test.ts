import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
const folder = join(cluster.node.disk, 'var/lib/skiff/server/manifests');
let failed = false;

const widgets = (size: string): string => `
apiVersion: v1
kind: Namespace
metadata: {name: harbour}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: string}}}}}}
---
# A comment of its own is no document.
---
apiVersion: example.org/v1
kind: Widget
metadata: {name: one, namespace: harbour}
spec: {size: ${size}}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: first, namespace: harbour}, data: {size: ${size}}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: harbour-reader}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
`;
const second =
  '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: second, namespace: harbour}\n';
const there = (...args: string[]): boolean => cluster.kubectl(['get', ...args]).code === 0;
const seen = (): string =>
  cluster
    .log()
    .split('\n')
    .filter((line) => line.includes('manifests'))
    .slice(-10)
    .join('\n');

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'harbour.yaml'), widgets('small') + second);
  writeFileSync(join(folder, 'skipped.yaml'), second.replace('second', 'skipped'));
  writeFileSync(join(folder, 'skipped.yaml.skip'), '');
  await cluster.up({ flags: ['--disable-helm-controller'] });
});
afterAll(() => cluster.down(failed));

describe('server/manifests', () => {
  it('is applied at the start, custom resources beside their definition included', async () => {
    onTestFailed(() => void (failed = true));
    await until(
      'the widget is there',
      () =>
        cluster.k('-n', 'harbour', 'get', 'widget', 'one', '-o', 'jsonpath={.spec.size}') ===
        'small',
      { seen },
    );
    expect(
      cluster.k('-n', 'harbour', 'get', 'configmap', 'first', '-o', 'jsonpath={.data.size}'),
    ).toBe('small');
    expect(there('clusterrole', 'harbour-reader')).toBe(true);
    expect(there('-n', 'harbour', 'configmap', 'second')).toBe(true);
    expect(there('-n', 'harbour', 'configmap', 'skipped')).toBe(false);
  });

  it('is applied again when a file changes, and what left the file is deleted', async () => {
    onTestFailed(() => void (failed = true));
    writeFileSync(join(folder, 'harbour.yaml'), widgets('large'));
    await until(
      'the change arrives',
      () =>
        cluster.k('-n', 'harbour', 'get', 'widget', 'one', '-o', 'jsonpath={.spec.size}') ===
        'large',
      { seen },
    );
    await until('the second is gone', () => !there('-n', 'harbour', 'configmap', 'second'), {
      seen,
    });
    expect(
      cluster.k('-n', 'harbour', 'get', 'configmap', 'first', '-o', 'jsonpath={.data.size}'),
    ).toBe('large');
  });

  it('names a file that cannot be applied, and takes it once it is right', async () => {
    onTestFailed(() => void (failed = true));
    writeFileSync(
      join(folder, 'wrong.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: third\n',
    );
    await until(
      'the log names the file',
      () => /could not apply.*wrong\.yaml/.test(cluster.log()),
      { seen },
    );
    writeFileSync(
      join(folder, 'wrong.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: third}\n',
    );
    await until('it is applied', () => there('configmap', 'third'), { seen });
  });

  it('is seen as AddOns, beside the components that are a part of the server', async () => {
    onTestFailed(() => void (failed = true));
    const addons = cluster.k('-n', 'kube-system', 'get', 'addons');
    for (const name of ['coredns', 'local-storage', 'metrics-server', 'servicelb'])
      expect(addons).toMatch(new RegExp(`^${name} +part of skiff`, 'm'));
    expect(addons).toMatch(
      /^harbour +\/var\/lib\/skiff\/server\/manifests\/harbour.yaml +[0-9a-f]{64} /m,
    );
    expect(addons).not.toMatch(/^(skipped|helm-controller)/m);
    const path = '{.metadata.annotations.addon\\.k3s\\.cattle\\.io/gvks}';
    expect(
      cluster.k('-n', 'kube-system', 'get', 'addon', 'harbour', '-o', `jsonpath=${path}`),
    ).toContain('/v1, Kind=ConfigMap;/v1, Kind=Namespace;apiextensions.k8s.io/v1, Kind=Custom');
    const told = (): string => cluster.k('-n', 'kube-system', 'events', '--for', 'addon/wrong');
    await until(
      'events tell of it',
      () => /ApplyManifestFailed/.test(told()) && /AppliedManifest/.test(told()),
      { seen: () => cluster.k('-n', 'kube-system', 'events') },
    );
  });

  it('takes what changed while the server was off', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.stopServer();
    writeFileSync(join(folder, 'harbour.yaml'), widgets('huge'));
    cluster.startServer();
    await cluster.ready();
    await until(
      'what changed meanwhile is applied',
      () =>
        cluster.k('-n', 'harbour', 'get', 'widget', 'one', '-o', 'jsonpath={.spec.size}') ===
        'huge',
      { seen },
    );
    expect(there('configmap', 'third')).toBe(true);
  });

  it('takes a file that is disabled away, with its objects and its AddOn', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.stopServer();
    cluster.startServer(['--disable', 'wrong,coredns']);
    await cluster.ready();
    await until('the file is gone', () => !existsSync(join(folder, 'wrong.yaml')), { seen });
    await until('so is its object', () => !there('configmap', 'third'), { seen });
    await until('and the AddOn', () => !there('-n', 'kube-system', 'addon', 'wrong'), { seen });
    await until('and the component', () => !there('-n', 'kube-system', 'addon', 'coredns'), {
      seen,
    });
    expect(there('-n', 'kube-system', 'addon', 'helm-controller')).toBe(true);
    expect(there('-n', 'kube-system', 'addon', 'harbour')).toBe(true);
  });
});
