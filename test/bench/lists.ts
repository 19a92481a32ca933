/**
 * Lists of many ConfigMaps, as client-go asks for them (HTTP/2, protobuf if it can be had, else
 * JSON), against kube-apiserver on etcd, in turns: answers a second, processor time of the server
 * for each, and how much more memory it took. Usage: lists.ts KUBE-APISERVER ETCD [SECONDS]
 * [LARGE, how many a large list has]
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ControlPlane, etcdCommand, freePort } from '../conformance/control-plane.ts';
import { countersOf } from './counters.ts';
import { CountingClient, type Place } from './h2-client.ts';
import { fill, placeOf } from './places.ts';

interface Ask {
  place: Place;
  path: string;
  accept: string;
  clients: number;
  seconds: number;
}
interface Told {
  count: number;
  ms: number;
  bytes: number;
  p99: number;
}

async function ask({ place, path, accept, clients, seconds }: Ask): Promise<Told> {
  const open = await Promise.all(Array.from({ length: clients }, () => CountingClient.open(place)));
  // Each has shown who it is, and the server is warm.
  let bytes = 0;
  for (const client of open) ({ bytes } = await client.get(path, accept));
  const took: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(
    open.map(async (client) => {
      while (performance.now() < end) {
        const at = performance.now();
        const { status } = await client.get(path, accept);
        if (status !== 200) throw new Error(`${path} was not answered with 200`);
        took.push(performance.now() - at);
      }
    }),
  );
  const ms = performance.now() - start;
  for (const client of open) client.close();
  took.sort((a, b) => a - b);
  return { count: took.length, ms, bytes, p99: took[Math.floor(took.length * 0.99)] ?? 0 };
}

interface Side {
  name: string;
  place: Place;
  pids: number[];
}

function asker(): ChildProcess {
  return fork(new URL(import.meta.url), ['ask'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function told(child: ChildProcess, question: Ask): Promise<Told> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer: Told & { error?: string }) =>
      answer.error === undefined ? resolve(answer) : reject(new Error(answer.error)),
    );
    child.send(question);
  });
}

/** The most resident memory since the last call. */
function mostMemoryMb(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    sum += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  }
  return sum;
}

async function compare(): Promise<void> {
  const [apiserver = '', etcd = '', seconds = '4', large = '50000'] = process.argv.slice(2);
  const dir = mkdtempSync('/var/tmp/skiff-bench-');
  const plane = new ControlPlane(dirname(apiserver), join(dir, 'theirs'));
  const listen = `http://127.0.0.1:${await freePort()}`;
  const dataDir = join(dir, 'etcd');
  const command = await etcdCommand({ binary: etcd, dataDir, listen });
  const store = plane.start('etcd', command);
  const dev = join(import.meta.dirname, '../../internal/apiserver/dev.ts');
  const ours = spawn(process.execPath, [dev, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const client = asker();
  try {
    await new Promise((resolve) => ours.stdout.once('data', resolve));
    const api = await plane.upApi(listen);
    const read = (file: string): Place => placeOf(readFileSync(file, 'utf8'));
    const sides: Side[] = [
      { name: 'skiff', place: read(join(dir, 'admin.kubeconfig')), pids: [ours.pid as number] },
      {
        name: 'kube-apiserver',
        place: read(plane.kubeconfig),
        pids: [api.pid as number, store.pid as number],
      },
    ];
    await rows(sides, client, Number(seconds), Number(large));
  } finally {
    client.kill();
    ours.kill('SIGKILL');
    await plane.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const protobuf = 'application/vnd.kubernetes.protobuf,application/json';

async function rows(
  sides: Side[],
  client: ChildProcess,
  seconds: number,
  large: number,
): Promise<void> {
  const maps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;
  for (const side of sides) await fill(side.place, 'small', 5000);
  await row(sides, client, { path: maps('small'), accept: protobuf, clients: 4, seconds });
  const json = 'application/json';
  await row(sides, client, { path: maps('small'), accept: json, clients: 4, seconds });
  const paged = `${maps('small')}?limit=500`;
  await row(sides, client, { path: paged, accept: protobuf, clients: 4, seconds });
  if (large === 0) return;
  for (const side of sides) await fill(side.place, 'large', large);
  await row(sides, client, { path: maps('large'), accept: protobuf, clients: 1, seconds });
  await row(sides, client, { path: maps('large'), accept: json, clients: 1, seconds });
}

async function row(
  sides: Side[],
  client: ChildProcess,
  question: Omit<Ask, 'place'>,
): Promise<void> {
  const results = sides.map(() => [] as { perSecond: number; cpuMs: number; told: Told }[]);
  const memory = sides.map(() => 0);
  for (let round = 0; round < 3; round++)
    for (const [i, { place, pids }] of sides.entries()) {
      const cpuMs = (): number => pids.reduce((sum, pid) => sum + countersOf(pid).cpuMs, 0);
      mostMemoryMb(pids);
      const before = cpuMs();
      const answer = await told(client, { ...question, place });
      // The first ones count for processor time only.
      const all = answer.count + question.clients;
      const each = (cpuMs() - before) / all;
      memory[i] = Math.max(memory[i] ?? 0, mostMemoryMb(pids));
      const perSecond = (answer.count * 1000) / answer.ms;
      results[i]?.push({ perSecond, cpuMs: each, told: answer });
    }
  const best = results.map(
    (list) => list.toSorted((a, b) => b.perSecond - a.perSecond)[list.length >> 1],
  );
  const [own, other] = best;
  if (!own || !other) return;
  const text = (one: typeof own, i: number): string =>
    `${one.perSecond.toFixed(1)}/s, p99 ${one.told.p99.toFixed(0)} ms, ` +
    `${one.cpuMs.toFixed(1)} ms of processor, ${(one.told.bytes / 1e6).toFixed(1)} MB, ` +
    `at most ${memory[i]?.toFixed(0)} MB resident`;
  process.stdout.write(
    `${question.path} ${question.accept.split(/[,.]/)[2] ?? 'json'} ${question.clients} ` +
      `clients: ratio ${(own.perSecond / other.perSecond).toFixed(2)}, processor ` +
      `${(other.cpuMs / own.cpuMs).toFixed(2)} times less\n  ours ${text(own, 0)}\n` +
      `  theirs ${text(other, 1)}\n`,
  );
}

if (process.argv[2] === 'ask') {
  process.on('message', (message: Ask) => {
    ask(message).then(
      (told) => process.send?.(told),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
} else await compare();
