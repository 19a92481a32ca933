import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster('server');
const [one, two] = [new AgentMachine('one'), new AgentMachine('two')];
let failed = false;
const token = (file = 'agent-token'): string =>
  readFileSync(join(cluster.node.disk, 'var/lib/skiff/server', file), 'utf8').trim();
const url = (): string => `https://${cluster.node.ip}:6443`;

beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  for (const machine of [one, two]) await machine.boot([busybox()]);
});
afterAll(() => {
  for (const machine of [one, two]) machine.down(failed);
  cluster.down(failed);
});

const readyNode = (name: string): Promise<unknown> =>
  until(
    `node ${name} is Ready`,
    () =>
      cluster.kubectl([
        'get',
        'node',
        name,
        '-o',
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
      ]).stdout === 'True',
    { seen: () => `\n${one.log().slice(-2000)}\n${two.log().slice(-2000)}` },
  );

const pod = (name: string, node: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
`;
const ipOf = (name: string): string =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');

/** What a pod gets from the web server there. */
const fetched = (from: string, where: string): string =>
  cluster.kubectl([
    'exec',
    from,
    '--',
    'sh',
    '-c',
    `printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 5 nc -w 3 ${where}`,
  ]).stdout;

describe('a machine that joins', () => {
  it("with the agents' token becomes a Ready node, and runs pods", async () => {
    onTestFailed(() => void (failed = true));
    one.start(['--server', url(), '--token', token()]);
    await readyNode('one');
    cluster.apply(pod('on-one', 'one') + '---' + pod('on-server', 'server'));
    cluster.k('wait', '--for=condition=Ready', 'pod/on-one', 'pod/on-server', '--timeout=60s');
    expect(cluster.k('exec', 'on-one', '--', 'hostname').trim()).toBe('on-one');
  });

  it('with a bootstrap token as well', async () => {
    onTestFailed(() => void (failed = true));
    const made = cluster.node.exec([
      process.env['SKIFF_TEST_BINARY'] ?? join(import.meta.dirname, '../../dist/skiff'),
      'token',
      'create',
      '--ttl',
      '1h',
    ]);
    expect(made.stderr + made.stdout).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
    two.start(['--server', url(), '--token', made.stdout.trim()]);
    await readyNode('two');
    cluster.apply(pod('on-two', 'two'));
    cluster.k('wait', '--for=condition=Ready', 'pod/on-two', '--timeout=60s');
  });

  it('has pods that reach those of every other node', () => {
    onTestFailed(() => void (failed = true));
    const names = ['on-server', 'on-one', 'on-two'];
    for (const from of names)
      for (const to of names) expect(fetched(from, `${ipOf(to)} 8080`)).toContain(`\n${to}\n`);
  });
});
