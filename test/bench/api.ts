/**
 * Creates and gets a second with 1 and 64 clients (each an HTTP/2 connection of its own), against
 * skiff, against a server of the same shape (node:http2, TLS, JSON bodies read) that answers from a
 * can, and against rows written straight to SQLite. Usage: api.ts [SECONDS] [KUBECONFIG [PID]]
 */
import { connect, createSecureServer, type ClientHttp2Session } from 'node:http2';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { load } from 'js-yaml';
import { issueCa, issueCert } from '../../internal/pki/certificate.ts';
import { realRandom } from '../../internal/io/random.ts';
import { TestCluster } from '../e2e/node.ts';
import { processIn } from './counters.ts';
import { rawSqlite } from './raw-sqlite.ts';

interface Job {
  url: string;
  ca: string;
  cert: string;
  key: string;
  clients: number;
  seconds: number;
  verb: 'create' | 'get';
  run: string;
}
const body = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { value: 'x'.repeat(900) },
  });

/** One request; resolves with its status when the answer has been read. */
function ask(
  session: ClientHttp2Session,
  method: string,
  path: string,
  text?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': method,
      ':path': path,
      accept: 'application/json',
      ...(text ? { 'content-type': 'application/json' } : {}),
    });
    let status = 0;
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('data', () => undefined);
    stream.on('end', () => resolve(status));
    stream.on('error', reject);
    stream.end(text);
  });
}

async function measure(
  job: Job,
): Promise<{ perSecond: number; p50: number; p99: number; failed: number }> {
  const sessions = Array.from({ length: job.clients }, () =>
    connect(job.url, { ca: job.ca, cert: job.cert, key: job.key }),
  );
  const took: number[] = [];
  let failed = 0;
  const path = '/api/v1/namespaces/default/configmaps';
  const first = sessions[0] as ClientHttp2Session;
  await ask(first, 'POST', path, body('bench-get'));
  const start = performance.now();
  const end = start + job.seconds * 1000;
  await Promise.all(
    sessions.map(async (session, i) => {
      for (let n = 0; performance.now() < end; n++) {
        const at = performance.now();
        const name = `bench-${job.run}-${i}-${n}`;
        const status =
          job.verb === 'create'
            ? await ask(session, 'POST', path, body(name))
            : await ask(session, 'GET', `${path}/bench-get`);
        took.push(performance.now() - at);
        if (status >= 300) failed++;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  // Not later: the machine of the server may be gone, and nobody would answer.
  await Promise.all(sessions.map((session) => new Promise<void>((done) => session.close(done))));
  took.sort((a, b) => a - b);
  return {
    perSecond: took.length / seconds,
    p50: took[Math.floor(took.length / 2)] ?? 0,
    p99: took[Math.floor(took.length * 0.99)] ?? 0,
    failed,
  };
}

/** The floor: TLS, HTTP/2, the body read and parsed, a fixed answer of the same size. */
async function can(identity: { cert: string; key: string; ca: string }): Promise<string> {
  const answer = Buffer.from(body('bench-get'));
  const server = createSecureServer(
    { ...identity, requestCert: true, rejectUnauthorized: false },
    (request, reply) => {
      const chunks: Buffer[] = [];
      request.on('data', (c: Buffer) => chunks.push(c));
      request.on('end', () => {
        if (chunks.length) JSON.parse(Buffer.concat(chunks).toString());
        reply.writeHead(chunks.length ? 201 : 200, { 'content-type': 'application/json' });
        reply.end(answer);
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Rows a second of raw SQLite, 100 a commit, on the disk that a store would be on. */
function rawRate(): number {
  const dir = mkdtempSync('/var/tmp/skiff-bench-');
  const raw = rawSqlite(dir);
  raw.rows(2_000, 100);
  const start = performance.now();
  raw.rows(20_000, 100);
  const rate = 20_000_000 / (performance.now() - start);
  raw.close();
  rmSync(dir, { recursive: true });
  return rate;
}

const ticksPerSecond = 100;
const cpuMs = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
};

/** The load comes from a thread of its own, the same for both. */
const inThread = (job: Job): Promise<Awaited<ReturnType<typeof measure>>> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: job });
    worker.on('message', resolve);
    worker.on('error', reject);
  });

if (!isMainThread) parentPort?.postMessage(await measure(workerData as Job));
else if (process.argv[2] === 'can') {
  const identity = JSON.parse(process.env['CAN_IDENTITY'] ?? '{}') as Parameters<typeof can>[0];
  process.stdout.write(`${await can(identity)}\n`);
} else {
  const seconds = Number(process.argv[2] ?? 5);
  const { spawn } = await import('node:child_process');
  const now = { nowMs: Date.now(), random: realRandom };
  const ca = issueCa({ ...now, cn: 'can' });
  const identity = {
    ...issueCert({
      ...now,
      ca,
      cn: 'canned-server',
      sans: ['127.0.0.1'],
      usages: ['server', 'client'],
    }),
    ca: ca.cert,
  };
  const child = spawn(process.execPath, [new URL(import.meta.url).pathname, 'can'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CAN_IDENTITY: JSON.stringify(identity) },
  });
  const floor = await new Promise<string>((resolve) =>
    child.stdout.once('data', (d: Buffer) => resolve(d.toString().trim())),
  );
  let cluster: TestCluster | undefined;
  let file = process.argv[3];
  let pid = Number(process.argv[4] ?? 0);
  if (!file) {
    cluster = new TestCluster();
    await cluster.up();
    file = cluster.kubeconfig;
    const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
    pid = processIn(network, /^\/\S*skiff .*\bserver\b/);
  }
  const config = load(readFileSync(file, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const text = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString();
  const [{ cluster: c }, { user: u }] = [
    config.clusters[0] as (typeof config.clusters)[0],
    config.users[0] as (typeof config.users)[0],
  ];
  const ours = {
    url: c['server'] ?? '',
    ca: text(c['certificate-authority-data']),
    cert: text(u['client-certificate-data']),
    key: text(u['client-key-data']),
  };
  for (const verb of ['create', 'get'] as const) {
    for (const clients of [1, 64]) {
      const base = await inThread({
        ...identity,
        url: floor,
        clients,
        seconds,
        verb,
        run: `${clients}`,
      });
      const raw = verb === 'create' ? rawRate() : 0;
      const cpu = pid > 0 ? cpuMs(pid) : 0;
      const own = await inThread({
        ...ours,
        clients,
        seconds,
        verb,
        run: `${Date.now().toString(36)}${clients}`,
      });
      process.stdout.write(
        `${verb.padEnd(6)} ${String(clients).padStart(2)} clients: skiff ` +
          `${own.perSecond.toFixed(0)}/s p50 ${own.p50.toFixed(2)} p99 ${own.p99.toFixed(1)} ` +
          `ms (${own.failed} failed); ` +
          (`canned ${base.perSecond.toFixed(0)}/s p50 ${base.p50.toFixed(2)} ms; ratio ` +
            `${(own.perSecond / base.perSecond).toFixed(2)}`) +
          (raw > 0
            ? `; raw SQLite ${raw.toFixed(0)} rows/s, ratio ` +
              `${(own.perSecond / raw).toFixed(3)}, the can's ` +
              `${(base.perSecond / raw).toFixed(3)}`
            : '') +
          (pid > 0
            ? '; processor ' +
              `${(((cpuMs(pid) - cpu) / (own.perSecond * seconds)) * 1000).toFixed(0)} us ` +
              'each\n'
            : '\n'),
      );
    }
  }
  child.kill();
  cluster?.down(false);
}
