import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { packaged, putHelm, serveFolder, writeRepository } from './charts.ts';
import { busybox } from './images.ts';
import { root, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
const { node } = cluster;
let failed = false;
const servers: { kill(): unknown }[] = [];

const templates = {
  'map.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n' +
    'data: {{ range $k, $v := .Values.data }}\n  {{ $k | quote }}: {{ $v | quote }}{{ end }}\n',
};
const values = 'data: {from: chart, size: "1"}\n';
const plain = (version: string): Buffer => packaged('plain', version, { values, templates });
/** One whose installation takes a while: a hook runs first. */
const slow = packaged('slow', '1.0.0', {
  values: 'data: {from: slow}\n',
  templates: {
    ...templates,
    'hook.yaml': `
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: docker.io/library/busybox:test, command: [sleep, "8"]}
`,
  },
});

const manifests = join(node.disk, 'var/lib/skiff/server/manifests');
const url = `http://${node.hostIp}:8880`;
const closed = `http://${node.hostIp}:8881`;

beforeAll(async () => {
  putHelm(node.disk);
  for (const [dir, at] of [
    ['open', url],
    ['closed', closed],
  ] as const)
    writeRepository(join(node.disk, dir), at, [
      { name: 'plain', version: '1.0.0', archive: plain('1.0.0') },
      { name: 'plain', version: '2.0.0', archive: plain('2.0.0') },
      { name: 'slow', version: '1.0.0', archive: slow },
    ]);
  const charts = join(node.disk, 'var/lib/skiff/server/static/charts');
  mkdirSync(charts, { recursive: true });
  mkdirSync(manifests, { recursive: true });
  writeFileSync(join(charts, 'plain.tgz'), plain('3.0.0'));
  writeFileSync(
    join(manifests, 'shipped.yaml'),
    `
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: shipped, namespace: kube-system}
spec:
  chart: https://%{KUBERNETES_API}%/static/charts/plain.tgz
  targetNamespace: shop
  createNamespace: true
  valuesContent: |
    data: {from: manifest}
`,
  );
  await cluster.up({ images: [busybox()] });
  servers.push(
    serveFolder(join(node.disk, 'open'), `${node.hostIp}:8880`),
    serveFolder(join(node.disk, 'closed'), `${node.hostIp}:8881`, 'ann:secret--$(id)'),
  );
});
afterAll(() => {
  for (const server of servers) server.kill();
  cluster.down(failed);
});

const get = (what: string, path: string): string => cluster.field(what, path);
const seen = (): string =>
  cluster.kubectl(['get', 'helmcharts', '-A', '-o', 'yaml']).stdout.slice(-3000) +
  cluster.log().split('\n').slice(-10).join('\n');
const deployed = (chart: string, namespace = 'default'): Promise<unknown> =>
  until(
    `${chart} is deployed`,
    () =>
      get(
        `helmchart ${chart} -n ${namespace}`,
        '.status.conditions[?(@.type=="Deployed")].status',
      ) === 'True',
    { timeoutMs: 90_000, seen },
  );
const chart = (name: string, spec: string): string =>
  `apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const releaseOf = (name: string): string =>
  get(`secrets -l owner=helm,name=${name},status=deployed`, '.items[0].metadata.labels.version');

it('a chart in server/manifests, from the files that the server has, is installed', async () => {
  onTestFailed(() => void (failed = true));
  await deployed('shipped', 'kube-system');
  expect(get('cm shipped -n shop', '.data.from')).toBe('manifest');
  const events = cluster.k('-n', 'kube-system', 'events', '--for', 'helmchart/shipped');
  expect(events).toMatch(/Deployed/);
});

it('a chart of a repository is installed, changed by what it refers to, and removed', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`apiVersion: v1
kind: Secret
metadata: {name: extra}
stringData: {a.yaml: "data: {secret: one, size: '3'}"}
---
${chart('shop', `{repo: "${url}", chart: plain, version: 1.0.0, valuesContent: "data: {size: '2', id: '\`id\`'}", valuesSecrets: [{name: extra, keys: [a.yaml]}], set: {data.told: "--help, $(id)", data.number: 7}}`)}`);
  await deployed('shop');
  expect(JSON.parse(get('cm shop', '.data'))).toEqual({
    from: 'chart',
    size: '3',
    id: '`id`',
    secret: 'one',
    told: '--help, $(id)',
    number: '7',
  });
  cluster.k('patch', 'secret', 'extra', '-p', `{"stringData":{"a.yaml":"data: {secret: two}"}}`);
  await until('the Secret came through', () => get('cm shop', '.data.secret') === 'two', { seen });
  cluster.apply(
    'apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: shop}\n' +
      'spec: {valuesContent: "data: {secret: three}"}\n',
  );
  await until('so did the config', () => get('cm shop', '.data.secret') === 'three', { seen });
  cluster.k('patch', 'helmchart', 'shop', '--type=merge', '-p', '{"spec":{"version":"2.0.0"}}');
  await until('another version', () => releaseOf('shop') === '4', { seen });
  cluster.k('delete', 'helmchart', 'shop');
  expect(cluster.kubectl(['get', 'cm', 'shop']).stderr).toContain('NotFound');
  expect(get('secrets -l owner=helm,name=shop', '.items')).toBe('[]');
});

it('says what is wrong, and goes on when it is right', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(chart('wrong', '{chart: /etc}'));
  const message = (): string =>
    get('helmchart wrong', '.status.conditions[?(@.type=="Failed")].message');
  await until('the path is refused', () => message().includes('"/etc" is not a name'), { seen });
  cluster.k(
    'patch',
    'helmchart',
    'wrong',
    '--type=merge',
    '-p',
    `{"spec":{"chart":"plain","repo":"${closed}"}}`,
  );
  await until('the repository refuses', () => message().includes('401'), { seen });
  cluster.apply(
    'apiVersion: v1\nkind: Secret\nmetadata: {name: door}\ntype: kubernetes.io/basic-auth\n' +
      'stringData: {username: ann, password: "secret--$(id)"}\n',
  );
  cluster.k(
    'patch',
    'helmchart',
    'wrong',
    '--type=merge',
    '-p',
    '{"spec":{"authSecret":{"name":"door"}}}',
  );
  await until(
    'the password is tried',
    () => get('helmchart wrong', '.status.conditions[0].reason') === 'Deployed',
    { timeoutMs: 90_000, seen },
  );
  cluster.k('delete', 'helmchart', 'wrong');
});

it('goes on after a kill -9 in the middle of an installation', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(chart('slow', `{repo: "${url}", chart: slow}`));
  await until(
    'Helm waits for its hook',
    () =>
      get('secrets -l owner=helm,name=slow', '.items[*].metadata.labels.status') ===
      'pending-install',
    { seen },
  );
  cluster.killServer('KILL');
  await until(
    'Helm ended with the server',
    () => node.look(['pgrep', '-f', 'bin/helm']).code !== 0,
  );
  cluster.startServer();
  await cluster.ready();
  await deployed('slow');
  expect(get('cm slow', '.data.from')).toBe('slow');
  expect(cluster.k('events', '--for', 'helmchart/slow')).toMatch(/Healed/);
  expect(get('secrets -l owner=helm,name=slow', '.items[*].metadata.labels.status')).toBe(
    'superseded deployed',
  );
  expect(get('crd helmcharts.helm.cattle.io', '.metadata.generation')).toBe('1');
  expect(get('secrets -n shop -l owner=helm', '.items[*].metadata.labels.version')).toBe('1');
});

it('helm of the command line sees the same releases', () => {
  onTestFailed(() => void (failed = true));
  const listed = node.exec([
    process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'),
    'helm',
    'list',
    '-A',
    '--short',
  ]);
  expect(listed.stderr).toBe('');
  expect(listed.stdout.split('\n')).toEqual(expect.arrayContaining(['shipped', 'slow']));
});
