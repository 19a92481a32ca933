/**
 * Starts a one-node cluster in namespaces of its own for a conformance run, with every image of INSTRUMENTS/images imported
 * and a registry that holds them, and stays until it is told to stop.
 *
 *     node test/conformance/cluster.ts INSTRUMENTS KUBECONFIG
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TestCluster } from '../e2e/node.ts';

const [instruments, kubeconfig] = process.argv.slice(2);
if (!instruments || !kubeconfig) {
  process.stderr.write('usage: cluster.ts INSTRUMENTS KUBECONFIG\n');
  process.exit(1);
}
const folder = resolve(instruments, 'images');
const images = readdirSync(folder).filter((f) => f.endsWith('.tar')).map((f) => join(folder, f));
const cluster = new TestCluster();
const etc = join(cluster.node.disk, 'etc/skiff');
mkdirSync(etc, { recursive: true });
writeFileSync(join(etc, 'registries.yaml'), 'mirrors:\n  "*":\n    endpoint: ["http://127.0.0.1:5000"]\n');
await cluster.up({ images });
// The registry of the conformance kit answers what is pulled with policy Always; without it a single test fails.
const serve = process.env['SERVE_IMAGES'];
if (serve && existsSync(serve)) cluster.node.start([serve, folder], 'registry.log');
copyFileSync(cluster.kubeconfig, kubeconfig);
process.stdout.write(`ready: ${kubeconfig}; disk ${cluster.node.disk}\n`);
const stop = (): void => {
  cluster.down(true);
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
setInterval(() => undefined, 1 << 30);
