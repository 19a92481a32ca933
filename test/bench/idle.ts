/**
 * An idle server with 10 pods: PSS, CPU, bytes written, context switches over MINUTES (default 10).
 */
import { busybox } from '../e2e/images.ts';
import { TestCluster } from '../e2e/node.ts';
import { countersOf, processIn, tenPods, usedLine } from './counters.ts';

const minutes = Number(process.argv[2] ?? 10);
const settleSeconds = Number(process.argv[3] ?? 60);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = new TestCluster();
await cluster.up({ images: [busybox()] });
cluster.apply(tenPods());
cluster.k('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s');
await sleep(settleSeconds * 1000);
const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
const server = processIn(network, /^\/\S*skiff .*\bserver\b/);
const containerd = processIn(network, /^(\S*\/)?containerd --config /);
const watched = { server, ...(containerd ? { containerd } : {}) };
const before = Object.entries(watched).map(([name, pid]) => ({ name, pid, was: countersOf(pid) }));
await sleep(minutes * 60_000);
for (const { name, pid, was } of before)
  process.stdout.write(usedLine(name, was, countersOf(pid), minutes));
cluster.down(false);
