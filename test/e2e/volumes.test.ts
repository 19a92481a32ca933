import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { writerOf } from './claims.ts';
import { busybox, redis } from './images.ts';
import { ok, TestCluster, until } from './node.ts';

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
---${writerOf('writer', 'cat /data/before > /data/after; echo sub > /sub/file')}`;
const get = (what: string, path: string): string => cluster.field(what, path);

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

  const node = '/api/v1/nodes/node1/proxy';
  expect(cluster.k('get', '--raw', `${node}/metrics`)).toMatch(
    /^kubelet_volume_stats_capacity_bytes\{namespace="default",persistentvolumeclaim="data"\} \d/m,
  );
  expect(cluster.k('get', '--raw', `${node}/stats/summary`)).toMatch(
    /"pvcRef":\{"name":"data","namespace":"default"\}/,
  );

  cluster.k('delete', 'pvc', 'data', '--wait=false');
  cluster.k('delete', 'pv', 'disk', '--wait=false');
  expect(get('pvc data', '.status.phase')).toBe('Bound');
  expect(get('pv disk', '.status.phase')).toBe('Bound');
  cluster.k('delete', 'pod', 'writer');
  cluster.k('wait', '--for=delete', 'pvc/data', 'pv/disk', '--timeout=60s');
  expect(readFileSync(onDisk('var/lib/skiff/disk/after'), 'utf8')).toBe('kept\n');
});

const database = `
apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {clusterIP: None, selector: {app: redis}, ports: [{port: 6379}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec:
  serviceName: redis
  replicas: 2
  selector: {matchLabels: {app: redis}}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  template:
    metadata: {labels: {app: redis}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: redis
        image: docker.io/library/redis:test
        readinessProbe: {tcpSocket: {port: 6379}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
`;
const storage = 'var/lib/skiff/storage';
const redisCli = (pod: string, ...args: string[]): string =>
  cluster.kubectl(['exec', pod, '--', 'redis-cli', ...args]).stdout.trim();

it('a database of the default class keeps its data over a power cut', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(database);
  cluster.k('rollout', 'status', 'statefulset/redis', '--timeout=120s');
  expect(get('sc', '.items[?(@.metadata.name=="local-path")].provisioner')).toBe(
    'rancher.io/local-path',
  );
  for (const pod of ['redis-0', 'redis-1']) expect(redisCli(pod, 'set', 'who', pod)).toBe('OK');
  const volume = get('pvc data-redis-0', '.spec.volumeName');
  expect(readdirSync(onDisk(storage))).toContain(`${volume}_default_data-redis-0`);
  expect(get('events', '.items[?(@.reason=="SizeNotEnforced")].message')).toMatch(/64Mi/);

  cluster.node.powerCut();
  await cluster.node.boot();
  cluster.startServer();
  await cluster.ready();
  for (const pod of ['redis-0', 'redis-1'])
    await until(`${pod} has its data`, () => redisCli(pod, 'get', 'who') === pod, {
      timeoutMs: 120_000,
      seen: () => cluster.kubectl(['get', 'pods,pvc,pv', '-A']).stdout,
    });
});

it('a claim grows, and its data goes with it and with nothing else', async () => {
  onTestFailed(() => void (failed = true));
  const spec = JSON.stringify({ spec: { resources: { requests: { storage: '128Mi' } } } });
  cluster.k('patch', 'pvc', 'data-redis-1', '-p', spec);
  await until(
    'the claim has grown',
    () => get('pvc data-redis-1', '.status.capacity.storage') === '128Mi',
  );
  cluster.k('delete', 'statefulset', 'redis', '--wait=true');
  cluster.k('delete', 'pvc', '--all', '--wait=true', '--timeout=60s');
  await until('no volume is left', () => get('pv', '.items[*].metadata.name') === '', {
    seen: () => cluster.kubectl(['get', 'events,pv', '-A']).stdout,
  });
  expect(readdirSync(onDisk(storage))).toEqual([]);
  expect(existsSync(onDisk('var/lib/skiff/disk/after'))).toBe(true);
});

it('an ephemeral volume comes and goes with its pod', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: scratch}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "echo here > /data/file; sleep 3600"]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes:
  - name: data
    ephemeral:
      volumeClaimTemplate:
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/scratch', '--timeout=60s');
  const [folder = ''] = readdirSync(onDisk(storage));
  expect(readFileSync(onDisk(`${storage}/${folder}/file`), 'utf8')).toBe('here\n');
  cluster.k('delete', 'pod', 'scratch');
  await until('its claim and data are gone', () => readdirSync(onDisk(storage)).length === 0, {
    seen: () => cluster.kubectl(['get', 'events,pvc,pv', '-A']).stdout,
  });
});

const fiftyClaims = (size: string): string =>
  Array.from(
    { length: 50 },
    (_, i) => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: fifty-${i}, labels: {app: fifty}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: ${size}}}}
`,
  ).join('---');
const fivePods = Array.from({ length: 5 }, (_, pod) => {
  const own = Array.from({ length: 10 }, (_, i) => `fifty-${pod * 10 + i}`);
  return `
apiVersion: v1
kind: Pod
metadata: {name: fifty-${pod}, labels: {app: fifty}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "for d in /data/*; do head -c 65536 /dev/zero > $d/fill; done; touch /done; sleep 3600"]
    readinessProbe: {exec: {command: [test, -e, /done]}, periodSeconds: 1}
    volumeMounts: [${own.map((name) => `{name: ${name}, mountPath: /data/${name}}`).join(', ')}]
  volumes: [${own.map((name) => `{name: ${name}, persistentVolumeClaim: {claimName: ${name}}}`).join(', ')}]
`;
}).join('---');

it('fifty claims are made, filled, grown and deleted at once, and nothing is left', async () => {
  onTestFailed(() => void (failed = true));
  const mounts = (): string => cluster.node.look(['cat', '/proc/self/mounts']).stdout;
  const sizes = (): string => get('pvc -l app=fifty', '.items[*].status.capacity.storage');
  await until('earlier pods are gone', () => get('pods', '.items[*].metadata.name') === '');
  const before = mounts();
  cluster.apply(`${fiftyClaims('1Mi')}---${fivePods}`);
  cluster.k('wait', '--for=condition=Ready', 'pod', '-l', 'app=fifty', '--timeout=180s');
  const folders = readdirSync(onDisk(storage));
  expect(folders).toHaveLength(50);
  for (const folder of folders)
    expect(readFileSync(onDisk(`${storage}/${folder}/fill`))).toHaveLength(65536);
  cluster.apply(fiftyClaims('2Mi'));
  const grown = Array.from({ length: 50 }, () => '2Mi').join(' ');
  await until('all have grown', () => sizes() === grown, { seen: sizes });
  cluster.k('delete', 'pods,pvc', '-l', 'app=fifty', '--timeout=120s');
  await until('no volume is left', () => get('pv', '.items[*].metadata.name') === '', {
    seen: () => cluster.kubectl(['get', 'events,pv', '-A']).stdout.slice(-5000),
  });
  expect(readdirSync(onDisk(storage))).toEqual([]);
  await until('no mount is left', () => mounts() === before, { seen: mounts });
  expect(readdirSync(onDisk('var/lib/skiff/agent/pods'))).toEqual([]);
}, 600_000);

const ofDevice = (device: string, mode: string, options = ''): string => `
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${mode.toLowerCase()}}
spec:
  capacity: {storage: 64Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  persistentVolumeReclaimPolicy: Retain
  volumeMode: ${mode}
  local: {path: ${device}}
  ${options}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${mode.toLowerCase()}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  volumeMode: ${mode}
  resources: {requests: {storage: 64Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: ${mode.toLowerCase()}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "${
      mode === 'Block'
        ? 'echo written | dd of=/dev/data bs=512 conv=sync && sync; sleep 3600'
        : 'grep -q noatime /proc/mounts; echo $? > /data/file; sleep 3600'
    }"]
    ${
      mode === 'Block'
        ? 'volumeDevices: [{name: data, devicePath: /dev/data}]'
        : 'volumeMounts: [{name: data, mountPath: /data}]'
    }
  volumes: [{name: data, persistentVolumeClaim: {claimName: ${mode.toLowerCase()}}}]
`;

/** ext4 lets only those with CAP_SYS_RESOURCE grow it while it is mounted; not every root has it. */
function mayGrowMounted(): boolean {
  const [, mask = '0'] = /^CapEff:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const resource = 24n;
  return ((BigInt(`0x${mask}`) >> resource) & 1n) === 1n;
}

it('a device is written to as it is; as files it is given a file system and mounted', async () => {
  onTestFailed(() => void (failed = true));
  const devices = ['raw', 'files'].map((name) => {
    ok(['truncate', '-s', '64M', onDisk(name)]);
    return ok(['losetup', '-f', '--show', onDisk(name)]).trim();
  });
  try {
    cluster.apply(ofDevice(devices[0]!, 'Block'));
    cluster.apply(ofDevice(devices[1]!, 'Filesystem', 'mountOptions: [noatime]'));
    cluster.k('wait', '--for=condition=Ready', 'pod/block', 'pod/filesystem', '--timeout=60s');
    await until('the device was written', () => {
      ok(['blockdev', '--flushbufs', devices[0]!]);
      return readFileSync(onDisk('raw')).subarray(0, 7).toString() === 'written';
    });
    const mounted = (): string =>
      cluster.node.look(['grep', 'kubernetes.io~local-volume', '/proc/self/mounts']).stdout;
    expect(mounted()).toMatch(/ ext4 \S*noatime/);
    const file = (): string =>
      cluster.kubectl(['exec', 'filesystem', '--', 'cat', '/data/file']).stdout;
    await until('the options count', () => file() === '0\n');
    // A restart of the server finds what is mounted.
    cluster.killServer('KILL');
    cluster.startServer();
    await cluster.ready();
    expect(mounted().trim().split('\n')).toHaveLength(1);
    await until('the pod has it still', () => file() === '0\n');
    // The administrator makes the device larger, and says so: the file system follows.
    const room = (): number =>
      Number(cluster.kubectl(['exec', 'filesystem', '--', 'stat', '-fc', '%b', '/data']).stdout);
    const roomBefore = room();
    ok(['truncate', '-s', '96M', onDisk('files')]);
    ok(['losetup', '-c', devices[1]!]);
    const larger = JSON.stringify({ spec: { capacity: { storage: '96Mi' } } });
    cluster.k('patch', 'pv', 'filesystem', '--type=merge', '-p', larger);
    if (mayGrowMounted()) {
      await until(
        'the claim has grown',
        () => get('pvc filesystem', '.status.capacity.storage') === '96Mi',
        { timeoutMs: 90_000 },
      );
      expect(room()).toBeGreaterThan(roomBefore * 1.3);
    } else {
      await until(
        'it is tried',
        () => /resize2fs: Permission denied to resize/.test(cluster.log()),
        { timeoutMs: 90_000 },
      );
      expect(get('pvc filesystem', '.status.capacity.storage')).toBe('64Mi');
    }
    cluster.k('delete', 'pod', 'block', 'filesystem');
    await until('nothing is mounted', () => mounted() === '');
    expect(ok(['blkid', '-o', 'value', '-s', 'TYPE', devices[1]!])).toBe('ext4\n');
  } finally {
    cluster.kubectl(['delete', 'pod', 'block', 'filesystem', '--force', '--wait=true']);
    for (const device of devices) ok(['losetup', '-d', device]);
  }
}, 300_000);
