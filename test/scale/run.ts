/**
 * What one server pays for many agents: see README.md.
 *
 *     node test/scale/run.ts [--agents 200] [--pods 1000] [--seconds 60]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Node, Pod } from '../../internal/api/generated/types/core-v1.ts';
import { httpClient } from '../../internal/client/http.ts';
import { refs } from '../../internal/client/refs.ts';
import { realRandom } from '../../internal/io/random.ts';
import { issueCert } from '../../internal/pki/certificate.ts';
import { countersOf, processIn, type Counters } from '../bench/counters.ts';
import { TestCluster, until } from '../e2e/node.ts';
import { PlayedAgent, type Cluster } from './agents.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '200' },
    pods: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
  },
});
const [agentCount, podCount, seconds] = [values.agents, values.pods, values.seconds].map(Number);
if (!agentCount || !podCount || !seconds)
  throw new Error('--agents, --pods and --seconds: numbers');
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** k3s' documents ask for no more at once. */
const joinAtOnce = 50;
const longestMs = 600_000;

const machine = new TestCluster();
await machine.launch({ flags: ['--disable-agent'] });
await machine.answers();
const tls = (name: string): string =>
  readFileSync(join(machine.node.disk, 'var/lib/skiff/server/tls', name), 'utf8');
const cluster: Cluster = {
  server: `https://${machine.node.ip}:6443`,
  serverCa: tls('server-ca.crt'),
  clientCa: { cert: tls('client-ca.crt'), key: tls('client-ca.key') },
};
const admin = httpClient({
  server: cluster.server,
  ca: cluster.serverCa,
  ...issueCert({
    cn: 'admin',
    orgs: ['system:masters'],
    usages: ['client'],
    nowMs: Date.now(),
    random: realRandom,
    ca: cluster.clientCa,
  }),
});
const network = machine.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
const serverPid = (): number => processIn(network, /^\/\S*skiff .*\bserver\b/);
await until('accounts', () => machine.kubectl(['get', 'sa', 'default']).code === 0);

/** Times of an administrator's questions for single objects, one every tenth of a second. */
let waits: number[] = [];
let asking = true;
void (async () => {
  while (asking) {
    const at = performance.now();
    await admin
      .get(refs.namespaces, { name: 'kube-system' })
      .then(() => waits.push(performance.now() - at))
      .catch(() => undefined);
    await sleep(100);
  }
})();

async function phase(name: string, work: () => Promise<void>): Promise<void> {
  waits = [];
  const [before, began] = [countersOf(serverPid()), performance.now()];
  await work();
  const took = (performance.now() - began) / 1000;
  const after = countersOf(serverPid());
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  // The one that was killed took its counters along.
  const used = (of: (c: Counters) => number): number =>
    of(after) >= of(before) ? of(after) - of(before) : of(after);
  process.stdout.write(
    `${name}: ${took.toFixed(1)} s; server ${(used((c) => c.cpuMs) / 1000).toFixed(1)} s of ` +
      `processor (${(used((c) => c.cpuMs) / took / 10).toFixed(1)} % of a core), PSS ` +
      `${(after.pssKb / 1024).toFixed(0)} MB; a question ` +
      `${at(0.5)} ms (p99 ${at(0.99)}, ${sorted.length} asked)\n`,
  );
}

const agents = Array.from({ length: agentCount }, (_, i) => new PlayedAgent(i, cluster));
const readyNodes = async (): Promise<number> => {
  const { items } = await admin.list<Node>(refs.nodes, {});
  return items.filter((node) =>
    node.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
  ).length;
};
const runningPods = async (): Promise<number> =>
  (await admin.list<Pod>(refs.pods, { namespace: 'default' })).items.filter(
    (pod) => pod.status.phase === 'Running',
  ).length;
const reach = async (what: string, count: () => Promise<number>, wanted: number): Promise<void> => {
  for (const end = Date.now() + longestMs; ; await sleep(500)) {
    const now = await count().catch(() => -1);
    if (now === wanted) return;
    if (Date.now() > end) throw new Error(`${what}: ${now} of ${wanted} after ${longestMs} ms`);
  }
};

try {
  await phase(`${agentCount} agents join`, async () => {
    const waiting = [...agents];
    await Promise.all(
      Array.from({ length: joinAtOnce }, async () => {
        for (let next = waiting.shift(); next; next = waiting.shift()) await next.join();
      }),
    );
    await reach('nodes that are Ready', readyNodes, agentCount);
  });
  await phase(`${podCount} pods come`, async () => {
    machine.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: ${podCount}
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: c, image: none, resources: {requests: {cpu: 10m}}}
---
apiVersion: v1
kind: Service
metadata: {name: many}
spec: {selector: {app: many}, ports: [{port: 80}]}
`);
    await reach('pods that run', runningPods, podCount);
  });
  const bytes = (): number => agents.reduce((sum, agent) => sum + agent.networkBytes, 0);
  process.stdout.write(
    `  to each agent's network so far ${(bytes() / agentCount / 1024).toFixed(0)} KiB\n`,
  );
  const [bytesBefore, failuresBefore] = [bytes(), agents.reduce((sum, a) => sum + a.failures, 0)];
  await phase('quiet', () => sleep(seconds * 1000));
  process.stdout.write(
    `  to each agent's network ${((bytes() - bytesBefore) / agentCount / seconds).toFixed(0)} ` +
      `bytes a second; calls that failed: ` +
      `${agents.reduce((sum, a) => sum + a.failures, 0) - failuresBefore}\n`,
  );
  await phase('the server is killed and all are back', async () => {
    machine.killServer('KILL');
    machine.startServer();
    await reach('nodes that are Ready', readyNodes, agentCount);
    await reach('pods that run', runningPods, podCount);
    // Who was not heard of for 40 seconds would be taken for lost.
    await sleep(45_000);
    await reach('nodes that are Ready still', readyNodes, agentCount);
  });
} finally {
  asking = false;
  for (const agent of agents) agent.stop();
  admin.close();
  machine.down(false);
}
process.exit(0);
