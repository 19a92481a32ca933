import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Service } from '../generated/types/core-v1.ts';
import { covers, intersection } from './hostnames.ts';
import { gatewaySecrets } from './listeners.ts';
import { planGateways, type GatewayPlan, type GatewayView } from './plan.ts';
import type { Gateway, GatewayClass, GrpcRoute, HttpRoute, Listener } from './types.ts';

const gatewayClass = (name: string, controllerName = 'skiff/gateway'): GatewayClass => ({
  metadata: { name },
  spec: { controllerName },
});
const http = (port = 80, more: Partial<Listener> = {}): Listener => ({
  name: `l${port}`,
  port,
  protocol: 'HTTP',
  ...more,
});
const https = (port = 443, more: Partial<Listener> = {}): Listener => ({
  ...http(port, { protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } }),
  ...more,
});
const gateway = (name: string, listeners: Listener[], more: Partial<Gateway['spec']> = {}) => ({
  metadata: { name, namespace: 'shop', creationTimestamp: `2026-01-01T00:00:00Z` },
  spec: { gatewayClassName: 'skiff', listeners, ...more },
});
type Spec = Partial<HttpRoute['spec']>;
const route = (name: string, spec: Spec = {}, namespace = 'shop'): HttpRoute => ({
  metadata: { name, namespace },
  spec: {
    parentRefs: [{ name: 'web', namespace: 'shop' }],
    rules: [{ backendRefs: [{ name: 'page', port: 80 }] }],
    ...spec,
  },
});
const service = (namespace: string, name: string): Service | undefined =>
  name === 'page'
    ? ({
        metadata: { name, namespace },
        spec: { clusterIP: '10.43.0.9', ports: [{ port: 80 }] },
      } as Service)
    : undefined;
const plan = (view: Partial<GatewayView>): GatewayPlan =>
  planGateways({
    classes: [gatewayClass('skiff')],
    gateways: [gateway('web', [http()])],
    httpRoutes: [],
    grpcRoutes: [],
    tlsRoutes: [],
    tcpRoutes: [],
    backendTlsPolicies: [],
    authority: () => undefined,
    grants: [],
    labelsOf: () => ({}),
    service,
    certificate: () => undefined,
    reservedPorts: [7443],
    ...view,
  });
/** `Type=Status/Reason` of each condition of the first route's parents. */
const saidOf = (found: GatewayPlan, at = 0): string[][] =>
  (found.routes[at]?.parents ?? []).map(({ conditions }) =>
    conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`),
  );
const accepted = ['Accepted=True/Accepted', 'ResolvedRefs=True/ResolvedRefs'];
const listenersSaid = (found: GatewayPlan): string[] =>
  found.gateways.flatMap(({ gateway: { metadata }, listeners }) =>
    listeners.map(
      ({ listener, conditions }) =>
        `${metadata.name}/${listener.name}: ${conditions
          .filter(({ type, status }) => type !== 'Conflicted' || status === 'True')
          .map((c) => c.reason)
          .join(' ')}`,
    ),
  );

describe('Gateways', () => {
  it('are ours by their class, when it asks for no parameters', () => {
    const classes = [gatewayClass('skiff'), gatewayClass('other', 'x.io/other')];
    const odd = gatewayClass('odd');
    odd.spec.parametersRef = {};
    const gateways = ['skiff', 'other', 'odd', 'none'].map((gatewayClassName) =>
      gateway(gatewayClassName, [http()], { gatewayClassName }),
    );
    const found = plan({ classes: [...classes, odd], gateways });
    expect(found.gateways.map((one) => one.gateway.metadata.name)).toEqual(['skiff']);
    expect(found.classes.map((one) => one.accepted.reason)).toEqual([
      'Accepted',
      'InvalidParameters',
    ]);
  });

  it.each<[string, Listener[], string[]]>([
    ['both protocols', [http(), https()], ['ResolvedRefs Accepted Programmed']],
    ['one that there is not', [http(80, { protocol: 'UDP' })], ['UnsupportedProtocol']],
    ['TLS that is passed on', [https(443, { tls: { mode: 'Passthrough' } })], ['Unsupported']],
    ['a port of the node', [http(6443)], ['PortUnavailable']],
    ['a port of this cluster', [http(7443)], ['PortUnavailable']],
    ['the wrong one of two', [http(443)], ['PortUnavailable']],
    ['two on a port', [http(8080), https(8080, { name: 'b' })], ['ProtocolConflict']],
    ['a host twice', [http(80, { name: 'a' }), http(80, { name: 'b' })], ['HostnameConflict']],
    ['no certificate', [https(443, { tls: {} })], ['InvalidCertificateRef Accepted Invalid']],
    [
      'a kind that is not served',
      [http(80, { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } })],
      ['InvalidRouteKinds Accepted Invalid'],
    ],
  ])('say of listeners what is wrong: %s', (_what, listeners, [reason]) => {
    expect(listenersSaid(plan({ gateways: [gateway('web', listeners)] }))[0]).toContain(reason);
  });

  it('share ports; the older has one that two want differently', () => {
    const young = gateway('a', [https(8080), http(80)]);
    young.metadata.creationTimestamp = '2026-02-01T00:00:00Z';
    const found = plan({ gateways: [young, gateway('b', [http(8080), http(80)])] });
    const why = listenersSaid(found);
    expect(why.find((one) => one.startsWith('a/l8080'))).toContain('PortUnavailable');
    expect(why.find((one) => one.startsWith('b/l8080'))).toContain('Programmed');
    expect([...found.ports]).toEqual([
      [8080, 'http'],
      [80, 'http'],
    ]);
  });

  it('have no more ports of their own than a node can carry', () => {
    const many = (from: number) => Array.from({ length: 12 }, (_, i) => http(from + i));
    const found = plan({
      gateways: [gateway('a', [...many(8000), http(80)]), gateway('b', [...many(9000), http(80)])],
    });
    expect(found.ports.size).toBe(17);
    expect(listenersSaid(found).filter((one) => one.includes('PortUnavailable'))).toHaveLength(8);
  });

  it('use Secrets of other namespaces where these let them', () => {
    const tls = { certificateRefs: [{ name: 'cert', namespace: 'vault' }] };
    const gateways = [gateway('web', [https(443, { tls })])];
    const grant = (name: string, kind = 'Gateway', namespace = 'shop') => ({
      metadata: { name: 'g', namespace: 'vault' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind, namespace }],
        to: [{ group: '', kind: 'Secret', name }],
      },
    });
    for (const grants of [
      [],
      [grant('other')],
      [grant('cert', 'HTTPRoute')],
      [grant('cert', 'Gateway', 'else')],
    ]) {
      expect(listenersSaid(plan({ gateways, grants }))[0]).toContain('RefNotPermitted');
      expect(plan({ gateways, grants }).certificates).toEqual([]);
      expect(gatewaySecrets(gateways, grants)).toEqual([]);
    }
    expect(plan({ gateways, grants: [grant('cert')] }).certificates).toEqual([
      { port: 443, namespace: 'vault', secret: 'cert', hosts: [] },
    ]);
    expect(gatewaySecrets(gateways, [grant('cert')])).toEqual(['vault/cert']);
  });
});

describe('routes', () => {
  it.each<[string, Spec, string]>([
    ['no such listener', { parentRefs: [{ name: 'web', sectionName: 'x' }] }, 'NoMatchingParent'],
    ['no such port', { parentRefs: [{ name: 'web', port: 81 }] }, 'NoMatchingParent'],
    ['another host', { hostnames: ['b.test'] }, 'NoMatchingListenerHostname'],
  ])('are not taken: %s', (_what, spec, reason) => {
    const gateways = [gateway('web', [http(80, { hostname: 'a.test' })])];
    const found = plan({ gateways, httpRoutes: [route('r', spec)] });
    expect(saidOf(found)[0]?.[0]).toBe(`Accepted=False/${reason}`);
    expect(found.entries).toEqual([]);
    expect(found.gateways[0]?.listeners[0]?.attachedRoutes).toBe(0);
  });

  it('of other namespaces are taken where the listener takes them', () => {
    const one = (allowed: object | undefined, labels: Record<string, string> = {}): string =>
      saidOf(
        plan({
          gateways: [gateway('web', [http(80, { allowedRoutes: { namespaces: allowed } })])],
          httpRoutes: [route('r', {}, 'else')],
          labelsOf: (name) => (name === 'else' ? labels : undefined),
        }),
      )[0]?.[0] ?? '';
    const selector = { matchLabels: { team: 'a' } };
    expect(one(undefined)).toContain('NotAllowedByListeners');
    expect(one({ from: 'All' })).toContain('True');
    expect(one({ from: 'Selector', selector })).toContain('NotAllowedByListeners');
    expect(one({ from: 'Selector', selector }, { team: 'a' })).toContain('True');
    const odd = { matchExpressions: [{ key: 'a', operator: 'Near' }] };
    expect(one({ from: 'Selector', selector: odd }, { a: 'b' })).toContain('NotAllowed');
  });

  it('say which backend is not had', () => {
    const to = (ref: object) =>
      saidOf(
        plan({
          httpRoutes: [
            route('r', { rules: [{ backendRefs: [{ name: 'page', port: 80, ...ref }] }] }),
          ],
        }),
      )[0];
    expect(to({})).toEqual(accepted);
    expect(to({ name: 'gone' })).toContain('ResolvedRefs=False/BackendNotFound');
    expect(to({ port: 81 })).toContain('ResolvedRefs=False/BackendNotFound');
    expect(to({ kind: 'Bucket' })).toContain('ResolvedRefs=False/InvalidKind');
    expect(to({ namespace: 'vault' })).toContain('ResolvedRefs=False/RefNotPermitted');
  });

  it('are dropped rule by rule where they ask for what is not done', () => {
    const regex = { path: { type: 'RegularExpression', value: '(a+)+$' } };
    const bad = { matches: [regex], backendRefs: [{ name: 'page', port: 80 }] };
    const good = { backendRefs: [{ name: 'page', port: 80 }] };
    const found = plan({ httpRoutes: [route('r', { rules: [bad, good] })] });
    expect(saidOf(found)[0]).toEqual([...accepted, 'PartiallyInvalid=True/UnsupportedValue']);
    expect(found.entries).toHaveLength(1);
    const none = plan({ httpRoutes: [route('r', { rules: [bad] })] });
    expect(saidOf(none)[0]?.[0]).toBe('Accepted=False/UnsupportedValue');
  });

  it.each([
    ['a header that ends a message', 'Transfer-Encoding', 'chunked'],
    ['whom a message is for', 'host', 'x'],
    ['a line within a value', 'X-A', 'a\r\nX-B: b'],
    ['a name that is none', 'X A', 'a'],
  ])('do not change %s', (_what, name, value) => {
    const filters = [
      { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name, value }] } },
    ];
    const found = plan({ httpRoutes: [route('r', { rules: [{ filters }] })] });
    expect(saidOf(found)[0]?.[0]).toBe('Accepted=False/UnsupportedValue');
  });

  it('are tried in the order of the Gateway API', () => {
    const match = (name: string, one: object, createdAt = '1') => ({
      ...route(name, { rules: [{ matches: [one] }] }),
      metadata: { name, namespace: 'shop', creationTimestamp: createdAt },
    });
    const httpRoutes = [
      match('any', {}),
      match('query', { queryParams: [{ name: 'q', value: '1' }] }),
      match('headers', { headers: [{ name: 'a', value: '1' }] }),
      match('method', { method: 'GET' }),
      match('short', { path: { value: '/a' } }),
      match('young', { path: { value: '/a/b' } }, '2'),
      match('long', { path: { value: '/a/b/' } }),
      match('exact', { path: { type: 'Exact', value: '/a' } }),
    ];
    const found = plan({ httpRoutes });
    expect(
      found.entries.map(({ match: { path, method, headers, query } }) =>
        [path.type, path.text, method, headers.length, query.length].join(' '),
      ),
    ).toEqual([
      'exact /a  0 0',
      'prefix /a/b/  0 0',
      'prefix /a/b  0 0',
      'prefix /a  0 0',
      'prefix / GET 0 0',
      'prefix /  1 0',
      'prefix /  0 1',
      'prefix /  0 0',
    ]);
  });

  it('of gRPC are paths', () => {
    const grpc = (method: object): GrpcRoute => ({
      metadata: { name: 'g', namespace: 'shop' },
      spec: {
        parentRefs: [{ name: 'web' }],
        rules: [{ matches: [{ method }], backendRefs: [{ name: 'page', port: 80 }] }],
      },
    });
    const grpcRoutes = [
      grpc({}),
      grpc({ method: 'Get' }),
      grpc({ service: 'a.B' }),
      grpc({ service: 'a.B', method: 'Get' }),
    ];
    const { entries } = plan({ grpcRoutes });
    expect(entries.map(({ match: { path } }) => `${path.type} ${path.text}`)).toEqual([
      'exact /a.B/Get',
      'prefix /a.B',
      'suffix /Get',
      'prefix /',
    ]);
    expect(entries[0]?.action.backends[0]?.target?.protocol).toBe('h2c');
  });

  it('wait as long as they say', () => {
    const timeoutOf = (request: string, backendRequest?: string) =>
      plan({ httpRoutes: [route('r', { rules: [{ timeouts: { request, backendRequest } }] })] })
        .entries[0]?.action.timeoutMs;
    expect(timeoutOf('1h2m3s4ms')).toBe(3_723_004);
    expect(timeoutOf('0s')).toBeUndefined();
    expect(timeoutOf('2s', '500ms')).toBe(500);
  });

  it('keep to the listener that names their host the closest', () => {
    const gateways = [
      gateway('web', [http(80, { name: 'any' }), http(80, { name: 'wild', hostname: '*.w.test' })]),
    ];
    const bound = (name: string, sectionName: string, hostnames: string[]) =>
      route(name, { parentRefs: [{ name: 'web', sectionName }], hostnames });
    const found = plan({
      gateways,
      httpRoutes: [bound('a', 'any', []), bound('b', 'any', ['x.w.test', 'y.test'])],
    });
    expect(found.entries.map(({ host, except }) => [host, ...except])).toEqual([
      ['', '*.w.test'],
      ['y.test'],
    ]);
  });
});

describe('hostnames', () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((all) => all.join('.'));
  const pattern = fc.oneof(
    fc.constant(''),
    host,
    host.map((one) => `*.${one}`),
  );

  it('meet in what both cover, and in nothing else', () => {
    fc.assert(
      fc.property(pattern, pattern, host, (one, other, name) => {
        const both = intersection(one, other);
        expect(both !== undefined && covers(both, name)).toBe(
          covers(one, name) && covers(other, name),
        );
        expect(intersection(other, one)).toBe(both);
      }),
    );
  });
});
