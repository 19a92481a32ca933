/**
 * Starts a cluster in namespaces of its own for a conformance run, one server with a node and, with
 * --nodes, agents, with every image of INSTRUMENTS/images imported and a registry that holds them
 * on each node, and stays until it is told to stop.
 *
 *     node test/conformance/cluster.ts [--nodes N] [--dual-stack] INSTRUMENTS KUBECONFIG [ETCD]
 *
 * With --dual-stack pods and Services have IPv6, too, and so has the first node.
 * With ETCD, an etcd's program, the server keeps everything in an etcd outside the node instead of
 * its own file.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AgentMachine } from '../e2e/agent-machine.ts';
import { TestCluster, until } from '../e2e/node.ts';
import { etcdCommand, freePort } from './control-plane.ts';

const { values, positionals } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1' },
    'dual-stack': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [instruments, kubeconfig, etcd] = positionals;
const nodes = Number(values.nodes);
if (!instruments || !kubeconfig || !Number.isInteger(nodes) || nodes < 1) {
  process.stderr.write(
    'usage: cluster.ts [--nodes N] [--dual-stack] INSTRUMENTS KUBECONFIG [ETCD]\n',
  );
  process.exit(1);
}
const folder = resolve(instruments, 'images');
const images = readdirSync(folder)
  .filter((f) => f.endsWith('.tar'))
  .map((f) => join(folder, f));
const cluster = new TestCluster();
const agents = Array.from({ length: nodes - 1 }, (_, i) => new AgentMachine(`node${i + 2}`));
const machines = [cluster.node, ...agents.map((one) => one.node)];
for (const { disk } of machines) {
  const etc = join(disk, 'etc/skiff');
  mkdirSync(etc, { recursive: true });
  writeFileSync(
    join(etc, 'registries.yaml'),
    'mirrors:\n  "*":\n    endpoint: ["http://127.0.0.1:5000"]\n',
  );
}
const port = await freePort();
const endpoint = `http://${cluster.node.hostIp}:${port}`;
const [binary, ...flags] = etcd
  ? await etcdCommand({
      binary: resolve(etcd),
      dataDir: join(cluster.node.disk, 'etcd'),
      listen: `http://0.0.0.0:${port}`,
      advertise: endpoint,
    })
  : [];
const store = binary ? spawn(binary, flags, { stdio: 'inherit' }) : undefined;
const flags6 = ['--cluster-cidr=10.42.0.0/16,fd42::/56', '--service-cidr=10.43.0.0/16,fd43::/112'];
await cluster.launch({
  images,
  flags: [
    ...(store ? [`--datastore-endpoint=${endpoint}`] : []),
    ...(values['dual-stack'] ? flags6 : []),
  ],
  start: false,
});
if (values['dual-stack'])
  for (const args of [
    ['addr', 'add', '2001:db8:30::1/64', 'dev', 'eth0', 'nodad'],
    // As a machine with IPv6 has it: without any route nothing of its own leaves it.
    ['-6', 'route', 'add', 'default', 'via', '2001:db8:30::fe', 'dev', 'eth0'],
  ])
    cluster.node.exec(['ip', ...args]);
cluster.startServer();
await cluster.ready();
const token = join(cluster.node.disk, 'var/lib/skiff/server/agent-token');
for (const agent of agents) {
  await agent.boot(images);
  const told = readFileSync(token, 'utf8').trim();
  agent.start(['--server', `https://${cluster.node.ip}:6443`, '--token', told]);
}
const ready = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
await until(
  'all nodes are Ready',
  () =>
    cluster.kubectl(['get', 'nodes', '-o', `jsonpath=${ready}`]).stdout ===
    Array.from({ length: nodes }, () => 'True').join(' '),
  { timeoutMs: 120_000 },
);
// Each node is a zone of its own: some tests want three.
machines.forEach(({ name }, i) =>
  cluster.k('label', 'node', name, `topology.kubernetes.io/zone=zone${i + 1}`),
);
// The registry of the conformance kit answers what is pulled with policy Always; without it a
// single test fails.
const serve = process.env['SERVE_IMAGES'];
if (serve && existsSync(serve))
  for (const machine of machines) machine.start([serve, folder], 'registry.log');
copyFileSync(cluster.kubeconfig, kubeconfig);
process.stdout.write(`ready: ${kubeconfig}; disk ${cluster.node.disk}\n`);
const stop = (): void => {
  for (const agent of agents) agent.down(true);
  cluster.down(true);
  store?.kill();
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
setInterval(() => undefined, 1 << 30);
