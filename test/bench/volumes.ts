/**
 * What volumes and metrics cost: a pod with a fresh `local-path` claim until it runs, against the
 * same pod without one, in turns; one question for the metrics of a node's pods; and how long a
 * load lasts until the autoscaler has acted. Usage: volumes.ts [STARTS] [PODS] [LOADS].
 * `volumes.ts turns STARTS` runs inside the node.
 */
import type { PersistentVolumeClaim, Pod } from '../../internal/api/generated/types/core-v1.ts';
import { refs } from '../../internal/client/refs.ts';
import { busybox } from '../e2e/images.ts';
import { TestCluster, until } from '../e2e/node.ts';
import { adminClient } from './admin-client.ts';
import { countersOf, processIn } from './counters.ts';

const image = 'docker.io/library/busybox:test';
/** Ends at once when asked to. */
const command = ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'];
const at = (values: number[], share: number): number =>
  [...values].sort((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? NaN;

interface Turns {
  without: number[];
  with: number[];
  /** Of those with a claim, until it was bound. */
  bound: number[];
}

async function turns(starts: number): Promise<Turns> {
  const client = adminClient();
  const waiting = new Map<string, () => void>();
  const tell = (what: string): void => waiting.get(what)?.();
  const options = { namespace: 'default', sendInitialEvents: true };
  client.watch<Pod>(refs.pods, options, {
    onEvent: (type, { metadata, status }) => {
      if (type === 'DELETED') tell(`${metadata.name} gone`);
      else if (status.containerStatuses?.[0]?.state?.running) tell(`${metadata.name} runs`);
    },
    onEnd: () => undefined,
  });
  client.watch<PersistentVolumeClaim>(refs.persistentVolumeClaims, options, {
    onEvent: (type, { metadata, status }) => {
      if (type === 'DELETED') tell(`${metadata.name} claim gone`);
      else if (status?.phase === 'Bound') tell(`${metadata.name} bound`);
    },
    onEnd: () => undefined,
  });
  const wait = (what: string): Promise<void> => new Promise((done) => waiting.set(what, done));
  const took: Turns = { without: [], with: [], bound: [] };
  for (let i = 0; i < 2 * starts; i++) {
    const claimed = i % 2 === 1;
    const name = `bench-${process.pid}-${i}`;
    const runs = wait(`${name} runs`);
    const bound = wait(`${name} bound`);
    const gone = wait(`${name} gone`);
    const claimGone = wait(`${name} claim gone`);
    const from = performance.now();
    void bound.then(() => took.bound.push(performance.now() - from));
    if (claimed)
      await client.create(refs.persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name, namespace: 'default' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '16Mi' } } },
      });
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }];
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    await client.create(refs.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image, command, ...(claimed && { volumeMounts }) }],
        ...(claimed && { volumes }),
      },
    });
    await runs;
    took[claimed ? 'with' : 'without'].push(performance.now() - from);
    await client.delete(refs.pods, { namespace: 'default', name });
    await gone;
    if (!claimed) continue;
    await client.delete(refs.persistentVolumeClaims, { namespace: 'default', name });
    await claimGone;
  }
  return took;
}

if (process.argv[2] === 'turns') {
  process.stdout.write(`${JSON.stringify(await turns(Number(process.argv[3])))}\n`);
  process.exit();
}
const starts = Number(process.argv[2] ?? 30);
const pods = Number(process.argv[3] ?? 100);
const loads = Number(process.argv[4] ?? 3);
const cluster = new TestCluster();
await cluster.up({ images: [busybox()] });
const done = cluster.node.exec(
  [process.execPath, new URL(import.meta.url).pathname, 'turns', String(starts)],
  { timeoutMs: 600_000 },
);
if (done.code !== 0) throw new Error(`${done.stdout}${done.stderr}`);
const took = JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '{}') as Turns;
for (const [name, values] of Object.entries(took) as [string, number[]][])
  process.stdout.write(
    `${name.padEnd(8)} ${values.length}: p50 ${at(values, 0.5).toFixed(0)} ms, p99 ` +
      `${at(values, 0.99).toFixed(0)} ms\n`,
  );
process.stdout.write(`ratio p50 ${(at(took.with, 0.5) / at(took.without, 0.5)).toFixed(2)}\n`);

const deployment = (name: string, replicas: number, text: string, requests: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: ${image}
        command: [sh, -c, '${text}']
        resources: {requests: {cpu: ${requests}, memory: 1Mi}, limits: {cpu: 100m}}
`;
if (pods > 0) {
  cluster.apply(deployment('many', pods, 'sleep 100000', '1m'));
  cluster.k('rollout', 'status', 'deployment/many', '--timeout=600s');
  const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
  const server = processIn(network, /^\/\S*skiff .*\bserver\b/);
  const ask = (path: string): string => cluster.k('get', '--raw', path);
  const path = '/apis/metrics.k8s.io/v1beta1/pods';
  ask(path);
  const questions = 20;
  const [was, from] = [countersOf(server), performance.now()];
  for (let i = 0; i < questions; i++) ask(path);
  const [now, over] = [countersOf(server), performance.now()];
  process.stdout.write(
    `metrics of ${pods} pods: ${((over - from) / questions).toFixed(0)} ms by kubectl, ` +
      `${((now.cpuMs - was.cpuMs) / questions).toFixed(0)} ms of processor\n`,
  );
  cluster.k('delete', 'deployment', 'many', '--wait=true');
}
const replicas = (): string =>
  cluster.k('get', 'deployment', 'load', '-o', 'jsonpath={.spec.replicas}');
const acted: number[] = [];
for (let i = 0; i < loads; i++) {
  const work = 'while true; do if [ ! -e /tmp/work ]; then sleep 0.1; fi; done';
  cluster.apply(deployment('load', 1, work, '20m'));
  cluster.k('rollout', 'status', 'deployment/load', '--timeout=60s');
  cluster.k('autoscale', 'deployment', 'load', '--cpu=100%', '--min=1', '--max=3');
  // Its first looks find no load.
  await new Promise((resolve) => setTimeout(resolve, 45_000 + 5000 * i));
  cluster.k('exec', 'deployment/load', '--', 'touch', '/tmp/work');
  const from = performance.now();
  await until('it acts', () => replicas() !== '1', { timeoutMs: 180_000 });
  acted.push((performance.now() - from) / 1000);
  cluster.k('delete', 'hpa,deployment', 'load', '--wait=true');
}
if (loads > 0)
  process.stdout.write(`autoscaler acts after ${acted.map((s) => s.toFixed(1)).join(', ')} s\n`);
cluster.down(false);
