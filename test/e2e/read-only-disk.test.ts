import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { ok, TestCluster, until } from './node.ts';

const cluster = new TestCluster('worn', { megabytes: 256 });
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const state = (): string =>
  cluster.k(
    'get',
    'pod',
    'a',
    '-o',
    'jsonpath={.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].ready}',
  );
const create = (name: string) =>
  cluster.kubectl(['create', 'configmap', name, '--from-literal=a=b'], { timeoutMs: 15_000 });

it(
  'a machine whose disk has become read-only answers what it knows, refuses changes in plain ' +
    'words, and is itself again when the disk is',
  async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]}
`);
    cluster.k('wait', '--for=condition=Ready', 'pod/a', '--timeout=60s');
    cluster.node.powerCut();
    ok(['mount', '-o', 'remount,ro', join(cluster.node.disk, 'var')]);
    await cluster.node.boot();
    cluster.startServer();
    await cluster.answers();
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
