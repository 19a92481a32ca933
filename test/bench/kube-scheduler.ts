/**
 * Pods of ReplicaSets bound to nodes that nobody runs, through one kube-apiserver, by upstream's
 * kube-scheduler and by skiff's in turns: processor time of the scheduler for each pod. Usage:
 * kube-scheduler.ts INSTRUMENTS [NODES] [PODS] [ROUNDS]; INSTRUMENTS holds upstream's
 * kube-apiserver, kube-scheduler, kubectl and an etcd.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import type { ReplicaSet } from '../../internal/api/generated/types/apps-v1.ts';
import type { Client } from '../../internal/client/client.ts';
import { httpClient } from '../../internal/client/http.ts';
import { mirrorFactory } from '../../internal/client/mirrors.ts';
import { refs } from '../../internal/client/refs.ts';
import { realClock } from '../../internal/io/clock.ts';
import { makeLog } from '../../internal/io/log.ts';
import { startScheduler } from '../../internal/scheduler/scheduler.ts';
import { ControlPlane, etcdCommand, freePort } from '../conformance/control-plane.ts';
import { countersOf } from './counters.ts';
import { placeOf } from './places.ts';

const apps = 40;
const zones = 3;
const namespace = 'default';
const atOnce = 64;
const pollMs = 200;
/** After its first pod a scheduler is left alone for so long before its time counts. */
const quietMs = 3000;

function clientOf(kubeconfig: string): Client {
  const { host, port, ...tls } = placeOf(readFileSync(kubeconfig, 'utf8'));
  return httpClient({ ...tls, server: `https://${host}:${port}`, userAgent: 'bench' });
}

const sleep = (ms: number): Promise<void> => realClock.sleep('bench', ms);

async function each(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function makeCluster(client: Client, nodes: number): Promise<ReplicaSet[]> {
  await client.create(refs.serviceAccounts, { metadata: { name: 'default', namespace } });
  await each(nodes, async (i) => {
    const name = `node-${i}`;
    const room = { cpu: '32', memory: '64Gi', pods: '110' };
    await client.create(refs.nodes, {
      metadata: {
        name,
        labels: {
          'kubernetes.io/hostname': name,
          'kubernetes.io/os': 'linux',
          'topology.kubernetes.io/zone': `zone-${i % zones}`,
        },
      },
      status: {
        ...{ capacity: room, allocatable: room },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    });
    // A new node begins tainted; its kubelet is who takes that off.
    await client.patch(refs.nodes, { name }, { type: 'merge', body: { spec: { taints: null } } });
  });
  return Promise.all(
    Array.from({ length: apps }, (_, i) => {
      const labels = { app: `app-${i}` };
      const spec = { containers: [{ name: 'c', image: 'nothing' }] };
      return client.create<ReplicaSet>(refs.replicaSets, {
        metadata: { name: `rs-${i}`, namespace },
        spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
      });
    }),
  );
}

function podOf({ metadata: { name, uid } }: ReplicaSet, i: number): object {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid, controller: true };
  const requests = { cpu: '100m', memory: '64Mi' };
  return {
    metadata: {
      ...{ name: `pod-${i}`, namespace, ownerReferences: [owner] },
      labels: { app: `app-${i % apps}` },
    },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: 'c', image: 'nothing', resources: { requests } }],
    },
  };
}

async function bound(client: Client): Promise<void> {
  const waits = { namespace, fieldSelector: 'spec.nodeName=', limit: 1 };
  while ((await client.list<Pod>(refs.pods, waits)).items.length > 0) await sleep(pollMs);
}

const podMs = async (client: Client, sets: ReplicaSet[], pods: number, pid: number) => {
  await client.create(refs.pods, podOf(sets[0]!, pods));
  await bound(client);
  await sleep(quietMs);
  const before = countersOf(pid).cpuMs;
  const began = performance.now();
  await each(pods, (i) => client.create(refs.pods, podOf(sets[i % apps]!, i)));
  await bound(client);
  const wallMs = performance.now() - began;
  // What is left to do for Events counts, too.
  await sleep(quietMs);
  const cpuMs = countersOf(pid).cpuMs - before;
  await client.deleteCollection(refs.pods, { namespace, gracePeriodSeconds: 0 });
  return { cpuMs: cpuMs / pods, perSecond: (pods * 1000) / wallMs };
};

function startTheirs(plane: ControlPlane, instruments: string, port: number): ChildProcess {
  const config = join(plane.dir, 'scheduler.json');
  writeFileSync(
    config,
    JSON.stringify({
      ...{ apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' },
      leaderElection: { leaderElect: false },
      clientConnection: { kubeconfig: plane.kubeconfig, qps: 100_000, burst: 100_000 },
    }),
  );
  const binary = join(instruments, 'kube-scheduler');
  return plane.start('kube-scheduler', [binary, `--config=${config}`, `--secure-port=${port}`]);
}

async function compare(): Promise<void> {
  const [instruments = '', nodes = '1000', pods = '2000', rounds = '3'] = process.argv.slice(2);
  const dir = mkdtempSync('/var/tmp/skiff-bench-');
  const plane = new ControlPlane(instruments, join(dir, 'plane'));
  const listen = `http://127.0.0.1:${await freePort()}`;
  const binary = join(instruments, 'etcd');
  plane.start('etcd', await etcdCommand({ binary, dataDir: join(dir, 'etcd'), listen }));
  const results = { skiff: [] as number[], 'kube-scheduler': [] as number[] };
  try {
    await plane.upApi(listen);
    const client = clientOf(plane.kubeconfig);
    const sets = await makeCluster(client, Number(nodes));
    for (let round = 0; round < Number(rounds); round++)
      for (const name of ['skiff', 'kube-scheduler'] as const) {
        const child =
          name === 'skiff'
            ? fork(new URL(import.meta.url), ['schedule', plane.kubeconfig])
            : startTheirs(plane, instruments, await freePort());
        const ended = new Promise((resolve) => child.once('exit', resolve));
        try {
          const { cpuMs, perSecond } = await podMs(client, sets, Number(pods), child.pid!);
          results[name].push(cpuMs);
          process.stdout.write(
            `${name}: ${cpuMs.toFixed(3)} ms of processor a pod, ${Math.round(1000 / cpuMs)} a ` +
              `second and core; ${Math.round(perSecond)} a second with all that it waits for\n`,
          );
        } finally {
          child.kill('SIGTERM');
          await ended;
        }
      }
  } finally {
    await plane.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  const middle = (all: number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
  const [own, theirs] = [middle(results.skiff), middle(results['kube-scheduler'])];
  process.stdout.write(
    `${nodes} nodes, ${pods} pods: ratio ${(theirs / own).toFixed(2)} (${own.toFixed(3)} ms of ` +
      `${theirs.toFixed(3)})\n`,
  );
  process.exit(0);
}

async function schedule(kubeconfig: string): Promise<void> {
  process.once('SIGTERM', () => process.exit(0));
  const client = clientOf(kubeconfig);
  const [clock, log] = [realClock, makeLog({ level: 'warn' })];
  await startScheduler({ client, clock, log, mirrors: mirrorFactory(client, clock, log) });
}

if (process.argv[2] === 'schedule') await schedule(process.argv[3] ?? '');
else await compare();
