/**
 * Gets of 64 clients while a namespace with many objects is deleted, against the same gets alone in
 * the same run: how much of their rate and how much longer (p99). And how long the deletion takes,
 * beside them and alone. Usage: fair.ts [OBJECTS [ROUNDS]]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { TestCluster } from '../e2e/node.ts';
import { countersOf, processIn } from './counters.ts';
import { CountingClient, type Place } from './h2-client.ts';
import { fill, placeOf } from './places.ts';

const clients = 64;
const aloneMs = 4000;
/** The next phase begins when the last has left no work behind. */
const settleMs = 2000;

interface Told {
  perSecond: number;
  p50: number;
  p99: number;
  ms: number;
}

const path = '/api/v1/namespaces/default/configmaps/kube-root-ca.crt';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Gets until told to stop. */
async function gets(place: Place, stopped: () => boolean): Promise<Told> {
  const open = await Promise.all(Array.from({ length: clients }, () => CountingClient.open(place)));
  const took: number[] = [];
  const began = performance.now();
  await Promise.all(
    open.map(async (client) => {
      while (!stopped()) {
        const at = performance.now();
        const { status } = await client.get(path, 'application/json');
        if (status !== 200) throw new Error('a get was not answered with 200');
        took.push(performance.now() - at);
      }
    }),
  );
  const ms = performance.now() - began;
  for (const client of open) client.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? 0;
  return { perSecond: (took.length * 1000) / ms, p50: at(0.5), p99: at(0.99), ms };
}

/** Starts the clients in their own process; the returned function ends them. */
function startGets(child: ChildProcess, place: Place): () => Promise<Told> {
  const answered = new Promise<Told>((resolve) => child.once('message', resolve));
  child.send(place);
  return () => {
    child.send('stop');
    return answered;
  };
}

async function measure(objects: number, rounds: number): Promise<void> {
  const cluster = new TestCluster('fair');
  const child = fork(new URL(import.meta.url), ['gets']);
  let failed = true;
  try {
    await cluster.up();
    const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
    const place = placeOf(readFileSync(cluster.kubeconfig, 'utf8'));
    const pid = processIn(network, /^\/\S*skiff .*\bserver\b/);
    for (let round = 0; round < rounds; round++) {
      const full = `full-${round}`;
      await fill(place, full, objects);
      await sleep(settleMs);
      const quiet = async (): Promise<Told> => {
        const stop = startGets(child, place);
        await sleep(aloneMs);
        return stop();
      };
      const first = await quiet();
      const stopBeside = startGets(child, place);
      const beside = await deleted({ cluster, place }, full, stopBeside);
      await sleep(settleMs);
      const alone = between(first, await quiet());
      await fill(place, `${full}-alone`, objects);
      await sleep(settleMs);
      const before = countersOf(pid).cpuMs;
      const began = performance.now();
      await deleted({ cluster, place }, `${full}-alone`);
      const aloneTook = performance.now() - began;
      const text = ({ perSecond, p50, p99 }: Told): string =>
        `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(0)} ms`;
      process.stdout.write(
        `gets: ratio ${(beside.perSecond / alone.perSecond).toFixed(2)}, p99 ` +
          `${(beside.p99 / alone.p99).toFixed(2)} times; alone ${text(alone)}; beside the ` +
          `deletion of ${objects} ${text(beside)}; deleted in ` +
          `${(beside.ms / 1000).toFixed(1)} s, without gets in ` +
          `${(aloneTook / 1000).toFixed(1)} s, ` +
          `${((countersOf(pid).cpuMs - before) / objects).toFixed(2)} ms of processor each\n`,
      );
    }
    failed = false;
  } finally {
    child.kill();
    cluster.down(failed);
  }
}

/** What was measured before and after, one with the other. */
function between(a: Told, b: Told): Told {
  const middle = (name: keyof Told): number => (a[name] + b[name]) / 2;
  return {
    perSecond: middle('perSecond'),
    p50: middle('p50'),
    p99: middle('p99'),
    ms: middle('ms'),
  };
}

/** Deletes a namespace; the gets end with it. */
async function deleted<T>(
  { cluster, place }: { cluster: TestCluster; place: Place },
  namespace: string,
  stop?: () => Promise<T>,
): Promise<T> {
  cluster.k('delete', 'namespace', namespace, '--wait=false');
  const client = await CountingClient.open(place);
  const url = `/api/v1/namespaces/${namespace}`;
  while ((await client.get(url, 'application/json')).status === 200) await sleep(50);
  client.close();
  return (await stop?.()) as T;
}

if (process.argv[2] === 'gets') {
  let stopped = false;
  process.on('message', (message: Place | 'stop') => {
    if (message === 'stop') return void (stopped = true);
    stopped = false;
    void gets(message, () => stopped).then((told) => process.send?.(told));
  });
} else await measure(Number(process.argv[2] ?? 12_000), Number(process.argv[3] ?? 2));
