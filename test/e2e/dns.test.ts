import { spawn, type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until, type TestNode } from './node.ts';

const cluster = new TestCluster('server');
const agent = new AgentMachine('agent');
const port = 5391;
let resolver: ChildProcess | undefined;
let failed = false;
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  await agent.boot();
  await agent.join(cluster);
});
afterAll(() => {
  resolver?.kill('SIGKILL');
  agent.down(failed);
  cluster.down(failed);
});

/** A resolver of somebody's, on the host: every name has one address, for one second. */
const resolverScript = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (asked, from) => {
  let end = 12;
  while (asked[end] !== 0) end += asked[end] + 1;
  const head = Buffer.from(asked.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  [1, 1, 0, 0].forEach((count, i) => head.writeUInt16BE(count, 4 + 2 * i));
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 198, 51, 100, 7]);
  socket.send(Buffer.concat([head, asked.subarray(12, end + 5), answer]), from.port, from.address);
});
socket.bind(${port}, process.argv[1]);
`;
function startResolver(): void {
  resolver = spawn(process.execPath, ['-e', resolverScript, cluster.node.hostIp], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** The addresses of a name, as a machine's own DNS gives them. */
function addressesOf(node: TestNode, name: string): string {
  const { stdout } = node.exec(['/bin/busybox', 'nslookup', '-type=a', name, '10.43.0.10'], {
    timeoutMs: 20_000,
  });
  const found = [...stdout.matchAll(/^Address:\s+(\S+)$/gm)].map(([, ip]) => ip);
  return found.filter((ip) => !ip?.startsWith('10.43.0.10')).join(' ');
}
const both = (name: string): string =>
  [cluster.node, agent.node].map((node) => addressesOf(node, name)).join(' and ');

describe('the ConfigMap kube-system/skiff-dns', () => {
  it('gives names to all nodes, and takes them back', async () => {
    onTestFailed(() => void (failed = true));
    startResolver();
    const stubs = { 'corp.test': [`${cluster.node.hostIp}:${port}`] };
    const data = {
      hosts: '192.0.2.5 nas.home\n192.0.2.6 nas.home\n',
      rewrite: 'api.old.test kubernetes.default.svc.cluster.local\n',
      stubDomains: JSON.stringify(stubs),
    };
    const metadata = { name: 'skiff-dns', namespace: 'kube-system' };
    cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }));
    const wait = { timeoutMs: 90_000, seen: () => agent.log().slice(-2000) };
    await until(
      'hosts count',
      () => both('nas.home') === '192.0.2.5 192.0.2.6 and 192.0.2.5 192.0.2.6',
      wait,
    );
    expect(both('api.old.test')).toBe('10.43.0.1 and 10.43.0.1');
    await until(
      'a domain has a resolver of its own',
      () => both('db.corp.test') === '198.51.100.7 and 198.51.100.7',
    );
  });

  it('lets the last answer of a resolver stand while it is away', async () => {
    onTestFailed(() => void (failed = true));
    resolver?.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // its answers were good for one
    expect(both('db.corp.test')).toBe('198.51.100.7 and 198.51.100.7');
    expect(both('new.corp.test')).toBe(' and ');
    cluster.k('delete', 'configmap', '-n', 'kube-system', 'skiff-dns');
    await until('the names are gone', () => both('nas.home') === ' and ');
    expect(both('db.corp.test')).toBe(' and ');
  });
});
