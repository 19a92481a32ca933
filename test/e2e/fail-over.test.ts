import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** Three servers with an etcd each and no nodes, and a machine that has joined them. */
const servers = ['one', 'two', 'three'].map((name) => new TestCluster(name));
const [one, two, three] = servers as [TestCluster, TestCluster, TestCluster];
const edge = new AgentMachine('edge');
let failed = false;

const secret = (file: string): string =>
  readFileSync(join(one.node.disk, 'var/lib/skiff/server', file), 'utf8').trim();
const url = (): string => `https://${one.node.ip}:6443`;

beforeAll(async () => {
  const bare = ['--disable-agent'];
  await one.launch({ flags: [...bare, '--cluster-init'] });
  await one.answers();
  for (const other of [two, three]) {
    await other.launch({ flags: [...bare, '--server', url(), '--token', secret('token')] });
    await other.answers();
  }
  await edge.boot([busybox()]);
  edge.start(['--server', url(), '--token', secret('agent-token')]);
  await until('the node is Ready', () => condition('Ready') === 'True', {
    seen: () => edge.log().slice(-2000),
  });
  const known = (): boolean =>
    edge
      .log()
      .split('\n')
      .some(
        (line) =>
          line.includes('servers of the cluster are known') &&
          servers.every(({ node }) => line.includes(node.ip)),
      );
  await until('the node knows every server', known, { seen: () => edge.log().slice(-2000) });
  await until('accounts', () => two.kubectl(['get', 'sa', 'default']).code === 0);
  two.apply(pod('web'));
  two.k('wait', '--for=condition=Ready', 'pod/web', '--timeout=180s');
});
afterAll(() => {
  edge.down(failed);
  for (const one of servers) one.down(failed);
});

const condition = (type: string): string =>
  two.kubectl([
    'get',
    'node',
    'edge',
    '-o',
    `jsonpath={.status.conditions[?(@.type=="${type}")].status}`,
  ]).stdout;

const pod = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "echo hello from ${name}; exec sleep 1000000"]
`;

/** Whether each of many connections of a pod to the `kubernetes` Service stands. */
const reachesServers = (): boolean =>
  two.kubectl(
    [
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'for i in $(seq 20); do echo x | nc -w 1 10.43.0.1 443 >/dev/null || exit 1; done',
    ],
    { timeoutMs: 30_000 },
  ).code === 0;

const reach = (through: TestCluster): boolean =>
  through.kubectl(['exec', 'web', '--', 'hostname'], { timeoutMs: 10_000 }).stdout === 'web\n' &&
  through.kubectl(['logs', 'web'], { timeoutMs: 10_000 }).stdout === 'hello from web\n';

it('every server reaches the node', async ({ onTestFailed }) => {
  onTestFailed(() => void (failed = true));
  for (const through of servers) await until('logs and exec', () => reach(through));
});

it('a node that one server is out of reach of uses the others, and says so', async ({
  onTestFailed,
}) => {
  onTestFailed(() => void (failed = true));
  await until('pods reach the servers', reachesServers);
  const rules = `table inet cut {
    chain out {
      type filter hook output priority -50;
      ip daddr ${one.node.ip} drop
    }
    chain through {
      type filter hook forward priority -50;
      ip daddr ${one.node.ip} drop
    }
  }`;
  expect(edge.node.exec(['nft', '-f', '-'], { input: rules }).code).toBe(0);
  // The cluster knows nothing of it: the server stays an endpoint of the Service.
  await until('pods reach the servers that are left', reachesServers, { timeoutMs: 180_000 });
  expect(two.k('get', 'endpoints', 'kubernetes', '-o', 'yaml')).toContain(one.node.ip);
  two.apply(pod('meanwhile'));
  two.k('wait', '--for=condition=Ready', 'pod/meanwhile', '--timeout=180s');
  for (const through of [two, three]) await until('logs and exec', () => reach(through));
  await until('the node says so', () => condition('TunnelMissing') === 'True');
  expect(condition('Ready')).toBe('True');
  edge.node.exec(['nft', 'delete', 'table', 'inet', 'cut']);
  await until('the node takes it back', () => condition('TunnelMissing') === 'False');
  await until('logs and exec through it', () => reach(one));
});

it('a node whose server is killed goes on, whichever it is', async ({ onTestFailed }) => {
  onTestFailed(() => void (failed = true));
  for (const killed of [one, three]) {
    killed.node.exec(['bash', '-c', 'kill -9 $(cat /run/skiff-server.pid) $(pgrep -x etcd)']);
    await until('pods reach the servers that are left', reachesServers, { timeoutMs: 180_000 });
    const name = `without-${killed === one ? 'one' : 'three'}`;
    await until(
      'another server writes',
      () => two.kubectl(['apply', '-f', '-'], { input: pod(name), timeoutMs: 8_000 }).code === 0,
      { timeoutMs: 180_000 },
    );
    two.k('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=180s');
    for (const through of servers.filter((other) => other !== killed))
      await until('logs and exec', () => reach(through));
    killed.startServer();
    await killed.answers();
    await until('logs and exec through the one that is back', () => reach(killed));
  }
  const restarts = '{.items[*].status.containerStatuses[*].restartCount}';
  expect(two.k('get', 'pods', '-o', `jsonpath=${restarts}`)).toMatch(/^[0 ]+$/);
});
