import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { requireProgram } from '../packages.ts';
import { ok, runBeside, TestCluster, until } from './node.ts';

/** A real browser in front of Ingress: TLS, HTTP/2 and a WebSocket on one name. */
const cluster = new TestCluster('server');
const dir = mkdtempSync(join(tmpdir(), 'skiff-browser-'));
let page: Server;
let failed = false;
const host = 'shop.test';
/**
 * Its script writes down how it came here, and what the other end of its WebSocket said. The page
 * is not there as a whole before that has been said.
 */
const html = `<!doctype html><title>shop</title><p id=way></p><p id=said></p>
<img src=/hold><script>
document.getElementById('way').textContent =
  performance.getEntriesByType('navigation')[0].nextHopProtocol + ' ' + location.protocol;
const socket = new WebSocket('wss://${host}/socket');
socket.onopen = () => socket.send('hello');
socket.onmessage = ({ data }) => (document.getElementById('said').textContent = data);
socket.onerror = () => (document.getElementById('said').textContent = 'failed');
</script>`;

/** Says again what the first short text says, as RFC 6455 has it: a client's text is masked. */
function echo(socket: Duplex, done: () => void): void {
  socket.on('error', () => undefined);
  socket.once('data', (frame: Buffer) => {
    const length = (frame[1] ?? 0) & 0x7f;
    const [mask, text] = [frame.subarray(2, 6), frame.subarray(6, 6 + length)];
    const plain = text.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
    socket.write(Buffer.concat([Buffer.from([0x81, length]), plain]));
    done();
  });
}

beforeAll(async () => {
  requireProgram('chromium');
  requireProgram('haproxy');
  await cluster.up();
  let saidIt: () => void = () => undefined;
  const said = new Promise<void>((resolve) => (saidIt = resolve));
  page = createServer((asked, answer) => {
    asked.resume();
    if (asked.url === '/hold') return void said.then(() => setTimeout(() => answer.end(), 500));
    answer.setHeader('content-type', 'text/html');
    answer.end(html);
  });
  page.on('upgrade', (asked, socket) => {
    const key = `${asked.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const proof = createHash('sha1').update(key).digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${proof}\r\n\r\n`,
    );
    echo(socket, saidIt);
  });
  const { hostIp } = cluster.node;
  await new Promise<void>((resolve) => page.listen(0, hostIp, resolve));
  const at = page.address();
  const port = typeof at === 'object' && at ? at.port : 0;
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  ok(['openssl', 'req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  cluster.k('create', 'secret', 'tls', 'cert', `--key=${key}`, `--cert=${cert}`);
  const backend = { service: { name: 'page', port: { number: 80 } } };
  const items = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'page' },
      spec: { ports: [{ port: 80, targetPort: port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'page', labels: { 'kubernetes.io/service-name': 'page' } },
      addressType: 'IPv4',
      ports: [{ name: '', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [hostIp], conditions: { ready: true } }],
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'page', annotations: { 'ingress.skiff/redirect-https': 'true' } },
      spec: {
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
        tls: [{ hosts: [host], secretName: 'cert' }],
      },
    },
  ];
  cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const curl = ['curl', '-sk', '-m', '5', '--resolve', `${host}:443:${cluster.node.ip}`];
  // The page is in this process: nothing here may block.
  await until('the page is served', async () =>
    (await runBeside([...curl, `https://${host}/`])).stdout.includes('shop'),
  );
});
afterAll(() => {
  page.close();
  page.closeAllConnections();
  cluster.down(failed);
  rmSync(dir, { recursive: true, force: true });
});

it('shows a page by HTTP/2 and TLS, and carries its WebSocket', async () => {
  onTestFailed(() => void (failed = true));
  const seen = await runBeside(
    [
      'chromium',
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--ignore-certificate-errors',
      `--host-resolver-rules=MAP ${host} ${cluster.node.ip}`,
      `--user-data-dir=${join(dir, 'profile')}`,
      '--timeout=20000',
      '--dump-dom',
      // From here the Ingress sends it to https.
      `http://${host}/`,
    ],
    { timeoutMs: 90_000 },
  );
  expect(seen.stdout, seen.stderr).toContain('<p id="way">h2 https:</p>');
  expect(seen.stdout, seen.stderr).toContain('<p id="said">hello</p>');
});
