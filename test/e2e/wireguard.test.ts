import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { requireProgram } from '../packages.ts';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** A server, and a node behind something that lets nothing in that was not asked for. */
const cluster = new TestCluster('server');
const one = new AgentMachine('one');
let failed = false;
const flags = ['--flannel-backend=wireguard-native'];

beforeAll(async () => {
  requireProgram('wg');
  requireProgram('wireguard-go');
  await cluster.up({ images: [busybox()], flags });
  await one.boot([busybox()]);
  one.behindNat();
  await one.join(cluster);
});
afterAll(() => {
  one.down(failed);
  cluster.down(failed);
});

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
const fetched = (from: string, where: string): string =>
  cluster.kubectl([
    'exec',
    from,
    '--',
    'sh',
    '-c',
    `printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 5 nc -w 3 ${where}`,
  ]).stdout;
const ipOf = (name: string): string =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
const bothWays = (): boolean =>
  fetched('on-one', `${ipOf('on-server')} 8080`).includes('on-server') &&
  fetched('on-server', `${ipOf('on-one')} 8080`).includes('on-one');
const wg = (of: { exec(command: string[]): { stdout: string } }, what: string): string =>
  of.exec(['wg', 'show', 'flannel-wg', what]).stdout.trim();

it('carries packets between pods, by keys that the nodes made', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`${pod('on-one', 'one')}---${pod('on-server', 'server')}
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec: {selector: {app: on-one}, ports: [{port: 80, targetPort: 8080}]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/on-one', 'pod/on-server', '--timeout=60s');
  await until('packets go both ways', bothWays, { seen: () => wg(cluster.node, 'dump') });
  await until('the Service leads there', () => fetched('on-server', 'far 80').includes('on-one'));
  for (const [node, name] of [
    [cluster.node, 'server'],
    [one.node, 'one'],
  ] as const) {
    const shown = cluster.json<{ metadata: { annotations: Record<string, string> } }>('node', name)
      .metadata.annotations['flannel.alpha.coreos.com/backend-data'];
    expect(JSON.parse(shown ?? '')).toEqual({ PublicKey: wg(node, 'public-key') });
    const key = join(node.disk, 'var/lib/skiff/agent/wireguard.key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(cluster.json('node', name))).not.toContain(
      readFileSync(key, 'utf8').trim(),
    );
    expect(node.exec(['ip', 'link', 'show', 'flannel.1']).code).not.toBe(0);
  }
  // Nothing between the nodes can be read.
  expect(wg(cluster.node, 'persistent-keepalive')).toMatch(/\t25$/);
  expect(wg(cluster.node, 'latest-handshakes')).toMatch(/\t[1-9]\d+$/);
});

it('goes on while skiff is restarted, and is put back when its program is killed', async () => {
  onTestFailed(() => void (failed = true));
  const before = wg(one.node, 'public-key');
  const userspace = (): string => one.node.exec(['pgrep', '-x', 'wireguard-go']).stdout.trim();
  const carrier = userspace();
  one.kill('KILL');
  expect(fetched('on-server', `${ipOf('on-one')} 8080`)).toContain('on-one');
  one.start();
  await until(
    'the agent is back',
    () => cluster.kubectl(['exec', 'on-one', '--', 'id']).code === 0,
  );
  await until('packets go both ways', bothWays);
  expect([wg(one.node, 'public-key'), userspace()]).toEqual([before, carrier]);
  // Where the kernel carries the packets there is nothing to kill.
  if (carrier === '') return;
  one.node.exec(['kill', '-9', carrier]);
  await until('another one carries them', () => ![carrier, ''].includes(userspace()));
  await until('packets go both ways again', bothWays, { seen: () => wg(one.node, 'dump') });
});

it('takes the way to a node that is gone away', async () => {
  onTestFailed(() => void (failed = true));
  one.kill('TERM');
  cluster.k('delete', 'node', 'one');
  await until('no peer is left', () => wg(cluster.node, 'peers') === '');
  expect(cluster.node.exec(['ip', 'route', 'show', 'dev', 'flannel-wg']).stdout.trim()).toBe('');
});

it('leaves nothing when the cluster goes back to VXLAN', async () => {
  onTestFailed(() => void (failed = true));
  await cluster.stopServer();
  cluster.startServer([]);
  await cluster.ready();
  const left = (...command: string[]): boolean => cluster.node.exec(command).code === 0;
  await until('the device is gone', () => !left('ip', 'link', 'show', 'flannel-wg'));
  await until('and its program', () => !left('pgrep', '-x', 'wireguard-go'));
});
