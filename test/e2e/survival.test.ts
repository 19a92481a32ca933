import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { kubectlProgram, ok, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const sleeper = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]
`;
const containerId = (name: string): string =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
const restarts = (name: string): number =>
  Number(
    cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'),
  );

describe('a node', () => {
  it('keeps its containers and every acknowledged write when the server is killed', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(sleeper('a'));
    cluster.k('wait', '--for=condition=Ready', 'pod/a', '--timeout=60s');
    const before = containerId('a');
    for (let i = 0; i < 20; i++)
      cluster.k('create', 'configmap', `kept-${i}`, `--from-literal=n=${i}`);
    cluster.killServer('KILL');
    expect(cluster.node.exec(['pgrep', '-f', 'sleep 100000']).code).toBe(0);
    cluster.startServer();
    await cluster.ready();
    expect(
      cluster
        .k('get', 'configmaps', '-o', 'name')
        .split('\n')
        .filter((n) => n.includes('kept-')),
    ).toHaveLength(20);
    await until(
      'the same container is found again',
      () => containerId('a') === before && restarts('a') === 0,
    );
    cluster.apply(sleeper('b'));
    cluster.k('wait', '--for=condition=Ready', 'pod/b', '--timeout=60s');
  });

  it('finds its pods again when containerd is killed', async () => {
    onTestFailed(() => void (failed = true));
    const before = containerId('a');
    cluster.node.exec(['pkill', '-9', '-x', 'containerd']);
    cluster.apply(sleeper('c'));
    cluster.k('wait', '--for=condition=Ready', 'pod/c', '--timeout=60s');
    expect(containerId('a')).toBe(before);
    expect(cluster.k('exec', 'a', '--', 'echo', 'alive')).toBe('alive\n');
  });

  it('has its authorities again when server/tls is lost; who trusted them goes on', async () => {
    onTestFailed(() => void (failed = true));
    const folder = join(cluster.node.disk, 'var/lib/skiff/server/tls');
    const names = readdirSync(folder).filter((name) => /-ca\.|^service\.key$/.test(name));
    const authorities = (): string[] =>
      names.map((name) => readFileSync(join(folder, name), 'utf8'));
    const before = { authorities: authorities(), container: containerId('a') };
    const node = cluster.k('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.uid}');
    const token = cluster.k('create', 'token', 'default').trim();
    cluster.killServer('KILL');
    rmSync(folder, { recursive: true });
    const said = cluster.log().length;
    cluster.startServer();
    // With the kubeconfig of before: its authority and certificate are still those of the cluster.
    await until('the API server is ready', () => {
      const ready = cluster.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 5_000 });
      return ready.stdout === 'ok';
    });
    await cluster.ready();
    expect(authorities()).toEqual(before.authorities);
    expect(cluster.log().slice(said)).toMatch(/WARN.*restored from their copy in the datastore/);
    expect(cluster.k('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.uid}')).toBe(node);
    // Nothing but the token: a client certificate would speak for itself.
    const bare = [
      '--kubeconfig=/dev/null',
      `--server=https://${cluster.address}:6443`,
      `--certificate-authority=${join(folder, 'server-ca.crt')}`,
      `--token=${token}`,
    ];
    expect(ok([kubectlProgram(), 'auth', 'whoami', ...bare])).toContain(
      'system:serviceaccount:default:default',
    );
    await until('the same container is found', () => containerId('a') === before.container);
    expect(restarts('a')).toBe(0);
    await until(
      'exec works',
      () => cluster.kubectl(['exec', 'a', '--', 'echo', 'alive']).stdout === 'alive\n',
    );
  });

  it('brings the same pods back after a power cut', async () => {
    onTestFailed(() => void (failed = true));
    const uid = cluster.k('get', 'pod', 'a', '-o', 'jsonpath={.metadata.uid}');
    cluster.node.powerCut();
    await cluster.node.boot();
    cluster.startServer();
    await cluster.ready();
    // Until the node looks, the API tells of the life before: only a new start of the container
    // shows that the pod is back.
    const state =
      'jsonpath={.status.phase}/{.status.containerStatuses[0].ready}/{.status.' +
      'containerStatuses[0].restartCount}/{.metadata.uid}';
    await until(
      'the pod runs again',
      () => cluster.k('get', 'pod', 'a', '-o', state) === `Running/true/1/${uid}`,
      { timeoutMs: 90_000 },
    );
    expect(cluster.k('exec', 'a', '--', 'echo', 'back')).toBe('back\n');
  });
});
