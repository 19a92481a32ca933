/**
 * exec -> readyz -> Ready -> first pod Running, from nothing, several times; prints medians in ms.
 */
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { TestCluster, until } from '../e2e/node.ts';

const runs = Number(process.argv[2] ?? 5);
const pod =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: first}\nspec: {containers: [{name: c, image: ' +
  '"docker.io/library/busybox:test", command: [sleep, "1000"]}]}\n';

/** GET without client certificates; true when the answer is 200. */
function healthy(host: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port: 6443, path, rejectUnauthorized: false, timeout: 1000 },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const times = {
  readyz: [] as number[],
  ready: [] as number[],
  pod: [] as number[],
  again: [] as number[],
};
for (let i = 0; i < runs; i++) {
  const cluster = new TestCluster();
  await cluster.node.boot();
  cluster.node.exec(['mkdir', '-p', '/var/lib/skiff/agent/images']);
  cluster.node.exec(['cp', busybox(), '/var/lib/skiff/agent/images/']);
  const start = performance.now();
  cluster.startServer();
  await until('readyz', () => healthy(cluster.node.ip, '/readyz'));
  times.readyz.push(performance.now() - start);
  await until('kubeconfig', () => existsSync(join(cluster.node.disk, 'etc/skiff/skiff.yaml')));
  await cluster.ready();
  times.ready.push(performance.now() - start);
  cluster.apply(pod);
  cluster.k('wait', '--for=condition=Ready', 'pod/first', '--timeout=60s');
  times.pod.push(performance.now() - start);
  await cluster.stopServer();
  const again = performance.now();
  cluster.startServer();
  await until('readyz', () => healthy(cluster.node.ip, '/readyz'));
  times.again.push(performance.now() - again);
  if (process.env['BENCH_LOG'])
    process.stdout.write(readFileSync(join(cluster.node.disk, 'server.log'), 'utf8'));
  cluster.down(false);
}
for (const [name, values] of Object.entries(times))
  process.stdout.write(
    `${name.padEnd(8)} median ${median(values).toFixed(0)} ms  ` +
      `(${values.map((v) => v.toFixed(0)).join(' ')})\n`,
  );
