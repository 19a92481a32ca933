/**
 * Ten thousand bad connections against the API port, and what good clients notice of them: some
 * hold a connection with a client certificate, some come again each time. Server, flood and good
 * clients are processes of their own. Usage: flood.ts [CONNECTIONS] [SECONDS] [ADDRESSES] [alike]:
 * the flood comes from so many addresses, or, with 0, from the good clients' own. With `alike` its
 * TLS looks like the good clients' in every byte that tells one program from another.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type SecureClientSessionOptions,
} from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { load } from 'js-yaml';

interface Place {
  /** The server's process. */
  pid: number;
  port: number;
  ca: string;
  cert: string;
  key: string;
}

const line = 'GET /version HTTP/1.1\r\nhost: x\r\n';
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const post =
  'POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nhost: x\r\n' +
  'content-type: application/json\r\ncontent-length: 100000\r\n\r\n{';

/** What bad connections do, in turn. */
const kinds: { tls?: boolean; alpn?: string[]; send: string; drip?: string }[] = [
  { send: '' },
  { tls: true, send: '' },
  { tls: true, send: `${line}x-a: `, drip: 'a' },
  { tls: true, send: post, drip: ' ' },
  { tls: true, send: `${line}x-a: ${'a'.repeat(1 << 20)}` },
  { tls: true, alpn: ['h2'], send: preface.slice(0, 12) },
  { send: '\x16\x03\x01\x02\0\x01\0\x01\xfc' },
];

const goodAddress = '127.0.0.2';
const atOnce = 100;

/**
 * The flood: opens so many connections within so many seconds from some addresses of 127.0.0.0/8
 * and keeps what the server leaves.
 */
async function flood(
  place: Place,
  {
    count,
    seconds,
    addresses,
    alike,
  }: { count: number; seconds: number; addresses: number; alike: boolean },
): Promise<void> {
  const open = new Set<Socket>();
  let [made, failed] = [0, 0];
  const one = (i: number): Promise<void> =>
    new Promise((resolve) => {
      const kind = kinds[i % kinds.length] as (typeof kinds)[number];
      const at = {
        host: '127.0.0.1',
        port: place.port,
        localAddress: addresses > 0 ? `127.0.1.${1 + (i % addresses)}` : goodAddress,
      };
      const ready = (): void => {
        made++;
        socket.write(kind.send, 'latin1');
        resolve();
      };
      const socket = kind.tls
        ? connectTls(
            {
              ...at,
              ca: place.ca,
              ...(alike
                ? { ALPNProtocols: ['h2'] }
                : { servername: 'localhost', ALPNProtocols: kind.alpn }),
            } as never,
            ready,
          )
        : connectTcp(at, ready);
      open.add(socket);
      socket.resume();
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (socket.bytesWritten === 0) failed++;
        open.delete(socket);
        resolve();
      });
      if (kind.drip) setInterval(() => socket.write(kind.drip as string), 5000);
    });
  const began = performance.now();
  for (let i = 0; i < count; i += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, n) => one(i + n)));
    const due = began + (seconds * 1000 * (i + atOnce)) / count;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
  }
  process.send?.({ made, failed, open: open.size, seconds: (performance.now() - began) / 1000 });
}

function session({ port, ca, cert, key }: Place): ClientHttp2Session {
  const made = connectHttp2(`https://127.0.0.1:${port}`, {
    ca,
    cert,
    key,
    localAddress: goodAddress,
  } as SecureClientSessionOptions);
  made.on('error', () => undefined);
  return made;
}

/** One request; its status, or 0 when there was no answer. */
function ask(via: ClientHttp2Session): Promise<number> {
  return new Promise((resolve) => {
    const stream = via.request({ ':path': '/api/v1/namespaces/default' });
    let status = 0;
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.resume();
    stream.on('error', () => resolve(0));
    stream.on('close', () => resolve(status));
  });
}

interface Seen {
  ms: number[];
  /**
   * Processor time that the server's main thread took meanwhile, which no other work on the machine
   * lengthens.
   */
  cpuMs: number[];
  /** Statuses other than 200, 0 for no answer at all. */
  bad: Map<number, number>;
}

/** What the main thread of a process has taken of a processor. */
const cpuMsOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

async function timed(seen: Seen, pid: number, run: () => Promise<number>): Promise<void> {
  const [at, cpuAt] = [performance.now(), cpuMsOf(pid)];
  const status = await run();
  if (status !== 200) seen.bad.set(status, (seen.bad.get(status) ?? 0) + 1);
  seen.ms.push(performance.now() - at);
  seen.cpuMs.push(cpuMsOf(pid) - cpuAt);
}

/**
 * Good clients until `over`: eight that hold their connection, and one that comes again each time.
 */
async function good(place: Place, over: () => boolean): Promise<{ held: Seen; fresh: Seen }> {
  const [held, fresh]: [Seen, Seen] = [
    { ms: [], cpuMs: [], bad: new Map() },
    { ms: [], cpuMs: [], bad: new Map() },
  ];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const holders = Array.from({ length: 8 }, async () => {
    const via = session(place);
    for (; !over(); await pause(10)) await timed(held, place.pid, () => ask(via));
    via.close();
  });
  const comer = async (): Promise<void> => {
    for (; !over(); await pause(50)) {
      const via = session(place);
      await timed(fresh, place.pid, () => ask(via));
      via.destroy();
    }
  };
  await Promise.all([...holders, comer()]);
  return { held, fresh };
}

const at = (ms: number[], part: number): string =>
  (ms.toSorted((a, b) => a - b)[Math.floor((ms.length - 1) * part)] ?? 0).toFixed(1);
const shown = ({ ms, cpuMs, bad }: Seen): string =>
  `${ms.length} requests, ` +
  `${bad.size ? [...bad].map(([status, count]) => `${count} with ${status}`).join(', ') : 'none'}` +
  ` failed, p50 ${at(ms, 0.5)} ms, p99 ${at(ms, 0.99)} ms, max ${at(ms, 1)} ms (of the ` +
  `server's processor p99 ${at(cpuMs, 0.99)}, max ${at(cpuMs, 1)} ms)`;
const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function main(
  count: number,
  seconds: number,
  addresses: number,
  alike: boolean,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'flood-'));
  const server = fork(join(import.meta.dirname, '../../internal/apiserver/dev.ts'), [dir], {
    silent: true,
  });
  await new Promise((resolve) => server.stdout?.once('data', resolve));
  const config = load(readFileSync(join(dir, 'admin.kubeconfig'), 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const [cluster, user] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}];
  const text = (data = ''): string => Buffer.from(data, 'base64').toString();
  const place: Place = {
    pid: server.pid ?? 0,
    port: Number(new URL(cluster['server'] ?? '').port),
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  };
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const during = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    let over = false;
    const [began, cpuAt] = [performance.now(), cpuMsOf(place.pid)];
    const [seen] = await Promise.all([good(place, () => over), run().finally(() => (over = true))]);
    say(
      `${name}: connections held: ${shown(seen.held)}; connections made again: ` +
        `${shown(seen.fresh)}; server ${rssOf(place.pid).toFixed(0)} MB, ` +
        `${(((cpuMsOf(place.pid) - cpuAt) / (performance.now() - began)) * 100).toFixed(0)} % ` +
        'of a processor',
    );
  };
  await during('before', () => new Promise((resolve) => setTimeout(resolve, 5000)));
  const flooder = fork(import.meta.filename, [
    'flood',
    String(count),
    String(seconds),
    String(addresses),
    alike ? 'alike' : '',
  ]);
  flooder.send(place);
  await during('flood', async () => {
    const told = await new Promise<{ made: number; failed: number; open: number; seconds: number }>(
      (resolve) => flooder.once('message', resolve as never),
    );
    say(
      `${told.made} bad connections made in ${told.seconds.toFixed(0)} s from ` +
        `${addresses || "the good clients'"} address${addresses > 1 ? 'es' : ''}, ` +
        `${told.failed} more not taken, ${told.open} still open`,
    );
  });
  await during('held', () => new Promise((resolve) => setTimeout(resolve, 10_000)));
  flooder.kill();
  await during('after', () => new Promise((resolve) => setTimeout(resolve, 5000)));
  server.kill();
  rmSync(dir, { recursive: true, force: true });
}

const [first, ...rest] = process.argv.slice(2);
const numbers = rest.map(Number);
if (first === 'flood')
  process.once(
    'message',
    (place) =>
      void flood(place as Place, {
        count: numbers[0] ?? 0,
        seconds: numbers[1] ?? 0,
        addresses: numbers[2] ?? 0,
        alike: rest[3] === 'alike',
      }),
  );
else await main(Number(first ?? 10_000), numbers[0] ?? 30, numbers[1] ?? 50, rest[2] === 'alike');
