import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { packaged, putHelm } from './charts.ts';
import { postgres } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
afterAll(() => cluster.down(failed));

/** A chart as people write them: a StatefulSet with a claim, a Service, a Secret, a hook. */
const chart = packaged('database', '0.1.0', {
  values: 'image: docker.io/library/postgres:test\nstorage: 256Mi\nmaxConnections: 20\n',
  templates: {
    'all.yaml': `
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {app.kubernetes.io/instance: {{ .Release.Name }}}
  ports: [{name: postgres, port: 5432}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-start}
data:
  start.sql: |
    create table if not exists visits (who text);
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}}
spec:
  serviceName: {{ .Release.Name }}
  selector: {matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}}
  template:
    metadata:
      labels: {app.kubernetes.io/instance: {{ .Release.Name }}}
      annotations: {checksum/start: {{ .Values.maxConnections | quote }}}
    spec:
      terminationGracePeriodSeconds: 20
      securityContext: {runAsUser: 65534, runAsGroup: 65534, fsGroup: 65534, fsGroupChangePolicy: OnRootMismatch}
      containers:
      - name: postgres
        image: {{ .Values.image }}
        args: []
        readinessProbe:
          exec: {command: [psql, -h, 127.0.0.1, -U, app, -d, postgres, -c, select 1]}
          periodSeconds: 2
          timeoutSeconds: 5
        ports: [{name: postgres, containerPort: 5432}]
        volumeMounts: [{name: data, mountPath: /data}, {name: start, mountPath: /start}]
      volumes: [{name: start, configMap: {name: {{ .Release.Name }}-start}}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: {{ .Values.storage }}}}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-tables
  annotations: {helm.sh/hook: "post-install,post-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      securityContext: {runAsUser: 65534}
      containers:
      - name: psql
        image: {{ .Values.image }}
        command: [sh, -c, "until psql -h {{ .Release.Name }} -U app -d postgres -f /start/start.sql; do sleep 1; done"]
        volumeMounts: [{name: start, mountPath: /start}]
      volumes: [{name: start, configMap: {name: {{ .Release.Name }}-start}}]
`,
  },
});

beforeAll(async () => {
  putHelm(cluster.node.disk);
  const charts = join(cluster.node.disk, 'var/lib/skiff/server/static/charts');
  const manifests = join(cluster.node.disk, 'var/lib/skiff/server/manifests');
  for (const dir of [charts, manifests]) mkdirSync(dir, { recursive: true });
  writeFileSync(join(charts, 'database.tgz'), chart);
  writeFileSync(
    join(manifests, 'database.yaml'),
    'apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: db, namespace: default}\n' +
      'spec: {chart: "https://%{KUBERNETES_API}%/static/charts/database.tgz"}\n',
  );
  await cluster.up({ images: [postgres()] });
}, 900_000);

const sql = (query: string): string =>
  cluster
    .kubectl([
      'exec',
      'db-0',
      '--',
      ...['psql', '-h', '127.0.0.1', '-U', 'app', '-d', 'postgres', '-Atc', query],
    ])
    .stdout.trim();
const seen = (): string =>
  cluster.kubectl(['get', 'helmcharts,pods,pvc,events', '-A']).stdout.slice(-5000) +
  cluster.kubectl(['logs', 'db-0', '--tail=20']).stdout;
const ready = (): Promise<unknown> =>
  until('the tables are there', () => sql('select count(*) from visits') !== '', {
    timeoutMs: 120_000,
    seen,
  });

it('PostgreSQL is installed by a chart in server/manifests', async () => {
  onTestFailed(() => void (failed = true));
  await ready();
  expect(sql("insert into visits values ('first') returning who")).toContain('first');
  expect(cluster.k('get', 'pvc', 'data-db-0', '-o', 'jsonpath={.status.phase}')).toBe('Bound');
});

it('its data are there after a power cut of the node', async () => {
  onTestFailed(() => void (failed = true));
  cluster.node.powerCut();
  await cluster.node.boot();
  cluster.startServer();
  await cluster.ready();
  await ready();
  expect(sql('select who from visits')).toBe('first');
});

it('an upgrade of the chart keeps them, and so does its removal', async () => {
  onTestFailed(() => void (failed = true));
  const first = cluster.k('get', 'pod', 'db-0', '-o', 'jsonpath={.metadata.uid}');
  const spec = { valuesContent: 'maxConnections: 30' };
  cluster.k('patch', 'helmchart', 'db', '--type=merge', '-p', JSON.stringify({ spec }));
  await until(
    'another pod runs',
    () =>
      ![first, ''].includes(
        cluster.kubectl(['get', 'pod', 'db-0', '-o', 'jsonpath={.metadata.uid}']).stdout,
      ),
    { timeoutMs: 120_000, seen },
  );
  await ready();
  expect(sql('select who from visits')).toBe('first');
  cluster.k('delete', 'helmchart', 'db');
  await until('the pods are gone', () => cluster.kubectl(['get', 'pod', 'db-0']).code !== 0);
  expect(cluster.k('get', 'pvc', 'data-db-0', '-o', 'jsonpath={.status.phase}')).toBe('Bound');
});
