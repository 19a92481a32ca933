import { join } from 'node:path';
import { afterEach, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { ok, TestCluster, until } from './node.ts';

let cluster: TestCluster;
let failed = false;
afterEach(() => cluster.down(failed));
const up = async (ext4: boolean): Promise<void> => {
  cluster = new TestCluster('worn', { megabytes: 256, ext4 });
  await cluster.up({ images: [busybox()] });
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/a', '--timeout=60s');
};

const state = (): string =>
  cluster.k(
    'get',
    'pod',
    'a',
    '-o',
    'jsonpath={.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].ready}',
  );
const condition = (type: string): string =>
  cluster.k(
    'get',
    'node',
    '-o',
    `jsonpath={.items[0].status.conditions[?(@.type=="${type}")].status}`,
  );
const create = (name: string) =>
  cluster.kubectl(['create', 'configmap', name, '--from-literal=a=b'], { timeoutMs: 15_000 });

it('a broken disk: reads, pods and plain words go on, all is there after a reboot', async () => {
  onTestFailed(() => void (failed = true));
  await up(true);
  expect(create('before').code).toBe(0);
  cluster.node.breakDisk();
  await until('changes are refused in plain words', () =>
    create('refused').stderr.includes(
      "nothing can be changed: the file system of the server's datastore is read-only",
    ),
  );
  expect(cluster.log()).toMatch(
    /the disk of the datastore is read-only: no change is taken folder=\/var\/lib\/skiff\/server\/db/,
  );
  expect(cluster.kubectl(['get', '--raw', '/readyz']).stdout).toBe('ok');
  expect(cluster.k('get', 'configmaps', '-o', 'name')).toContain('configmap/before\n');
  expect(cluster.node.exec(['pgrep', '-f', '^sleep 100000']).code).toBe(0);
  for (const type of ['DatastoreReadOnly', 'ReadonlyFilesystem'])
    await until(`the node says ${type}`, () => condition(type) === 'True', { timeoutMs: 90_000 });
  cluster.node.powerCut();
  cluster.node.mountDisk();
  await cluster.node.boot();
  cluster.startServer();
  await cluster.ready();
  const names = cluster.k('get', 'configmaps', '-o', 'name');
  expect(names).toContain('configmap/before\n');
  expect(names).not.toContain('refused');
  // Not by its restarts: what containerd had not synced went with the disk.
  await until(
    'the pod runs again',
    () => cluster.kubectl(['exec', 'a', '--', 'echo', 'back']).stdout === 'back\n',
    { timeoutMs: 90_000, seen: () => `${state()}\n${cluster.log().slice(-3000)}` },
  );
  expect(create('after').code).toBe(0);
}, 300_000);

it(
  'a machine whose disk has become read-only answers what it knows, refuses changes in plain ' +
    'words, and is itself again when the disk is',
  async () => {
    onTestFailed(() => void (failed = true));
    await up(false);
    // It boots with its old address again, for which no certificate on the disk is good.
    const { ip, hostIp } = cluster.node;
    const other = ip.replace(/\.1$/, '.77');
    cluster.node.exec([
      'sh',
      '-c',
      `ip addr flush dev eth0; ip addr add ${other}/24 dev eth0; ` +
        `ip route add default via ${hostIp}`,
    ]);
    await until('the certificate is for the other address', () =>
      cluster.log().includes(`the new address is in force from=${ip} to=${other}`),
    );
    cluster.node.powerCut();
    ok(['mount', '-o', 'remount,ro', join(cluster.node.disk, 'var')]);
    await cluster.node.boot();
    cluster.startServer();
    await cluster.answers();
    expect(cluster.log()).toContain('a certificate is kept in memory only');
    expect(cluster.k('get', 'pods', '-o', 'name')).toBe('pod/a\n');
    expect(create('refused').stderr).toContain(
      "nothing can be changed: the file system of the server's datastore is read-only",
    );
    expect(cluster.log()).toMatch(
      /the disk of the datastore is read-only: no change is taken folder=\/var\/lib\/skiff\/server\/db/,
    );
    ok(['mount', '-o', 'remount,rw', join(cluster.node.disk, 'var')]);
    cluster.node.exec([
      'bash',
      '-c',
      'for d in /var/lib/skiff /var/log/pods /var/log/containers /var/lib/cni /var/lib/kubelet ' +
        '/var/lib/containerd; do mount -o remount,bind,rw $d; done',
    ]);
    await until('changes are taken', () => create('taken').code === 0, { timeoutMs: 20_000 });
    await until('the pod runs again', () => state() === '1/true', { timeoutMs: 60_000 });
  },
);
