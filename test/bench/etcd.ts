/**
 * The datastore against a real etcd, with the same client, in alternation: puts, gets, lists and
 * watch events a second, processor time of the server per operation, memory. `etcd.ts [ETCD]
 * [FOLDER]`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http2 from 'node:http2';
import { join } from 'node:path';
import { decode, encode } from '../../internal/wire/etcd/codec.ts';

const etcd = process.argv[2] ?? '/usr/bin/etcd';
const base = process.argv[3] ?? '/var/tmp';
const root = join(import.meta.dirname, '../..');
const skiff = existsSync(join(root, 'dist/skiff'))
  ? [join(root, 'dist/skiff')]
  : [process.execPath, join(root, 'cmd/skiff.ts')];
const value = Buffer.alloc(450, 'v');
const rounds = 3;
const ticksPerSecond = 100;

interface Server {
  name: string;
  url: string;
  child: ChildProcess;
  dir: string;
}

function start(name: string, port: number): Server {
  const dir = mkdtempSync(join(base, 'skiff-bench-'));
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  const command =
    name === 'skiff'
      ? [...skiff, 'datastore', '--data-dir', dir, '--listen-client-urls', url]
      : [
          etcd,
          '--data-dir',
          dir,
          '--listen-client-urls',
          url,
          '--advertise-client-urls',
          url,
          '--listen-peer-urls',
          peer,
          '--initial-advertise-peer-urls',
          peer,
          '--initial-cluster',
          `default=${peer}`,
          '--log-level',
          'error',
        ];
  return {
    name,
    url,
    dir,
    child: spawn(command[0] as string, command.slice(1), { stdio: 'ignore' }),
  };
}

class Client {
  readonly #sessions: http2.ClientHttp2Session[];

  constructor(url: string, connections: number) {
    this.#sessions = Array.from({ length: connections }, () =>
      http2.connect(url, { settings: { initialWindowSize: 1 << 20 } }),
    );
    for (const session of this.#sessions) session.on('error', () => undefined);
  }

  stream(method: string, i: number): http2.ClientHttp2Stream {
    const session = this.#sessions[i % this.#sessions.length] as http2.ClientHttp2Session;
    return session.request({
      ':method': 'POST',
      ':path': `/etcdserverpb.${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
  }

  call(method: string, body: Buffer, i: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.stream(method, i);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve(Buffer.concat(chunks).subarray(5)));
      stream.on('error', reject);
      stream.end(frame(body));
    });
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

function frame(body: Buffer): Buffer {
  const out = Buffer.alloc(5 + body.length);
  out.writeUInt32BE(body.length, 1);
  body.copy(out, 5);
  return out;
}

async function ready(url: string): Promise<void> {
  for (;;) {
    const client = new Client(url, 1);
    const up = await client.call('KV/Range', encode('RangeRequest', { key: 'a' }), 0).then(
      (b) => b.length > 0,
      () => false,
    );
    client.close();
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const cpuMs = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
};
const rssMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
const key = (i: number): string => `/registry/pods/default/p${i % 5000}`;

interface Load {
  name: string;
  count: number;
  clients: number;
  one(client: Client, i: number, j: number): Promise<unknown>;
}

const loads: Load[] = [
  {
    name: 'puts, 64 clients',
    count: 12_000,
    clients: 64,
    one: (c, i, j) => c.call('KV/Put', encode('PutRequest', { key: key(i), value }), j),
  },
  {
    name: 'puts, 1 client',
    count: 200,
    clients: 1,
    one: (c, i, j) => c.call('KV/Put', encode('PutRequest', { key: key(i), value }), j),
  },
  {
    name: 'gets, 64 clients',
    count: 12_000,
    clients: 64,
    one: (c, i, j) => c.call('KV/Range', encode('RangeRequest', { key: key(i) }), j),
  },
  {
    name: 'lists of 500, 8 clients',
    count: 200,
    clients: 8,
    one: (c, _i, j) =>
      c.call(
        'KV/Range',
        encode('RangeRequest', { key: '/registry/pods/', rangeEnd: '/registry/pods0', limit: 500 }),
        j,
      ),
  },
];

async function run(server: Server, load: Load): Promise<{ rate: number; cpuUs: number }> {
  const client = new Client(server.url, Math.min(4, load.clients));
  const pid = server.child.pid as number;
  let next = 0;
  const [cpu, start] = [cpuMs(pid), performance.now()];
  await Promise.all(
    Array.from({ length: load.clients }, async (_, j) => {
      while (next < load.count) await load.one(client, next++, j);
    }),
  );
  const ms = performance.now() - start;
  client.close();
  return { rate: (load.count * 1000) / ms, cpuUs: ((cpuMs(pid) - cpu) * 1000) / load.count };
}

/** 100 watches on one stream; each put is an event for each of them. */
async function watch(server: Server): Promise<{ rate: number; cpuUs: number }> {
  const watches = 100;
  const puts = 400;
  const client = new Client(server.url, 2);
  const pid = server.child.pid as number;
  let events = 0;
  let created = 0;
  const stream = client.stream('Watch/Watch', 0);
  let rest = Buffer.alloc(0);
  const done = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        const message = decode<{ created: boolean; events: unknown[] }>(
          'WatchResponse',
          rest.subarray(5, end),
        );
        rest = rest.subarray(end);
        created += message.created ? 1 : 0;
        events += message.events.length;
      }
      if (events >= watches * puts) resolve();
    });
  });
  for (let i = 0; i < watches; i++)
    stream.write(
      frame(
        encode('WatchRequest', {
          createRequest: { key: '/watched/', rangeEnd: '/watched0', watchId: i + 1 },
        }),
      ),
    );
  while (created < watches) await new Promise((resolve) => setTimeout(resolve, 5));
  const [cpu, start] = [cpuMs(pid), performance.now()];
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (next < puts)
        await client.call('KV/Put', encode('PutRequest', { key: `/watched/${next++}`, value }), 1);
    }),
  );
  await done;
  const ms = performance.now() - start;
  client.close();
  return { rate: (events * 1000) / ms, cpuUs: ((cpuMs(pid) - cpu) * 1000) / events };
}

const servers = [start('skiff', 24101), start('etcd', 24111)];
try {
  for (const server of servers) await ready(server.url);
  const table = new Map<string, Record<string, { rate: number; cpuUs: number }[]>>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of [
      ...loads.map((load): [string, (s: Server) => Promise<{ rate: number; cpuUs: number }>] => [
        load.name,
        (s) => run(s, load),
      ]),
      ['watch events, 100 watches', watch] as const,
    ]) {
      for (const server of servers) {
        const row = table.get(name) ?? {};
        table.set(name, row);
        (row[server.name] ??= []).push(await measure(server));
      }
    }
  }
  const middle = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
  for (const [name, row] of table) {
    const of = (server: string, field: 'rate' | 'cpuUs'): number =>
      middle((row[server] ?? []).map((r) => r[field]));
    console.log(
      `${name}: ${of('skiff', 'rate').toFixed(0)}/s, etcd ` +
        `${of('etcd', 'rate').toFixed(0)}/s, ratio ` +
        `${(of('skiff', 'rate') / of('etcd', 'rate')).toFixed(2)}; processor ` +
        `${of('skiff', 'cpuUs').toFixed(0)} us, etcd ${of('etcd', 'cpuUs').toFixed(0)} us`,
    );
  }
  const memory = (when: string): void => {
    const each = servers.map((s) => `${s.name} ${rssMb(s.child.pid as number).toFixed(0)} MB`);
    console.log(`memory ${when}: ${each.join(', ')}`);
  };
  memory('after these');
  const fill: Load = {
    name: 'fill',
    count: 100_000,
    clients: 64,
    one: (c, i, j) =>
      c.call(
        'KV/Put',
        encode('PutRequest', { key: `/registry/configmaps/ns${i % 100}/c${i}`, value }),
        j,
      ),
  };
  for (const server of servers) await run(server, fill);
  memory('with 100,000 keys more');
} finally {
  for (const server of servers) {
    server.child.kill('SIGKILL');
    rmSync(server.dir, { recursive: true, force: true });
  }
}
process.exit();
