/**
 * Starts a one-node cluster in namespaces of its own for a conformance run, with every image of
 * INSTRUMENTS/images imported and a registry that holds them, and stays until it is told to stop.
 *
 *     node test/conformance/cluster.ts INSTRUMENTS KUBECONFIG [ETCD]
 *
 * With ETCD, an etcd's program, the server keeps everything in an etcd outside the node instead of
 * its own file.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TestCluster } from '../e2e/node.ts';
import { etcdCommand, freePort } from './control-plane.ts';

const [instruments, kubeconfig, etcd] = process.argv.slice(2);
if (!instruments || !kubeconfig) {
  process.stderr.write('usage: cluster.ts INSTRUMENTS KUBECONFIG [ETCD]\n');
  process.exit(1);
}
const folder = resolve(instruments, 'images');
const images = readdirSync(folder)
  .filter((f) => f.endsWith('.tar'))
  .map((f) => join(folder, f));
const cluster = new TestCluster();
const etc = join(cluster.node.disk, 'etc/skiff');
mkdirSync(etc, { recursive: true });
writeFileSync(
  join(etc, 'registries.yaml'),
  'mirrors:\n  "*":\n    endpoint: ["http://127.0.0.1:5000"]\n',
);
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
await cluster.up({ images, flags: store ? [`--datastore-endpoint=${endpoint}`] : [] });
// The registry of the conformance kit answers what is pulled with policy Always; without it a
// single test fails.
const serve = process.env['SERVE_IMAGES'];
if (serve && existsSync(serve)) cluster.node.start([serve, folder], 'registry.log');
copyFileSync(cluster.kubeconfig, kubeconfig);
process.stdout.write(`ready: ${kubeconfig}; disk ${cluster.node.disk}\n`);
const stop = (): void => {
  cluster.down(true);
  store?.kill();
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
setInterval(() => undefined, 1 << 30);
