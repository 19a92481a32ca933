import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { root, TestCluster, until } from './node.ts';

const cluster = new TestCluster('server');
const one = new AgentMachine('one');
let failed = false;
const wait = { timeoutMs: 180_000, seen: () => one.log().slice(-2000) };

beforeAll(async () => {
  await cluster.launch({ flags: ['--disable-agent'] });
  await cluster.answers();
  await one.boot([busybox()]);
  // The init of this machine: it says that it is stopping.
  const init = join(one.node.disk, 'bin/systemctl');
  mkdirSync(join(init, '..'));
  writeFileSync(init, '#!/bin/sh\necho stopping\nexit 1\n');
  chmodSync(init, 0o755);
  start();
  await until('the node is Ready', () => cluster.nodeIsReady('one'), wait);
  await until('accounts', () => cluster.kubectl(['get', 'sa', 'default']).code === 0, wait);
});
afterAll(() => {
  one.down(failed);
  cluster.down(failed);
});

function start(): void {
  const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
  const shell = `echo $$ > /run/skiff-agent.pid; PATH=${one.node.disk}/bin:$PATH exec "$@"`;
  one.node.start(
    [
      ...['bash', '-c', shell, 'agent', binary, 'agent'],
      ...['--server', cluster.url, '--token', cluster.token()],
      '--kubelet-arg=shutdown-grace-period=60s',
      '--kubelet-arg=shutdown-grace-period-critical-pods=30s',
    ],
    'agent.log',
  );
}

/** A pod that writes its name when it is told to end. */
const pod = (name: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: kube-system}
spec:
  nodeName: one
  ${more}
  terminationGracePeriodSeconds: 20
  volumes: [{name: v, hostPath: {path: ${one.node.disk}}}]
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "trap 'echo ${name} >> /v/ended; exit 0' TERM; while :; do sleep 0.1; done"]
    volumeMounts: [{name: v, mountPath: /v}]
---
`;
const names = ['critical', 'plain'];
const containers = (): string =>
  cluster.kubectl([
    ...['get', 'pods', '-n', 'kube-system', ...names, '-o'],
    'jsonpath={.items[*].status.containerStatuses[*].containerID}',
  ]).stdout;
const ended = (): string => {
  const file = join(one.node.disk, 'ended');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

it('a Node that is deleted while it lives is there again, and its pods go on', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(pod('critical', 'priorityClassName: system-node-critical') + pod('plain'));
  const pods = names.map((name) => `pod/${name}`);
  cluster.k('wait', '-n', 'kube-system', '--for=condition=Ready', ...pods, '--timeout=180s');
  const before = containers();
  const uid = (): string =>
    cluster.kubectl(['get', 'node', 'one', '-o', 'jsonpath={.metadata.uid}']).stdout;
  const was = uid();
  cluster.k('delete', 'node', 'one', '--wait=false');
  await until('another Node is there', () => uid() !== '' && uid() !== was, wait);
  await until('it is Ready', () => cluster.nodeIsReady('one'), wait);
  expect(containers()).toBe(before);
});

it('a restart of the agent leaves pods alone', async () => {
  onTestFailed(() => void (failed = true));
  const before = containers();
  one.kill('TERM');
  await until('the agent has ended', () => !one.running, wait);
  const said = one.log().length;
  start();
  await until('the agent is ready', () => one.log().slice(said).includes('agent ready'), wait);
  expect([containers(), ended()]).toEqual([before, '']);
});

it('pods end in good order when the machine shuts down, and the Node says so', async () => {
  onTestFailed(() => void (failed = true));
  one.node.exec(['mkdir', '-p', '/run/systemd/system']);
  one.kill('TERM');
  await until('the agent has ended', () => !one.running, wait);
  expect(ended()).toBe('plain\ncritical\n');
  const reasons = '{.items[*].status.phase} {.items[*].status.reason}';
  expect(cluster.k('get', 'pods', '-n', 'kube-system', ...names, '-o', `jsonpath=${reasons}`)).toBe(
    'Failed Failed Terminated Terminated',
  );
  expect(cluster.k('get', 'node', 'one', '-o', 'yaml')).toContain('node is shutting down');
  one.node.exec(['rmdir', '/run/systemd/system']);
  start();
  await until('it is a Ready node again', () => cluster.nodeIsReady('one'), wait);
});
