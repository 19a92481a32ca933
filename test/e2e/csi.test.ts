import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { root, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const driver = 'folders.csi.test';
const kubelet = '/var/lib/kubelet';
const onDisk = (path: string): string => join(cluster.node.disk, path);
const get = (what: string, path: string): string =>
  cluster.kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`]).stdout;
const state = (file: string): string => onDisk(`var/lib/skiff/csi-state/${file}`);
const calls = (): string[] =>
  readFileSync(state('calls.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]!);
const mounted = (): string =>
  cluster.node.look(['grep', '-E', 'kubernetes.io~csi|kubernetes.io/csi', '/proc/self/mounts'])
    .stdout;
const logs = (): string =>
  [cluster.kubectl(['get', 'events,pods,pvc,pv', '-A']).stdout, cluster.log().slice(-3000)].join(
    '\n',
  );

/** Runs the driver on the node, as its pod would: beside everything, below the kubelet's folder. */
function startDriver(): void {
  cluster.node.start(
    [
      'bash',
      '-c',
      'echo $$ > /run/driver.pid; exec "$@"',
      'driver',
      process.execPath,
      join(root, 'test/csi/driver.ts'),
      ...['--endpoint', `${kubelet}/plugins/${driver}/csi.sock`],
      ...['--registry', `${kubelet}/plugins_registry`],
      ...['--state', '/var/lib/skiff/csi-state', '--node-id', 'node1'],
      ...['--topology', 'topology.csi.test/shelf=left', '--max-volumes', '8'],
    ],
    'driver.log',
  );
}

const volumes = `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ${driver}}
spec:
  attachRequired: false
  podInfoOnMount: true
  fsGroupPolicy: File
  volumeLifecycleModes: [Persistent, Ephemeral]
  tokenRequests: [{audience: shelf}]
`;
const writer = (name: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {fsGroup: 4711}
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "${command}; sleep 3600"]
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: data, mountPath: /sub, subPath: below}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`;
const ofHandle = (handle: string): string => `
apiVersion: v1
kind: PersistentVolume
metadata: {name: shelf}
spec:
  capacity: {storage: 64Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: ''
  claimRef: {namespace: default, name: data}
  csi: {driver: ${driver}, volumeHandle: ${handle}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ''
  volumeName: shelf
  resources: {requests: {storage: 64Mi}}
`;

it('a driver registers and its node is known', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(volumes);
  startDriver();
  await until('CSINode has it', () => get('csinode node1', '.spec.drivers[0].name') === driver, {
    seen: logs,
  });
  expect(get('csinode node1', '.spec.drivers[0]')).toBe(
    `{"allocatable":{"count":8},"name":"${driver}","nodeID":"node1",` +
      '"topologyKeys":["topology.csi.test/shelf"]}',
  );
  expect(get('node node1', '.metadata.labels.topology\\.csi\\.test/shelf')).toBe('left');
  await until(
    'it was told',
    () => existsSync(state('registered.json')) && readFileSync(state('registered.json'), 'utf8'),
  );
  expect(readFileSync(state('registered.json'), 'utf8')).toContain('"pluginRegistered":true');
});

it('a pod writes to a volume, and what it wrote outlives it', async () => {
  onTestFailed(() => void (failed = true));
  const handle = createVolume();
  cluster.apply(ofHandle(handle));
  cluster.apply(writer('one', 'echo kept > /data/file; echo sub > /sub/file'));
  cluster.k('wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
  const file = state(`volumes/${handle}/file`);
  await until('the pod wrote', () => readFileSync(file, 'utf8') === 'kept\n');
  expect(
    cluster.node.exec(['stat', '-c', '%g', `/var/lib/skiff/csi-state/volumes/${handle}`]).stdout,
  ).toBe('4711\n');
  cluster.k('delete', 'pod', 'one');
  await until('nothing is mounted', () => mounted() === '', { seen: logs });
  cluster.apply(writer('two', 'cat /data/file > /data/again'));
  cluster.k('wait', '--for=condition=Ready', 'pod/two', '--timeout=60s');
  await until(
    'the data is there',
    () => readFileSync(state(`volumes/${handle}/again`), 'utf8') === 'kept\n',
  );
});

it('a server that dies forgets no volume', async () => {
  onTestFailed(() => void (failed = true));
  const before = calls();
  cluster.killServer('KILL');
  cluster.startServer();
  await cluster.ready();
  await until('the driver is back', () => calls().filter((c) => c === 'GetInfo').length > 1);
  expect(cluster.k('exec', 'two', '--', 'cat', '/data/file')).toBe('kept\n');
  // It runs on: nothing was staged or published again.
  const now = calls().slice(before.length);
  expect(now.filter((call) => /Stage|Publish/i.test(call))).toEqual([]);
  cluster.k('delete', 'pod', 'two');
  await until('nothing is mounted', () => mounted() === '', { seen: logs });
  await until('it is unstaged', () => calls().at(-1) === 'NodeUnstageVolume');
  expect(readdirSync(onDisk(`${kubelet}/pods`))).toEqual([]);
  expect(readdirSync(onDisk(`${kubelet}/plugins/kubernetes.io/csi/${driver}`))).toEqual([]);
});

/** By the driver's own controller, as a provisioner would. */
function createVolume(): string {
  const id = 'shelf-1';
  const bytes = 64 * 1024 * 1024;
  const volume = JSON.stringify({ id, name: id, bytes, block: false, nodes: [] });
  const dir = '/var/lib/skiff/csi-state/volumes';
  cluster.node.exec(['bash', '-c', `mkdir ${dir}/${id}; cat > ${dir}/${id}.json`], {
    input: volume,
  });
  return id;
}
