/**
 * The first packet of a connection to a Service, from an isolated pod: with few Services and
 * policies, and with many, in one run. Each try is a new connection.
 *
 *     node test/bench/services.ts [SERVICES [POLICIES [TRIES]]]
 */
import { createServer } from 'node:net';
import { connect as connectHttp2 } from 'node:http2';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { TestCluster, until } from '../e2e/node.ts';
import { placeOf } from './places.ts';

const [services, policies, tries] = [
  Number(process.argv[2] ?? 10_000),
  Number(process.argv[3] ?? 1_000),
  Number(process.argv[4] ?? 4_000),
];
const few = 10;
const atOnce = 32;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const cluster = new TestCluster('server');
process.once('exit', () => cluster.down(false));
await cluster.up({ images: [busybox()] });
const { disk, hostIp } = cluster.node;
const sink = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end();
});
await new Promise<void>((resolve) => sink.listen(0, hostIp, resolve));
const at = sink.address();
const port = typeof at === 'object' && at ? at.port : 0;

const { host = '', port: apiPort, ...keys } = placeOf(readFileSync(cluster.kubeconfig, 'utf8'));
const session = connectHttp2(`https://${host}:${apiPort}`, keys);
function post(path: string, body: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/json',
    });
    stream.on('response', (headers) => {
      if (headers[':status'] !== 201) reject(new Error(`${path}: ${headers[':status']}`));
    });
    stream.on('error', reject);
    stream.resume();
    stream.on('end', resolve);
    stream.end(JSON.stringify(body));
  });
}
async function each(from: number, to: number, make: (i: number) => Promise<void>): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) await make(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
const makeService = async (i: number): Promise<void> => {
  const name = `s${i}`;
  await post('/api/v1/namespaces/default/services', {
    metadata: { name },
    spec: { ports: [{ port: 80, targetPort: port }] },
  });
  await post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [hostIp], conditions: { ready: true } }],
  });
};
/** The first isolates the pod and lets it send there; the others are of pods that there are not. */
const makePolicy = (i: number): Promise<void> =>
  post('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', {
    metadata: { name: `p${i}` },
    spec: {
      podSelector: { matchLabels: { app: i === 0 ? 'client' : `app${i}` } },
      policyTypes: ['Egress', 'Ingress'],
      egress: [{ to: [{ ipBlock: { cidr: i === 0 ? `${hostIp}/32` : `10.${i % 250}.0.0/16` } }] }],
    },
  });
cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]
`);
cluster.k('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
const spaces = cluster.node.exec(['ls', '/run/netns']).stdout.split('\n').filter(Boolean);
const script = join(disk, 'first.py');
writeFileSync(
  script,
  [
    'import socket, sys, time',
    'took = []',
    'for i in range(int(sys.argv[2])):',
    '    s = socket.socket(); s.settimeout(5); t = time.perf_counter_ns()',
    '    s.connect((sys.argv[1], 80)); took.append(time.perf_counter_ns() - t); s.close()',
    'took.sort()',
    'print(took[len(took) // 10] / 1000, took[len(took) // 2] / 1000)',
  ].join('\n'),
);
const addressOf = (name: string): string =>
  cluster.k('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}');
/** What is asked is in this process: nothing here may block. */
async function fromPod(
  address: string,
  count: number,
): Promise<{ p10: number; p50: number } | undefined> {
  const command = ['python3', script, address, String(count)];
  const said = await cluster.node.lookBeside(
    ['nsenter', `--net=/run/netns/${spaces[0]}`, ...command],
    { timeoutMs: 120_000 },
  );
  const [p10 = NaN, p50 = NaN] = said.stdout.trim().split(' ').map(Number);
  return said.code === 0 ? { p10, p50 } : undefined;
}
/** The best of three: everything else on the machine makes it longer. */
async function measure(name: string): Promise<{ p10: number; p50: number }> {
  const address = addressOf(name);
  const all: { p10: number; p50: number }[] = [];
  for (let round = 0; round < 3; round += 1)
    all.push(...[(await fromPod(address, tries)) ?? []].flat());
  return {
    p10: Math.min(...all.map(({ p10 }) => p10)),
    p50: Math.min(...all.map(({ p50 }) => p50)),
  };
}
await each(0, few, makeService);
await each(0, few, makePolicy);
await until(
  'the first answers',
  async () => (await fromPod(addressOf(`s${few - 1}`), 1)) !== undefined,
);
const before = await measure('s5');
const begun = performance.now();
await each(few, services, makeService);
await each(few, policies, makePolicy);
await until(
  'the last answers',
  async () => (await fromPod(addressOf(`s${services - 1}`), 1)) !== undefined,
  { timeoutMs: 120_000 },
);
say(`made and live after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
const after = await measure('s5');
const again = await measure(`s${services - 1}`);
for (const [what, { p10, p50 }] of [
  [`${few} Services and policies`, before],
  [`${services} Services, ${policies} policies`, after],
  ['... the Service that was made last', again],
] as const)
  say(
    `${what}: ${p50.toFixed(0)} us (${(p50 / before.p50).toFixed(2)}), tenth percentile ` +
      `${p10.toFixed(0)} us (${(p10 / before.p10).toFixed(2)})`,
  );
session.close();
sink.close();
process.exit(0);
