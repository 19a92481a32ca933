/**
 * An idle server with 10 pods: PSS, CPU, bytes written, context switches over MINUTES (default 10).
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { busybox } from '../e2e/images.ts';
import { TestCluster } from '../e2e/node.ts';

const minutes = Number(process.argv[2] ?? 10);
const settleSeconds = Number(process.argv[3] ?? 60);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Counters {
  cpuMs: number;
  pssKb: number;
  writtenBytes: number;
  syscallsWrite: number;
  switches: number;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};
const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

function countersOf(pid: number): Counters {
  const stat = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  const io = read(`/proc/${pid}/io`);
  let switches = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    switches += field(read(`/proc/${pid}/task/${task}/status`), 'voluntary_ctxt_switches');
  return {
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
    pssKb: field(read(`/proc/${pid}/smaps_rollup`), 'Pss'),
    writtenBytes: field(io, 'write_bytes'),
    syscallsWrite: field(io, 'wchar'),
    switches,
  };
}

const cluster = new TestCluster();
await cluster.up({ images: [busybox()] });
const pod = (i: number): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: p${i}}\nspec: {containers: [{name: c, image: ` +
  '"docker.io/library/busybox:test", command: [sleep, "100000"]}]}\n---\n';
cluster.apply(Array.from({ length: 10 }, (_, i) => pod(i)).join(''));
cluster.k('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s');
await sleep(settleSeconds * 1000);
// Other servers may run on this machine: ours is the one in the node's network.
const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
const processOf = (pattern: RegExp): number =>
  readdirSync('/proc')
    .map(Number)
    .find(
      (pid) =>
        pattern.test(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')) &&
        linkOf(`/proc/${pid}/ns/net`) === network,
    ) ?? 0;
const server = processOf(/^\/\S*skiff .*\bserver\b/);
const containerd = processOf(/^(\S*\/)?containerd --config /);
const watched = { server, ...(containerd ? { containerd } : {}) };
const before = Object.fromEntries(Object.entries(watched).map(([n, p]) => [n, countersOf(p)]));
await sleep(minutes * 60_000);
for (const [name, pid] of Object.entries(watched)) {
  const [a, b] = [before[name] as Counters, countersOf(pid)];
  const seconds = minutes * 60;
  process.stdout.write(
    `${name}: PSS ${(b.pssKb / 1024).toFixed(1)} MB; CPU ` +
      `${((b.cpuMs - a.cpuMs) / seconds / 10).toFixed(2)} % of a core; ` +
      (`written ${((b.writtenBytes - a.writtenBytes) / 1024 / minutes).toFixed(1)} KB a ` +
        `minute to disk, ${((b.syscallsWrite - a.syscallsWrite) / 1024 / minutes).toFixed(1)} ` +
        'KB by calls; ') +
      `${((b.switches - a.switches) / seconds).toFixed(1)} voluntary context switches a second\n`,
  );
}
cluster.down(false);
