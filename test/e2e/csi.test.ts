import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { writerOf } from './claims.ts';
import { busybox } from './images.ts';
import { PlayedSidecars, startSidecars } from '../csi/sidecars.ts';
import { root, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => {
  for (const one of sidecars) one.kill('SIGKILL');
  cluster.down(failed);
});
/** Those of Kubernetes' own storage projects, where somebody has them; else they are played. */
const folder = process.env['SKIFF_TEST_CSI_SIDECARS'];
let sidecars: ReturnType<typeof startSidecars> = [];
let played: PlayedSidecars | undefined;

const driver = 'folders.csi.test';
const kubelet = '/var/lib/kubelet';
const onDisk = (path: string): string => join(cluster.node.disk, path);
const get = (what: string, path: string): string => cluster.field(what, path);
const state = (file: string): string => onDisk(`var/lib/skiff/csi-state/${file}`);
const calls = (): string[] =>
  readFileSync(state('calls.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]!);
const mounted = (): string =>
  cluster.node.look(['grep', '-E', 'kubernetes.io~csi|kubernetes.io/csi', '/proc/self/mounts'])
    .stdout;
/** The real ones end with the driver that they speak to: in a pod they would be started again. */
function withSidecars(): void {
  const socket = onDisk(`${kubelet}/plugins/${driver}/csi.sock`);
  if (folder === undefined) played = new PlayedSidecars(cluster, driver, socket);
  else {
    for (const one of sidecars) one.kill('SIGKILL');
    const { kubeconfig, node } = cluster;
    sidecars = startSidecars(folder, { kubeconfig, socket, logs: node.disk });
  }
}
/** Waits while the sidecars work. */
const reached = async (what: string, is: () => boolean): Promise<void> => {
  await until(
    what,
    async () => {
      await played?.pass();
      return is();
    },
    { timeoutMs: 90_000, seen: logs },
  );
};
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
  cluster.apply(writerOf('one', 'echo kept > /data/file; echo sub > /sub/file'));
  cluster.k('wait', '--for=condition=Ready', 'pod/one', '--timeout=60s');
  const file = state(`volumes/${handle}/file`);
  await until('the pod wrote', () => readFileSync(file, 'utf8') === 'kept\n');
  expect(
    cluster.node.exec(['stat', '-c', '%g', `/var/lib/skiff/csi-state/volumes/${handle}`]).stdout,
  ).toBe('4711\n');
  cluster.k('delete', 'pod', 'one');
  await until('nothing is mounted', () => mounted() === '', { seen: logs });
  cluster.apply(writerOf('two', 'cat /data/file > /data/again'));
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

const attachedDriver = `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ${driver}}
spec: {attachRequired: true, podInfoOnMount: true, fsGroupPolicy: File, volumeLifecycleModes: [Persistent, Ephemeral], tokenRequests: [{audience: shelf}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: shelves}
provisioner: ${driver}
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
`;
const claimOf = (name: string, volumeMode: string): string => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: shelves
  volumeMode: ${volumeMode}
  resources: {requests: {storage: 64Mi}}
`;
const user = (claim: string, command: string, access: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${claim}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "${command}; sleep 3600"]
    ${access}
  volumes: [{name: data, persistentVolumeClaim: {claimName: ${claim}}}]
`;
const attachments = (): string => get('volumeattachments', '.items[*].spec.nodeName');

// Growth alone takes half a minute to be noticed.
it('a volume is made, attached, grown and taken away', async () => {
  onTestFailed(() => void (failed = true));
  withSidecars();
  cluster.k('delete', 'pvc/data', 'pv/shelf', `csidriver/${driver}`);
  cluster.apply(attachedDriver);
  cluster.apply(claimOf('grown', 'Filesystem'));
  cluster.apply(
    user('grown', 'echo made > /data/file', 'volumeMounts: [{name: data, mountPath: /data}]'),
  );
  const running = (): boolean => get('pod grown', '.status.phase') === 'Running';
  await reached('the pod runs', running);
  expect(attachments()).toBe('node1');
  expect(get('node node1', '.status.volumesInUse[0]')).toBe(
    get('node node1', '.status.volumesAttached[0].name'),
  );
  const size = JSON.stringify({ spec: { resources: { requests: { storage: '96Mi' } } } });
  cluster.k('patch', 'pvc', 'grown', '-p', size);
  await reached(
    'the claim has grown',
    () => get('pvc grown', '.status.capacity.storage') === '96Mi',
  );
  expect(calls()).toContain('NodeExpandVolume');
  await until('its size is told', () =>
    cluster
      .k('get', '--raw', '/api/v1/nodes/node1/proxy/metrics')
      .includes(
        'kubelet_volume_stats_capacity_bytes{namespace="default",persistentvolumeclaim="grown"} ' +
          String(96 * 1024 * 1024),
      ),
  );
  cluster.killServer('KILL');
  cluster.startServer();
  await cluster.ready();
  expect(attachments()).toBe('node1');
  expect(get('node node1', '.status.volumesInUse[0]')).not.toBe('');
  cluster.k('delete', 'pod', 'grown');
  await reached('it is detached', () => attachments() === '');
  expect(get('node node1', '.status.volumesInUse')).toBe('');
  cluster.k('delete', 'pvc', 'grown', '--wait=false');
  await reached('nothing is left', () => get('pv', '.items[*].metadata.name') === '');
  expect(readdirSync(state('volumes')).filter((name) => name !== 'shelf-1')).toEqual([
    'shelf-1.json',
  ]);
}, 300_000);

it('a device is given as it is', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(claimOf('raw', 'Block'));
  cluster.apply(
    user(
      'raw',
      'echo written | dd of=/dev/data bs=512 conv=sync && sync',
      'volumeDevices: [{name: data, devicePath: /dev/data}]',
    ),
  );
  await reached('the pod runs', () => get('pod raw', '.status.phase') === 'Running');
  const handle = get('pv', '.items[0].spec.csi.volumeHandle');
  await until('it was written', () => {
    cluster.node.exec(['sync']);
    return (
      readFileSync(state(`volumes/${handle}`))
        .subarray(0, 7)
        .toString() === 'written'
    );
  });
  cluster.k('delete', 'pod/raw', 'pvc/raw');
  await reached('nothing is left', () => get('pv', '.items[*].metadata.name') === '');
  expect(
    cluster.node.exec(['losetup', '-j', `/var/lib/skiff/csi-state/volumes/${handle}`]).stdout,
  ).toBe('');
});

it('a volume in a pod lives as long as the pod, and its driver hears of it', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: inline}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "echo here > /data/file; sleep 3600"]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, csi: {driver: ${driver}, volumeAttributes: {colour: red}}}]
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/inline', '--timeout=60s');
  const context = JSON.parse(readFileSync(state('context.json'), 'utf8')) as Record<string, string>;
  const tokens = JSON.parse(context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '{}') as object;
  expect(context).toMatchObject({
    colour: 'red',
    'csi.storage.k8s.io/ephemeral': 'true',
    'csi.storage.k8s.io/pod.name': 'inline',
    'csi.storage.k8s.io/serviceAccount.name': 'default',
  });
  expect(tokens).toMatchObject({ shelf: { token: expect.stringMatching(/^ey/) as string } });
  cluster.k('delete', 'pod', 'inline');
  await until('nothing is mounted', () => mounted() === '', { seen: logs });
  expect(readdirSync(state('volumes')).some((name) => name.startsWith('csi-'))).toBe(false);
});

it('a driver that ends is taken out, and what it left waits for it', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(claimOf('late', 'Filesystem'));
  cluster.apply(user('late', 'true', 'volumeMounts: [{name: data, mountPath: /data}]'));
  await reached('the pod runs', () => get('pod late', '.status.phase') === 'Running');
  cluster.node.exec(['bash', '-c', 'kill $(cat /run/driver.pid)']);
  await until('it is out of CSINode', () => get('csinode node1', '.spec.drivers[*].name') === '', {
    seen: logs,
  });
  cluster.k('delete', 'pod', 'late', '--force');
  expect(mounted()).not.toBe('');
  startDriver();
  await until('it is back', () => get('csinode node1', '.spec.drivers[*].name') === driver);
  withSidecars();
  await reached('it is taken back', () => mounted() === '' && attachments() === '');
});
