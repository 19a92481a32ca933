/**
 * An idle server with 10 pods: PSS, CPU, bytes written, context switches over MINUTES (default 10),
 * and then, where strace is installed, the calls of five minutes that wait for the disk. Usage:
 * idle.ts [MINUTES [SETTLE, seconds before they begin [TRACED, seconds, 0 = none]]]
 */
import { spawnSync } from 'node:child_process';
import { busybox } from '../e2e/images.ts';
import { TestCluster } from '../e2e/node.ts';
import { countersOf, processIn, tenPods, usedLine } from './counters.ts';

const minutes = Number(process.argv[2] ?? 10);
const settleSeconds = Number(process.argv[3] ?? 60);
const tracedSeconds = Number(process.argv[4] ?? 300);
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
for (const { name, pid } of tracedSeconds > 0 ? before : [])
  process.stdout.write(
    `${name}: ${syncsOf(pid, tracedSeconds)} fsyncs in ${tracedSeconds} seconds\n`,
  );
cluster.down(false);

/** Counted apart, after the rest: a traced process is slower. */
function syncsOf(pid: number, seconds: number): string {
  const calls = 'trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync';
  const args = ['-s', 'INT', String(seconds), 'strace', '-f', '-q', '-e', calls, '-p', String(pid)];
  const { stderr, error } = spawnSync('timeout', args, { encoding: 'utf8' });
  if (error || /No such file/.test(stderr)) return 'unknown (no strace):';
  return String(
    stderr.split('\n').filter((line) => /\b(f\w*sync|sync\w*|msync)\(/.test(line)).length,
  );
}
