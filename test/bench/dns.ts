/**
 * The cluster DNS against CoreDNS in turns on one node: processor time for an answer, at a rate
 * that both keep up with, and what a load leaves in memory. The questions come from several
 * addresses, because skiff answers none that asks more than 1,000 times a second.
 *
 *     node test/bench/dns.ts COREDNS [SECONDS [SERVICES]]
 *
 * Needs dnsperf. Names of Services, half of them as a pod's search list makes them.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TestCluster, until } from '../e2e/node.ts';
import { countersOf, processIn } from './counters.ts';

const coredns = resolve(process.argv[2] ?? '');
const seconds = Number(process.argv[3] ?? 5);
const services = Number(process.argv[4] ?? 200);
const rounds = 3;
const askers = 8;
const eachPerSecond = 800;
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const cluster = new TestCluster('server');
process.once('exit', () => cluster.down(false));
await cluster.up();
const { disk } = cluster.node;
const items = Array.from({ length: services }, (_, i) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: `s${i}` },
  spec: { ports: [{ port: 80 }] },
}));
cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
const names = items.flatMap(({ metadata: { name } }) => [
  `${name}.default.svc.cluster.local A`,
  `${name}.default.svc.cluster.local.svc.cluster.local AAAA`,
]);
writeFileSync(join(disk, 'queries'), `${names.join('\n')}\n`);
const corePort = 1053;
const config =
  `.:${corePort} {\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n` +
  '    kubeconfig /etc/skiff/skiff.yaml\n  }\n  cache 30\n}\n';
writeFileSync(join(disk, 'Corefile'), config);
const files = (name: string): string => join(disk, name);
cluster.node.start([coredns, '-conf', files('Corefile')], 'coredns.log');
const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
const servers = [
  { name: 'CoreDNS', address: '127.0.0.1', port: corePort, program: /^\S*coredns -conf/ },
  { name: 'skiff', address: '10.43.0.10', port: 53, program: /^\S*skiff .*\bserver\b/ },
];

interface Measured {
  perSecond: number;
  cpuUs: number;
}
/** Inside the node: nobody else is answered. */
async function measure(at: (typeof servers)[number], forSeconds: number): Promise<Measured> {
  const pid = processIn(network, at.program);
  const before = countersOf(pid).cpuMs;
  const command = ['dnsperf', '-s', at.address, '-p', String(at.port), '-d', files('queries')];
  const all = await Promise.all(
    Array.from({ length: askers }, (_, i) =>
      cluster.node.lookBeside(
        [
          ...command,
          '-a',
          `127.0.0.${i + 2}`,
          '-l',
          String(forSeconds),
          '-Q',
          String(eachPerSecond),
        ],
        { timeoutMs: (forSeconds + 30) * 1000 },
      ),
    ),
  );
  const sum = (name: string): number =>
    all
      .map(({ stdout }) => Number(new RegExp(`${name}:\\s+([\\d.]+)`).exec(stdout)?.[1] ?? NaN))
      .reduce((a, b) => a + b, 0);
  if (sum('Queries lost') > 0) say(`${at.name}: ${sum('Queries lost')} lost`);
  return {
    perSecond: sum('Queries per second'),
    cpuUs: ((countersOf(pid).cpuMs - before) * 1000) / sum('Queries completed'),
  };
}
for (const one of servers)
  await until(`${one.name} answers`, async () => {
    const { perSecond } = await measure(one, 1);
    return perSecond > 0;
  });
const anonymous = (): Map<string, number> =>
  new Map(
    servers.map((one) => [one.name, countersOf(processIn(network, one.program)).anonymousKb]),
  );
const idle = anonymous();
const best = new Map<string, Measured>();
for (let round = 0; round < rounds; round += 1)
  for (const one of servers) {
    const found = await measure(one, seconds);
    const had = best.get(one.name) ?? found;
    best.set(one.name, {
      perSecond: Math.max(had.perSecond, found.perSecond),
      cpuUs: Math.min(had.cpuUs, found.cpuUs),
    });
  }
await sleep(10_000);
const after = anonymous();
for (const [name, { perSecond, cpuUs }] of best)
  say(
    `${name}: ${perSecond.toFixed(0)} answers/s, ${cpuUs.toFixed(1)} us of processor each ` +
      `(${(1e6 / cpuUs).toFixed(0)} a second and core); anonymous memory ` +
      `${((idle.get(name) ?? 0) / 1024).toFixed(1)} MB before and ` +
      `${((after.get(name) ?? 0) / 1024).toFixed(1)} MB 10 s after the load`,
  );
process.exit(0);
