import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { kubectlProgram, ok, root, run, until } from './node.ts';
import { curl, webCluster } from './web.ts';

const { cluster, agent, dir, failed, proxies, tlsSecret } = webCluster('ingress', (made) => {
  made.apply(web);
  made.k('rollout', 'status', 'deployment/web', '--timeout=60s');
});

/** Agrees to every upgrade and says again what it hears. */
const echo = [
  '#!/bin/sh',
  'while read -r line && [ ${#line} -gt 1 ]; do case $line in',
  '[Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=${line#*: }; key=${key%?} ;;',
  'esac; done',
  'proof=$(printf %s "${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11" | sha1sum | cut -c1-40)',
  String.raw`printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'`,
  String.raw`printf 'Connection: Upgrade\r\nSec-WebSocket-Accept: '`,
  String.raw`printf %s "$proof" | xxd -r -p | base64 | tr -d '\n'`,
  String.raw`printf '\r\n\r\n'`,
  'exec cat',
].join('\n');
const page =
  `cat > /echo <<'end'\n${echo}\nend\nchmod +x /echo; (nc -ll -p 8090 -e /echo &); ` +
  'mkdir -p /www/cgi-bin /www/sub; echo page > /www/index.html; echo sub > /www/sub/index.html; ' +
  'printf "#!/bin/sh\\necho; wc -c\\n" > /www/cgi-bin/size; ' +
  'printf "#!/bin/sh\\necho; env\\n" > /www/cgi-bin/env; ' +
  'chmod +x /www/cgi-bin/*; exec httpd -f -p 8080 -h /www';
const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
      - name: c
        image: docker.io/library/busybox:test
        command: [sh, -c, ${JSON.stringify(page)}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        lifecycle: {preStop: {exec: {command: [sleep, "2"]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: echo, port: 81, targetPort: 8090}
`;
const toWeb = { service: { name: 'web', port: { name: 'http' } } };
const path = (text: string, pathType = 'Prefix', backend: object = toWeb): object => ({
  path: text,
  pathType,
  backend,
});
const ingress = (name: string, spec: object, annotations: object = {}): string =>
  JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, annotations },
    spec,
  });
const host = (name: string, ...paths: object[]): object => ({ host: name, http: { paths } });

const get = (name: string, at = '/', more: string[] = [], ip = cluster.node.ip) =>
  curl(ip, name, at, more);
const status = (name: string, at = '/', more: string[] = []): string | undefined =>
  get(name, at, more)?.slice(-3);
/** What comes back of a text over a connection that was upgraded; undefined when it is refused. */
function upgraded(name: string, at: string, text: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: name,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-version': '13',
    };
    const asked = request({ host: cluster.node.ip, path: at, headers, timeout: 10_000 });
    asked.on('upgrade', (_answer, socket) => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes.toString());
        socket.destroy();
      });
      socket.write(text);
    });
    asked.on('response', (answer) => {
      answer.resume();
      resolve(undefined);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
const addressesOf = (name: string): string =>
  cluster.k('get', 'ingress', name, '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}');

/** Makes the Secret; the serial number of its certificate comes back. */
const secret = (name: string, hostName: string): string =>
  serialOf(readFileSync(tlsSecret(name, hostName), 'utf8'));
const serialOf = (pem: string): string =>
  run(['openssl', 'x509', '-noout', '-serial'], { input: pem }).stdout.trim();
/** The serial number of the certificate that is shown for a name; '' when none is. */
const shown = (name: string, ip = cluster.node.ip): string =>
  serialOf(
    run(['openssl', 's_client', '-connect', `${ip}:443`, '-servername', name], { input: '' })
      .stdout,
  );

/** Asks again and again over connections that stay; at its end it says what was answered. */
const loadScript = `
const { Agent, request } = require('node:http');
const [, ip, name] = process.argv;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const codes = {};
let on = true;
const one = () => new Promise((done) => {
  const asked = request({ host: ip, port: 80, path: '/', headers: { host: name }, agent }, (answer) => {
    answer.resume();
    answer.on('end', () => done(answer.statusCode));
    answer.on('error', (error) => done(error.code));
  });
  asked.on('error', (error) => done(error.code));
  asked.end();
});
const worker = async () => {
  while (on) { const code = await one(); codes[code] = (codes[code] ?? 0) + 1; }
};
process.on('SIGTERM', () => (on = false));
Promise.all(Array.from({ length: 8 }, worker)).then(() => {
  process.stdout.write(JSON.stringify(codes));
  process.exit(0);
});
`;
function load(name: string): { end(): Promise<Record<string, number>> } {
  const child = spawn(process.execPath, ['-e', loadScript, cluster.node.ip, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const over = new Promise((resolve) => child.once('close', resolve));
  return {
    async end() {
      child.kill('SIGTERM');
      await over;
      return JSON.parse(said) as Record<string, number>;
    },
  };
}

describe('Ingress', () => {
  it('is nothing without an Ingress, and serves on the node with the first', async () => {
    onTestFailed(failed);
    expect(proxies()).toEqual([]);
    expect(get('a.test')).toBeUndefined();
    expect(cluster.k('get', 'ingressclass', 'skiff', '-o', 'jsonpath={.spec.controller}')).toBe(
      'skiff/ingress',
    );
    // Without a class it gets the default one.
    const rules = [host('a.test', path('/'), path('/sub'), path('/one', 'Exact'))];
    const made = cluster.apply(ingress('a', { rules }));
    expect(made).not.toContain('Warning');
    await until('it is served', () => get('a.test') === 'page 200');
    await until('it has an address', () => addressesOf('a') === cluster.node.ip);
    expect(get('a.test', '/sub/')).toBe('sub 200');
    expect(status('a.test', '/one/two')).toBe('404');
    expect(status('b.test')).toBe('404');
    expect(status('a.test', '/sub/../one')).toBe('400');
    expect(proxies()).toHaveLength(1);
  });

  it('tells the backend who asked, and streams what is large', async () => {
    onTestFailed(failed);
    const seen = get('a.test', '/cgi-bin/env') ?? '';
    expect(seen).toContain(`HTTP_X_FORWARDED_FOR=${cluster.node.hostIp}`);
    expect(seen).toContain('HTTP_X_FORWARDED_PROTO=http ');
    const megabytes = 300;
    const file = join(dir, 'large');
    ok(['truncate', '-s', `${megabytes}M`, file]);
    expect(get('a.test', '/cgi-bin/size', ['-m', '120', '-T', file, '-X', 'POST'])).toBe(
      `${megabytes * 1024 * 1024} 200`,
    );
    const [pid = ''] = proxies();
    const memory = cluster.node.exec(['sed', '-n', 's/VmHWM:\\s*//p', `/proc/${pid}/status`]);
    expect(parseInt(memory.stdout)).toBeLessThan(100_000);
  });

  it('carries a WebSocket', async () => {
    onTestFailed(failed);
    const toEcho = { service: { name: 'web', port: { name: 'echo' } } };
    cluster.apply(ingress('w', { rules: [host('w.test', path('/', 'Prefix', toEcho))] }));
    await until('it is upgraded', async () => (await upgraded('w.test', '/', 'hello')) === 'hello');
    expect(await upgraded('a.test', '/', 'hello')).toBeUndefined();
  });

  it('has defaults, and says of what it cannot serve why', async () => {
    onTestFailed(failed);
    cluster.apply(ingress('rest', { ingressClassName: 'skiff', defaultBackend: toWeb }));
    await until('it is served', () => get('any.test') === 'page 200');
    cluster.k('delete', 'ingress', 'rest');
    await until('it is gone', () => status('any.test') === '404');
    const gone = path('/', 'Prefix', { service: { name: 'gone', port: { number: 1 } } });
    cluster.apply(ingress('gone', { rules: [host('gone.test', gone)] }));
    await until('it is answered', () => status('gone.test') === '503');
    await until('it says why', () =>
      cluster.k('describe', 'ingress', 'gone').includes('Service gone is not there'),
    );
    cluster.k('delete', 'ingress', 'gone');
  });

  it('shows the certificate of a Secret, and the next one without a lost connection', async () => {
    onTestFailed(failed);
    const first = secret('cert', 't.test');
    const spec = {
      rules: [host('t.test', path('/'))],
      tls: [{ hosts: ['t.test'], secretName: 'cert' }],
    };
    cluster.apply(ingress('t', spec, { 'ingress.skiff/redirect-https': 'true' }));
    await until('it is shown', () => shown('t.test') === first);
    expect(get('t.test', '/', ['-k', '--http2', '-w', ' %{http_version} %{http_code}'])).toBe(
      'page 2 200',
    );
    expect(status('t.test')).toBe('308');
    expect(shown('other.test')).toBe('');
    const before = proxies();
    const next = secret('cert', 't.test');
    expect(next).not.toBe(first);
    await until('the next is shown', () => shown('t.test') === next);
    expect(proxies()).toEqual(before);
  });

  it('shows requests while somebody looks, and counts them', async () => {
    onTestFailed(failed);
    const skiff = join(root, 'dist/skiff');
    let over = false;
    const looking = cluster.node
      .lookBeside(['timeout', '-s', 'INT', '8', skiff, 'ingress-log'], { timeoutMs: 60_000 })
      .finally(() => (over = true));
    await until('it has ended', () => {
      get('a.test', '/sub/?q=1');
      return over;
    });
    const { stdout } = await looking;
    expect(stdout).toMatch(/"GET a\.test\/sub\/\?q=1 HTTP\/1\.1" 200 /);
    expect(stdout).toContain(`${cluster.node.hostIp} - - [`);
    const counts = cluster.k('get', '--raw', '/api/v1/nodes/server/proxy/metrics/ingress');
    expect(counts).toMatch(/^haproxy_frontend_http_requests_total\{proxy="web"\} [1-9]/m);
  });

  it('does what its annotations say: origins, limits, passwords, proxies', async () => {
    onTestFailed(failed);
    const annotated = (name: string, annotations: Record<string, string>): void => {
      const named = Object.entries(annotations).map(([k, v]) => [`ingress.skiff/${k}`, v]);
      const rules = [host(name, path('/'))];
      cluster.apply(ingress(name.replace('.', '-'), { rules }, Object.fromEntries(named)));
    };
    const name = 'ann';
    cluster.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name },
        type: 'kubernetes.io/basic-auth',
        stringData: { username: 'ann', password: 'secret' },
      }),
    );
    annotated('cors.test', { 'cors-origins': 'https://a.example' });
    annotated('small.test', { 'max-body': '10' });
    annotated('elsewhere.test', { 'allow-from': '192.0.2.0/24' });
    annotated('user.test', { 'basic-auth-secrets': name });
    annotated('rate.test', { 'requests-per-second': '2' });
    annotated('moved.test', { rewrite: '/sub/' });
    annotated('sticky.test', { sticky: 'true' });
    annotated('hsts.test', { 'hsts-seconds': '60' });
    annotated('wait.test', { timeout: '1ms' });
    await until('they are served', () => status('hsts.test') === '200');
    const asked = ['-X', 'OPTIONS', '-H', 'Access-Control-Request-Method: PUT', '-D', '-'];
    const may = (origin: string) => get('cors.test', '/', [...asked, '-H', `Origin: ${origin}`]);
    expect(may('https://a.example')).toMatch(/allow-origin: https:\/\/a\.example.* 204$/i);
    expect(may('https://b.example')).not.toMatch(/allow-origin/i);
    expect(status('small.test', '/', ['-d', 'x'.repeat(11)])).toBe('413');
    expect(status('elsewhere.test')).toBe('403');
    expect(status('user.test')).toBe('401');
    expect(status('user.test', '/', ['-u', 'ann:secret'])).toBe('200');
    const many = Array.from({ length: 20 }, () => status('rate.test'));
    expect(many).toContain('429');
    expect(get('moved.test')).toBe('sub 200');
    expect(get('sticky.test', '/', ['-D', '-'])).toMatch(/set-cookie: skiff-route=/i);
    expect(status('wait.test', '/cgi-bin/env')).toBe('504');
    // Who stands behind a proxy that is believed is who it says.
    const settings = { metadata: { name: 'skiff-ingress', namespace: 'kube-system' } };
    const data = { proxyProtocolFrom: cluster.node.hostIp };
    cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...settings, data }));
    const proxied = ['--haproxy-protocol'];
    await until('it is believed', () => status('a.test', '/', proxied) === '200');
    expect(get('a.test', '/', ['-m', '2'])).toBeUndefined();
    cluster.k('-n', 'kube-system', 'delete', 'configmap', 'skiff-ingress');
    await until('and no more', () => status('a.test') === '200');
    for (const one of [
      'cors',
      'small',
      'elsewhere',
      'user',
      'rate',
      'moved',
      'sticky',
      'hsts',
      'wait',
    ])
      cluster.k('delete', 'ingress', `${one}-test`);
  });

  it('loses no request while all pods are replaced, and while skiff itself is', async () => {
    onTestFailed(failed);
    const running = load('a.test');
    cluster.k('rollout', 'restart', 'deployment/web');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=120s');
    const before = proxies();
    cluster.killServer('KILL');
    await until('it ended', () => cluster.kubectl(['get', '--raw', '/readyz']).code !== 0);
    cluster.startServer();
    await cluster.ready();
    cluster.apply(ingress('late', { rules: [host('late.test', path('/'))] }));
    await until('a new one is served', () => get('late.test') === 'page 200');
    cluster.k('rollout', 'restart', 'deployment/web');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=120s');
    const codes = await running.end();
    expect(Object.keys(codes)).toEqual(['200']);
    expect(codes['200']).toBeGreaterThan(1000);
    expect(proxies()).toEqual(before);
  });

  it('heals when HAProxy is killed', async () => {
    onTestFailed(failed);
    const before = proxies();
    const certificate = shown('t.test');
    cluster.node.exec(['kill', '-9', ...before]);
    await until('it is served again', () => get('a.test') === 'page 200');
    await until('with its certificate', () => shown('t.test') === certificate);
    expect(proxies()).not.toEqual(before);
  });

  it('is served by agents too, with the certificates that Ingresses name', async () => {
    onTestFailed(failed);
    await agent.boot([busybox()]);
    await agent.join(cluster);
    const { ip } = agent.node;
    await until('it is served', () => get('a.test', '/', [], ip) === 'page 200', {
      seen: () => agent.log().slice(-2000),
      timeoutMs: 90_000,
    });
    await until('with the certificate', () => shown('t.test', ip) === shown('t.test'));
    await until('it has both addresses', () => addressesOf('a').split(' ').includes(ip));
    const next = secret('cert', 't.test');
    await until('the next is shown', () => shown('t.test', ip) === next);
    const may = (name: string): string =>
      run([kubectlProgram(), 'get', 'secret', name], { env: { KUBECONFIG: networkConfig() } })
        .stderr;
    cluster.k('create', 'secret', 'generic', 'other', '--from-literal=a=b');
    expect(may('cert')).toBe('');
    expect(may('other')).toContain('no Ingress or Gateway of a class of skiff names this Secret');
  });

  it('ends with the last Ingress, and is nothing with --disable=traefik', async () => {
    onTestFailed(failed);
    await cluster.stopServer();
    expect(proxies()).toHaveLength(1);
    cluster.startServer(['--disable=traefik']);
    await cluster.answers();
    await until('it ended', () => proxies().length === 0);
    expect(cluster.kubectl(['get', 'ingressclass', 'skiff']).stderr).toContain('not found');
    expect(get('a.test')).toBeUndefined();
    await cluster.stopServer();
    cluster.startServer([]);
    await cluster.answers();
    await until('it is served again', () => get('a.test') === 'page 200');
    cluster.k('delete', 'ingress', '--all');
    await until('nobody answers', () => get('a.test') === undefined);
    await until('no process is left', () => proxies().length === 0);
  });
});

/** A kubeconfig of the agent's network. */
function networkConfig(): string {
  const at = (name: string): string => join(agent.node.disk, 'var/lib/skiff/agent', name);
  const file = join(dir, 'network.yaml');
  const config = ['config', `--kubeconfig=${file}`];
  const kubectl = (...args: string[]): string => ok([kubectlProgram(), ...config, ...args]);
  kubectl(
    'set-cluster',
    'c',
    `--server=https://${cluster.node.ip}:6443`,
    '--insecure-skip-tls-verify=true',
  );
  kubectl(
    'set-credentials',
    'n',
    `--client-certificate=${at('client-network.crt')}`,
    `--client-key=${at('client-network.key')}`,
  );
  kubectl('set-context', 'x', '--cluster=c', '--user=n');
  kubectl('use-context', 'x');
  return file;
}
