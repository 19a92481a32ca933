import { describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { until } from './node.ts';
import { curl, webCluster } from './web.ts';

const { cluster, agent, failed, proxies, tlsSecret } = webCluster('gateway', (made) => {
  for (const one of ['infra', 'shop', 'else']) made.k('create', 'namespace', one);
  made.k('label', 'namespace', 'shop', 'gateways=web');
  made.apply(['one', 'two'].map(page).join('---\n'));
  for (const name of ['one', 'two'])
    made.k('rollout', 'status', `deployment/${name}`, '-n', 'shop', '--timeout=60s');
});

const serve = (name: string): string =>
  'mkdir -p /www/cgi-bin /www/sub; echo ' +
  `${name} > /www/index.html; echo sub > /www/sub/index.html; ` +
  'printf "#!/bin/sh\\necho; env\\n" > /www/cgi-bin/env; chmod +x /www/cgi-bin/env; ' +
  'exec httpd -f -p 8080 -h /www';
const page = (name: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: docker.io/library/busybox:test
        command: [sh, -c, ${JSON.stringify(serve(name))}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {app: ${name}}
  ports: [{port: 80, targetPort: 8080}]
`;
const apiVersion = 'gateway.networking.k8s.io/v1';
const object = (kind: string, namespace: string, name: string, spec: object): string =>
  JSON.stringify({ apiVersion, kind, metadata: { name, namespace }, spec });
const allowedRoutes = {
  namespaces: { from: 'Selector', selector: { matchLabels: { gateways: 'web' } } },
};
const plain = { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes };
const secure = {
  name: 'https',
  port: 443,
  protocol: 'HTTPS',
  hostname: 't.test',
  allowedRoutes,
  tls: { certificateRefs: [{ name: 'cert' }] },
};
const other = { name: 'other', port: 8088, protocol: 'HTTP', allowedRoutes };
const web = (...listeners: object[]): string =>
  object('Gateway', 'infra', 'web', { gatewayClassName: 'skiff', listeners });
const toWeb = [{ name: 'web', namespace: 'infra' }];
const route = (name: string, rules: object[], more: object = {}, namespace = 'shop'): string =>
  object('HTTPRoute', namespace, name, { parentRefs: toWeb, rules, ...more });
const to = (name: string, more: object = {}): object => ({ name, port: 80, ...more });

const get = (name: string, at = '/', more: string[] = [], ip = cluster.node.ip, port = 0) =>
  curl(ip, name, at, more, port);
const gatewayStatus = (path: string): string =>
  cluster.k('get', 'gateway', 'web', '-n', 'infra', '-o', `jsonpath={.status.${path}}`);
const reasons = (name: string, namespace = 'shop'): string =>
  cluster.k(
    ...['get', 'httproute', name, '-n', namespace],
    ...['-o', 'jsonpath={.status.parents[*].conditions[*].reason}'],
  );
const programmed = (): boolean => gatewayStatus('conditions[*].reason') === 'Accepted Programmed';

describe('the Gateway API', () => {
  it('has a class, and is nothing without a Gateway', async () => {
    onTestFailed(failed);
    const accepted = '{.status.conditions[?(@.type=="Accepted")].status}';
    await until('the class is accepted', () => {
      const asked = ['get', 'gatewayclass', 'skiff', '-o', `jsonpath=${accepted}`];
      return cluster.kubectl(asked).stdout === 'True';
    });
    expect(proxies()).toEqual([]);
    const wrong = { ...plain, hostname: 'Not A Name' };
    const refused = cluster.kubectl(['apply', '-f', '-'], { input: web(wrong) });
    expect(refused.stderr).toContain('spec.listeners[0].hostname');
  });

  it('leads to a Service of another namespace that is let in, and says so', async () => {
    onTestFailed(failed);
    cluster.apply(web(plain));
    cluster.apply(route('a', [{ backendRefs: [to('one')] }], { hostnames: ['a.test'] }));
    await until('it is served', () => get('a.test') === 'one 200');
    await until('it is programmed', programmed);
    expect(gatewayStatus('addresses[*].value')).toBe(cluster.node.ip);
    await until('the route is counted', () => gatewayStatus('listeners[0].attachedRoutes') === '1');
    expect(reasons('a')).toBe('Accepted ResolvedRefs');
    cluster.apply(route('b', [{ backendRefs: [to('one')] }], { hostnames: ['b.test'] }, 'else'));
    await until('another is told why not', () =>
      reasons('b', 'else').includes('NotAllowedByListeners'),
    );
    expect(get('b.test')).toContain('404');
    expect(proxies()).toHaveLength(1);
  });

  it('matches, changes and divides what comes', async () => {
    onTestFailed(failed);
    const header = { headers: [{ name: 'x-who', value: 'me' }] };
    const filters = [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'X-Odd', value: `a'"\\ %[src] $HOME` }] },
      },
      {
        type: 'URLRewrite',
        urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/cgi-bin' } },
      },
    ];
    const halves = [to('one', { weight: 1 }), to('two', { weight: 1 })];
    cluster.apply(
      route(
        'm',
        [
          { matches: [{ path: { value: '/do' }, ...header }], filters, backendRefs: [to('two')] },
          { matches: [{ path: { value: '/half' } }], filters: [rootOf], backendRefs: halves },
          { backendRefs: [to('one')] },
        ],
        { hostnames: ['m.test'] },
      ),
    );
    await until('it is served', () => get('m.test') === 'one 200');
    expect(get('m.test', '/do/env')).toContain('404');
    expect(get('m.test', '/do/env', ['-H', 'X-Who: me'])).toContain(
      `HTTP_X_ODD=a'"\\ %[src] $HOME `,
    );
    const seen = new Set(Array.from({ length: 40 }, () => get('m.test', '/half')));
    expect([...seen].sort()).toEqual(['one 200', 'two 200']);
  });

  it('ends TLS, and opens another port beside', async () => {
    onTestFailed(failed);
    tlsSecret('cert', 't.test', 'infra');
    cluster.apply(web(plain, secure, other));
    cluster.apply(route('t', [{ backendRefs: [to('two')] }], { hostnames: ['t.test'] }));
    await until('it is served with TLS', () => get('t.test', '/', ['-k']) === 'two 200');
    await until('and at the other port', () => at8088() === 'one 200');
    expect(proxies()).toHaveLength(2);
    cluster.k('delete', 'httproute', 't', '-n', 'shop');
    await until('a route is gone', () => get('t.test', '/', ['-k'])?.includes('404') === true);
  });

  it('passes TLS on by its name, ends it for others, and serves bytes', async () => {
    onTestFailed(failed);
    const named = (name: string, hostname: string, tls: object) => ({
      ...secure,
      ...{ name, hostname, tls, protocol: 'TLS' },
    });
    const listeners = [
      ...[plain, secure, other],
      named('pass', 'inner.test', { mode: 'Passthrough' }),
      named('end', 'end.test', { mode: 'Terminate', certificateRefs: [{ name: 'end' }] }),
      { name: 'tcp', port: 8089, protocol: 'TCP', allowedRoutes },
    ];
    tlsSecret('end', 'end.test', 'infra');
    cluster.apply(web(...listeners));
    const stream = (kind: string, name: string, sectionName: string, more: object): string =>
      object(kind, 'shop', name, {
        parentRefs: [{ ...toWeb[0], sectionName }],
        rules: [{ backendRefs: [to('one')] }],
        ...more,
      });
    cluster.apply(stream('TLSRoute', 'end', 'end', { hostnames: ['end.test'] }));
    cluster.apply(stream('TCPRoute', 'tcp', 'tcp', {}));
    const api = [{ name: 'kubernetes', namespace: 'default', port: 443 }];
    cluster.apply(
      JSON.stringify({
        apiVersion: 'gateway.networking.k8s.io/v1beta1',
        kind: 'ReferenceGrant',
        metadata: { name: 'shop', namespace: 'default' },
        spec: {
          from: ['TLSRoute', 'HTTPRoute'].map((kind) => ({
            group: 'gateway.networking.k8s.io',
            kind,
            namespace: 'shop',
          })),
          to: [{ group: '', kind: 'Service', name: 'kubernetes' }],
        },
      }),
    );
    const rules = [{ backendRefs: api }];
    cluster.apply(stream('TLSRoute', 'pass', 'pass', { hostnames: ['inner.test'], rules }));
    await until('TLS is ended', () => get('end.test', '/', ['-k']) === 'one 200');
    await until('bytes are served', () => get('a.test', '/', [], undefined, 8089) === 'one 200');
    // The API server is who answers, with its own certificate.
    await until('TLS is passed on', () => get('inner.test', '/livez', ['-k']) === 'ok 200');
    expect(get('t.test', '/', ['-k'])).toContain('404');
    // Of a backend whose certificate is checked.
    cluster.apply(route('checked', [{ backendRefs: api }], { hostnames: ['api.test'] }));
    const policy = (hostname: string): string =>
      object('BackendTLSPolicy', 'default', 'api', {
        targetRefs: [{ group: '', kind: 'Service', name: 'kubernetes' }],
        validation: {
          hostname,
          caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'kube-root-ca.crt' }],
        },
      });
    cluster.apply(policy('kubernetes.default.svc'));
    await until('it is checked', () => get('api.test', '/livez') === 'ok 200');
    const said = '{.status.ancestors[*].conditions[*].reason}';
    await until('that is said', () => {
      const asked = ['get', 'backendtlspolicy', 'api', '-n', 'default'];
      return cluster.k(...asked, '-o', `jsonpath=${said}`) === 'Accepted ResolvedRefs';
    });
    cluster.apply(policy('other.test'));
    await until('another is refused', () => get('api.test', '/livez')?.endsWith('503') === true);
    cluster.k('delete', 'httproute', 'checked', '-n', 'shop');
    const attached = '{.status.listeners[*].attachedRoutes}';
    await until('all are counted', () =>
      cluster
        .k('get', 'gateway', 'web', '-n', 'infra', '-o', `jsonpath=${attached}`)
        .endsWith('1 1 1'),
    );
    for (const [kind, name] of [
      ['tlsroute', 'end'],
      ['tlsroute', 'pass'],
      ['tcproute', 'tcp'],
    ] as const)
      cluster.k('delete', kind, name, '-n', 'shop');
    await until('it is passed on no more', () => get('inner.test', '/', ['-k']) === undefined);
    cluster.apply(web(plain, secure, other));
    await until('a port is closed', () => proxies().length === 2);
  });

  it('heals when HAProxy is killed', async () => {
    onTestFailed(failed);
    const before = proxies();
    cluster.node.exec(['kill', '-9', ...before]);
    await until('it is served again', () => get('a.test') === 'one 200');
    await until('and at the other port', () => at8088() === 'one 200');
    expect(proxies().filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('is not broken by a restart of skiff', async () => {
    onTestFailed(failed);
    const before = proxies();
    cluster.killServer('KILL');
    await until('it ended', () => cluster.kubectl(['get', '--raw', '/readyz']).code !== 0);
    expect(get('a.test')).toBe('one 200');
    cluster.startServer();
    for (let tries = 0; tries < 30; tries += 1) expect(get('a.test')).toBe('one 200');
    await cluster.ready();
    cluster.apply(route('n', [{ backendRefs: [to('two')] }], { hostnames: ['n.test'] }));
    await until('a new one is served', () => get('n.test') === 'two 200');
    expect(proxies()).toEqual(before);
  });

  it('is served by agents too, with the certificates that Gateways name', async () => {
    onTestFailed(failed);
    await agent.boot([busybox()]);
    await agent.join(cluster);
    const { ip } = agent.node;
    await until('it is served', () => get('a.test', '/', [], ip) === 'one 200', {
      seen: () => agent.log().slice(-2000),
      timeoutMs: 90_000,
    });
    cluster.apply(route('t', [{ backendRefs: [to('two')] }], { hostnames: ['t.test'] }));
    await until('with TLS', () => get('t.test', '/', ['-k'], ip) === 'two 200');
    await until('it has both addresses', () =>
      gatewayStatus('addresses[*].value').split(' ').includes(ip),
    );
  });

  it('ends with the last Gateway, and is nothing with --disable=ingress', async () => {
    onTestFailed(failed);
    cluster.k('delete', 'gateway', 'web', '-n', 'infra');
    await until('no process is left', () => proxies().length === 0);
    await until('the routes say so', () => reasons('a') === '');
    cluster.apply(web(plain));
    await until('it is served again', () => get('a.test') === 'one 200');
    await cluster.stopServer();
    cluster.startServer(['--disable=ingress']);
    await cluster.answers();
    await until('no process is left', () => proxies().length === 0);
    await until('the class is gone', () =>
      cluster.kubectl(['get', 'gatewayclass', 'skiff']).stderr.includes('not found'),
    );
  });
});

const rootOf = {
  type: 'URLRewrite',
  urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
};
const at8088 = (): string | undefined => get('a.test', '/', [], cluster.node.ip, 8088);
