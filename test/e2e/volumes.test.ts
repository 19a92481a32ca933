import { mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox, redis } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox(), redis()] }));
afterAll(() => cluster.down(failed));

const onDisk = (path: string): string => join(cluster.node.disk, path);

const manual = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: manual}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  local: {path: /var/lib/skiff/disk}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {fsGroup: 4711}
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "cat /data/before > /data/after; echo sub > /sub/file; sleep 3600"]
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: data, mountPath: /sub, subPath: below}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`;
const get = (what: string, path: string): string =>
  cluster.kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`]).stdout;

it("a pod uses an administrator's disk; claim and volume stay while in use", async () => {
  onTestFailed(() => void (failed = true));
  mkdirSync(onDisk('var/lib/skiff/disk'), { recursive: true });
  writeFileSync(onDisk('var/lib/skiff/disk/before'), 'kept\n');
  cluster.apply(manual);
  cluster.k('wait', '--for=condition=Ready', 'pod/writer', '--timeout=60s');
  expect(get('pvc data', '.status.phase')).toBe('Bound');
  expect(get('pv disk', '.status.phase')).toBe('Bound');
  await until(
    'the pod wrote',
    () => readFileSync(onDisk('var/lib/skiff/disk/after'), 'utf8') === 'kept\n',
  );
  expect(readFileSync(onDisk('var/lib/skiff/disk/below/file'), 'utf8')).toBe('sub\n');
  expect(cluster.node.exec(['stat', '-c', '%g', '/var/lib/skiff/disk/before']).stdout).toBe(
    '4711\n',
  );

  cluster.k('delete', 'pvc', 'data', '--wait=false');
  cluster.k('delete', 'pv', 'disk', '--wait=false');
  expect(get('pvc data', '.status.phase')).toBe('Bound');
  expect(get('pv disk', '.status.phase')).toBe('Bound');
  cluster.k('delete', 'pod', 'writer');
  cluster.k('wait', '--for=delete', 'pvc/data', 'pv/disk', '--timeout=60s');
  expect(readFileSync(onDisk('var/lib/skiff/disk/after'), 'utf8')).toBe('kept\n');
});
