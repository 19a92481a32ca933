/**
 * Memory and the store's file before, during and after much is made and deleted: ROUNDS rounds of
 * 10,000 ConfigMaps and 1,000 pods (as many run as the node takes), then MINUTES of rest. On a
 * disk: `SKIFF_TEST_DISK=/var/tmp churn.ts [ROUNDS [MINUTES]]`.
 */
import { connect, type ClientHttp2Session } from 'node:http2';
import { countersOf, processIn } from './counters.ts';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { busybox } from '../e2e/images.ts';
import { TestCluster, until } from '../e2e/node.ts';

const rounds = Number(process.argv[2] ?? 2);
const minutes = Number(process.argv[3] ?? 6);
const configMaps = 10_000;
const pods = 1_000;
const clients = 16;
const settleMs = 120_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const began = performance.now();

const cluster = new TestCluster('churn');

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

function open(): ClientHttp2Session {
  const config = load(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig;
  const [{ cluster: where }, { user }] = [config.clusters[0]!, config.users[0]!];
  const text = (data: string): Buffer => Buffer.from(data, 'base64');
  return connect(where.server, {
    ca: text(where['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  });
}

function ask(
  session: ClientHttp2Session,
  method: string,
  path: string,
  body?: unknown,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': method,
      ':path': path,
      'content-type': 'application/json',
    });
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      if (status < 300 || status === 404) resolve(text);
      else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`));
    });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

let sessions: ClientHttp2Session[] = [];

/** `work` for 0 to `count`, by several clients at once. */
async function each(
  count: number,
  work: (session: ClientHttp2Session, i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    sessions.map(async (session) => {
      while (next < count) await work(session, next++);
    }),
  );
}

const maps = '/api/v1/namespaces/default/configmaps';
const podsPath = '/api/v1/namespaces/default/pods';

async function round(n: number): Promise<void> {
  await each(configMaps, (session, i) =>
    ask(session, 'POST', maps, {
      metadata: { name: `c${i}` },
      data: { value: `${n}`.repeat(900) },
    }),
  );
  say(`round ${n}: ${configMaps} ConfigMaps are there`);
  await each(pods, (session, i) =>
    ask(session, 'POST', podsPath, {
      metadata: { name: `p${i}`, labels: { app: `a${i % 10}` } },
      spec: {
        containers: [
          { name: 'c', image: 'docker.io/library/busybox:test', command: ['sleep', '100000'] },
        ],
        terminationGracePeriodSeconds: 0,
      },
    }),
  );
  await until(
    'the node is full',
    () =>
      cluster.k('get', 'pods', '--field-selector=status.phase=Running', '-o', 'name').split('\n')
        .length > 100,
    { timeoutMs: 300_000 },
  );
  say(`round ${n}: ${pods} pods are there`);
  // The pods that wait first: else each deletion lets another one start.
  await each(pods, (session, i) => ask(session, 'DELETE', `${podsPath}/p${pods - 1 - i}`));
  await each(configMaps, (session, i) => ask(session, 'DELETE', `${maps}/c${i}`));
  await until('all pods are gone', () => cluster.k('get', 'pods', '-o', 'name').trim() === '', {
    timeoutMs: 300_000,
  });
  say(`round ${n}: all is deleted`);
}

let server = 0;

const anonymousMb = (): number => countersOf(server).anonymousKb / 1024;

const store = join(cluster.node.disk, 'var/lib/skiff/server/db');
function storeMb(): string {
  return readdirSync(store)
    .filter((name) => /^store\.db/.test(name))
    .map((name) => `${name} ${(statSync(join(store, name)).size / 1024 ** 2).toFixed(1)}`)
    .join(', ');
}

function say(when: string): void {
  const { cpuMs, writtenBytes } = countersOf(server);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(
    `${seconds.padStart(4)} s  ${when}: anonymous ${anonymousMb().toFixed(1)} MB; file in MB: ` +
      `${storeMb()}; processor ${(cpuMs / 1000).toFixed(1)} s; ` +
      `written ${(writtenBytes / 1024 ** 2).toFixed(1)} MB\n`,
  );
}

try {
  await cluster.up({ images: [busybox()] });
  const network = cluster.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
  server = processIn(network, /^\/\S*skiff .*\bserver\b/);
  await sleep(settleMs);
  const before = anonymousMb();
  say('idle before');
  sessions = Array.from({ length: clients }, open);
  for (let n = 1; n <= rounds; n++) await round(n);
  for (const session of sessions) session.close();
  for (let half = 1; half <= minutes * 2; half++) {
    await sleep(30_000);
    say(`${half / 2} min of rest (${(anonymousMb() / before).toFixed(2)} of idle before)`);
  }
} finally {
  cluster.down(false);
}
