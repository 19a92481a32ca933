/**
 * Ingress against a HAProxy that is configured by hand, in turns, on one node: requests a second,
 * the 99th percentile and HAProxy's processor time for one; the same by way of a Gateway. Then so
 * many endpoint changes through the API under 2,000 requests a second, and a certificate that is
 * changed again and again under new handshakes.
 *
 *     node test/bench/ingress.ts [SECONDS [CHANGES [CERTIFICATES]]]
 *
 * Needs wrk. Backends are frontends of one HAProxy outside the node that answer from a can.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { ok, run, TestCluster, until } from '../e2e/node.ts';
import { countersOf } from './counters.ts';
import { placeOf } from './places.ts';

const [seconds, changes, certificates] = [
  Number(process.argv[2] ?? 8),
  Number(process.argv[3] ?? 10_000),
  Number(process.argv[4] ?? 100),
];
const rounds = 3;
const backendPort = 9_000;
const handPort = 8_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const started: ChildProcess[] = [];
const cluster = new TestCluster('server');
process.once('exit', () => {
  for (const one of started) one.kill();
  cluster.down(false);
});
await cluster.up();
const { disk, ip, hostIp } = cluster.node;
const backends = [254, 253, 252].map((n) => hostIp.replace(/\.254$/, `.${n}`));
for (const one of backends.slice(1))
  run(['ip', 'addr', 'add', `${one}/24`, 'dev', cluster.node.link]);
const common =
  'global\n  nbthread 1\n  maxconn 8192\ndefaults\n  mode http\n  timeout connect 5s\n' +
  '  timeout client 60s\n  timeout server 60s\n';
const page = join(disk, 'page.cfg');
writeFileSync(
  page,
  `${common}frontend page\n` +
    backends.map((one) => `  bind ${one}:${backendPort}\n`).join('') +
    '  http-request return status 200 content-type text/plain string "hello"\n',
);
started.push(spawn('haproxy', ['-db', '-f', page], { stdio: 'inherit' }));
const hand = join(disk, 'hand.cfg');
writeFileSync(
  hand,
  `${common}frontend web\n  bind 0.0.0.0:${handPort}\n` +
    '  use_backend web if { hdr(host) -i a.test }\n' +
    'backend web\n  option forwardfor\n' +
    backends.map((one, i) => `  server s${i} ${one}:${backendPort}\n`).join(''),
);
started.push(cluster.node.start(['haproxy', '-db', '-f', hand], 'hand.log'));

const slice = (addresses: readonly string[]): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: '', port: backendPort, protocol: 'TCP' }],
  endpoints: addresses.map((one) => ({ addresses: [one], conditions: { ready: true } })),
});
const toWeb = { service: { name: 'web', port: { number: 80 } } };
const rule = (host: string): object => ({
  host,
  http: { paths: [{ path: '/', pathType: 'Prefix', backend: toWeb }] },
});
const items = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80, targetPort: backendPort }] },
  },
  slice(backends),
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web' },
    spec: {
      ingressClassName: 'skiff',
      rules: [rule('a.test'), rule('t.test')],
      tls: [{ hosts: ['t.test'], secretName: 'cert' }],
    },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'web' },
    spec: { gatewayClassName: 'skiff', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web' },
    spec: {
      parentRefs: [{ name: 'web' }],
      hostnames: ['g.test'],
      rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
    },
  },
];
cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
const code = (host: string, port: number): string =>
  run([
    'curl',
    '-s',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    '-H',
    `Host: ${host}`,
    `http://${ip}:${port}/`,
  ]).stdout;
const ways = [
  { name: 'by hand', host: 'a.test', port: handPort },
  { name: 'Ingress', host: 'a.test', port: 80 },
  { name: 'Gateway', host: 'g.test', port: 80 },
];
for (const { host, port } of ways)
  await until(`${host}:${port} answers`, () => code(host, port) === '200');

/** The HAProxy that listens on a port of the node. */
function pidAt(port: number): number {
  const said = cluster.node.look(['ss', '-Hltnp', `sport = :${port}`]).stdout;
  const inside = /pid=(\d+)/.exec(said)?.[1] ?? '';
  const here = run(['bash', '-c', `grep -lE "^NSpid:.*\\s${inside}$" /proc/[0-9]*/status`]).stdout;
  return Number(
    here
      .split('\n')
      .map((path) => path.split('/')[2] ?? '')
      .find((pid) => pid !== '' && run(['cat', `/proc/${pid}/comm`]).stdout.trim() === 'haproxy'),
  );
}

interface Measured {
  perSecond: number;
  p99Ms: number;
  cpuUs: number;
}
async function measure({ host, port }: (typeof ways)[number]): Promise<Measured> {
  const pid = pidAt(port);
  const before = countersOf(pid).cpuMs;
  const child = spawn(
    'wrk',
    ['-t1', '-c32', `-d${seconds}s`, '--latency', '-H', `Host: ${host}`, `http://${ip}:${port}/`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const total = Number(/(\d+) requests in/.exec(said)?.[1]);
  if (/Non-2xx|Socket errors/.test(said)) say(said);
  const [, p99, unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(said) ?? [];
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]),
    p99Ms: Number(p99) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? NaN),
    cpuUs: ((countersOf(pid).cpuMs - before) * 1000) / total,
  };
}
const best = new Map<string, Measured>();
for (let round = 0; round < rounds; round += 1)
  for (const way of ways) {
    const found = await measure(way);
    const had = best.get(way.name) ?? found;
    best.set(way.name, {
      perSecond: Math.max(had.perSecond, found.perSecond),
      p99Ms: Math.min(had.p99Ms, found.p99Ms),
      cpuUs: Math.min(had.cpuUs, found.cpuUs),
    });
  }
const floor = best.get('by hand');
for (const [name, { perSecond, p99Ms, cpuUs }] of best)
  say(
    `${name}: ${perSecond.toFixed(0)} requests/s ` +
      `(${(perSecond / (floor?.perSecond ?? NaN)).toFixed(2)}), ` +
      `p99 ${p99Ms.toFixed(2)} ms, HAProxy ${cpuUs.toFixed(1)} us of processor each ` +
      `(${((floor?.cpuUs ?? NaN) / cpuUs).toFixed(2)})`,
  );

/** So many requests a second over eight connections that stay; what was answered, by code. */
function load(perSecond: number): { end(): Promise<Record<string, number>> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const codes: Record<string, number> = {};
  const waiting = new Set<Promise<void>>();
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (what: string | number | undefined): void => {
        codes[String(what)] = (codes[String(what)] ?? 0) + 1;
        resolve();
      };
      const asked = request(
        { host: ip, port: 80, path: '/', headers: { host: 'a.test' }, agent },
        (answer) => {
          answer.resume();
          answer.on('end', () => done(answer.statusCode));
          answer.on('error', (error) => done(error.message));
        },
      );
      asked.on('error', (error) => done(error.message));
      asked.end();
    });
  const begun = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    // What could not be sent in time is not sent later all at once.
    const due = Math.min(((performance.now() - begun) / 1000) * perSecond, sent + perSecond / 10);
    for (; sent < due; sent += 1) {
      const made = one().finally(() => waiting.delete(made));
      waiting.add(made);
    }
  }, 5);
  return {
    async end() {
      clearInterval(timer);
      await Promise.all(waiting);
      agent.destroy();
      return codes;
    },
  };
}

const { host = '', port, ...keys } = placeOf(readFileSync(cluster.kubeconfig, 'utf8'));
const session = connectHttp2(`https://${host}:${port}`, keys);
function patch(path: string, body: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'PATCH',
      ':path': path,
      'content-type': 'application/merge-patch+json',
    });
    stream.on('response', (headers) => {
      if (headers[':status'] !== 200) reject(new Error(`${path}: ${headers[':status']}`));
    });
    stream.on('error', reject);
    stream.resume();
    stream.on('end', resolve);
    stream.end(JSON.stringify(body));
  });
}
const slicePath = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web';
const running = load(2_000);
await sleep(1_000);
const begun = performance.now();
for (let i = 0; i < changes; i += 1)
  await patch(slicePath, slice(backends.filter((_, n) => n !== i % (backends.length + 1))));
const tookMs = performance.now() - begun;
const answered = await running.end();
const requests = Object.values(answered).reduce((a, b) => a + b, 0);
say(
  `${changes} endpoint changes in ${(tookMs / 1000).toFixed(1)} s under ` +
    `${((requests * 1000) / (tookMs + 1_000)).toFixed(0)} requests/s: ${JSON.stringify(answered)}`,
);

/** A certificate of t.test, as a Secret. */
function secret(): object {
  const [key, cert] = [join(disk, 'k.pem'), join(disk, 'c.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  ok(['openssl', 'req', '-x509', ...curve, '-subj', '/CN=t.test', '-keyout', key, '-out', cert]);
  const data = { 'tls.key': readFileSync(key, 'base64'), 'tls.crt': readFileSync(cert, 'base64') };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cert' },
    type: 'kubernetes.io/tls',
    data,
  };
}
cluster.apply(JSON.stringify(secret()));
const shake = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({
      host: ip,
      port: 443,
      servername: 't.test',
      rejectUnauthorized: false,
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
  });
await until('a certificate is shown', () =>
  shake().then(
    () => true,
    () => false,
  ),
);
let on = true;
const shaken = { good: 0, failed: 0 };
const serials = new Set<string>();
const shakers = Array.from({ length: 4 }, async () => {
  while (on)
    await shake().then(
      (serial) => (serials.add(serial), (shaken.good += 1)),
      () => (shaken.failed += 1),
    );
});
for (let i = 0; i < certificates; i += 1) {
  await patch('/api/v1/namespaces/default/secrets/cert', secret());
  await sleep(50);
}
on = false;
await Promise.all(shakers);
say(
  `${certificates} certificates, ${serials.size} of them seen, ${shaken.good} handshakes, ` +
    `${shaken.failed} failed`,
);
session.close();
process.exit(0);
