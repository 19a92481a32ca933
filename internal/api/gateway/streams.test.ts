import { describe, expect, it } from 'vitest';
import type { Service } from '../generated/types/core-v1.ts';
import { gatewaySecrets } from './listeners.ts';
import { planGateways, type GatewayPlan, type GatewayView } from './plan.ts';
import type { Gateway, Listener, StreamRoute } from './types.ts';

const tls = (
  hostname: string | undefined,
  mode: string,
  more: Partial<Listener> = {},
): Listener => ({
  name: `${mode} ${hostname}`,
  port: 443,
  protocol: 'TLS',
  ...(hostname !== undefined && { hostname }),
  tls: { mode, certificateRefs: mode === 'Terminate' ? [{ name: 'cert' }] : [] },
  ...more,
});
const tcp = (port: number): Listener => ({ name: `tcp${port}`, port, protocol: 'TCP' });
const gateway = (name: string, ...listeners: Listener[]): Gateway => ({
  metadata: { name, namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { gatewayClassName: 'skiff', listeners },
});
const route = (name: string, spec: Partial<StreamRoute['spec']> = {}): StreamRoute => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    parentRefs: [{ name: 'web' }],
    rules: [{ backendRefs: [{ name: 'page', port: 80, weight: 3 }] }],
    ...spec,
  },
});
const page = { metadata: {}, spec: { clusterIP: '10.43.0.9', ports: [{ port: 80 }] } } as Service;
const plan = (view: Partial<GatewayView>): GatewayPlan =>
  planGateways({
    classes: [{ metadata: { name: 'skiff' }, spec: { controllerName: 'skiff/gateway' } }],
    gateways: [],
    httpRoutes: [],
    grpcRoutes: [],
    tlsRoutes: [],
    tcpRoutes: [],
    backendTlsPolicies: [],
    authority: () => undefined,
    grants: [],
    labelsOf: () => ({}),
    service: (_namespace, name) => (name === 'page' ? page : undefined),
    certificate: () => undefined,
    reservedPorts: [],
    ...view,
  });
const ways = ({ streams }: GatewayPlan): string[] =>
  streams.map(({ port, host, mode }) => `${port} ${host} ${mode}`).toSorted();
const reasons = ({ routes }: GatewayPlan): string[] =>
  routes.flatMap(({ parents }) =>
    parents.map(({ conditions }) => conditions.map(({ reason }) => reason).join(' ')),
  );
const listenerReasons = ({ gateways }: GatewayPlan): string[] =>
  gateways.flatMap(({ listeners }) =>
    listeners.map(({ conditions }) => conditions.map(({ reason }) => reason).join(' ')),
  );

describe('TLSRoutes', () => {
  it('pass TLS on or end it, as their listener says', () => {
    const web = gateway('web', tls('*.pass.test', 'Passthrough'), tls('end.test', 'Terminate'));
    const tlsRoutes = [route('a', { hostnames: ['a.pass.test', 'END.test'] })];
    const found = plan({ gateways: [web], tlsRoutes });
    expect(ways(found)).toEqual(['443 a.pass.test pass', '443 end.test end']);
    expect(found.streams[0]?.backends).toEqual([
      { weight: 3, target: { ip: '10.43.0.9', port: 80, protocol: 'h1' } },
    ]);
    expect(reasons(found)).toEqual(['Accepted ResolvedRefs']);
    expect(found.gateways[0]?.listeners.map((one) => one.attachedRoutes)).toEqual([1, 1]);
    expect(found.certificates.map(({ secret }) => secret)).toEqual(['cert']);
    expect(gatewaySecrets([web], [])).toEqual(['shop/cert']);
    expect(found.gateways[0]?.listeners[0]?.kinds.map(({ kind }) => kind)).toEqual(['TLSRoute']);
  });

  it('have a name by their age, and leave it to the listener that names it more closely', () => {
    const https = tls('t.test', 'Terminate', { name: 'https', protocol: 'HTTPS' });
    const web = gateway('web', https, tls('*.test', 'Passthrough'));
    const hostnames = ['*.test', 'b.test', 't.test'];
    const later = route('b', { hostnames, rules: [{ backendRefs: [{ name: 'none', port: 1 }] }] });
    const found = plan({ gateways: [web], tlsRoutes: [later, route('a', { hostnames })] });
    expect(ways(found)).toEqual(['443 *.test pass', '443 b.test pass', '443 t.test requests']);
    expect(found.streams.every(({ backends }) => backends[0]?.target || !backends[0])).toBe(true);
    expect(reasons(found)).toEqual(['Accepted ResolvedRefs', 'Accepted BackendNotFound']);
  });

  it('are not taken by listeners of requests, nor their names by others', () => {
    const https = tls('t.test', 'Terminate', { protocol: 'HTTPS' });
    const hostnames = ['t.test'];
    const other = plan({
      gateways: [gateway('web', https)],
      tlsRoutes: [route('a', { hostnames })],
    });
    expect(reasons(other)).toEqual(['NotAllowedByListeners ResolvedRefs']);
    const web = gateway('web', tls('x.test', 'Passthrough'));
    const odd = plan({ gateways: [web], tlsRoutes: [route('a', { hostnames })] });
    expect(reasons(odd)).toEqual(['NoMatchingListenerHostname ResolvedRefs']);
    expect([other.streams, odd.streams]).toEqual([[], []]);
  });

  it('need a ReferenceGrant for Services elsewhere', () => {
    const web = gateway('web', tls(undefined, 'Passthrough'));
    const backendRefs = [{ name: 'page', namespace: 'far', port: 80 }];
    const tlsRoutes = [route('a', { hostnames: ['t.test'], rules: [{ backendRefs }] })];
    expect(reasons(plan({ gateways: [web], tlsRoutes }))).toEqual(['Accepted RefNotPermitted']);
    const from = { group: 'gateway.networking.k8s.io', kind: 'TLSRoute', namespace: 'shop' };
    const spec = { from: [from], to: [{ group: '', kind: 'Service' }] };
    const grants = [{ metadata: { namespace: 'far' }, spec }];
    const found = plan({ gateways: [web], tlsRoutes, grants });
    expect(reasons(found)).toEqual(['Accepted ResolvedRefs']);
  });
});

describe('TCPRoutes', () => {
  it('have a port by their age; both are attached', () => {
    const found = plan({
      gateways: [gateway('web', tcp(9000), tcp(9001))],
      tcpRoutes: [route('b'), route('a', { parentRefs: [{ name: 'web', port: 9001 }] })],
    });
    expect(ways(found)).toEqual(['9000  pass', '9001  pass']);
    expect(found.gateways[0]?.listeners.map((one) => one.attachedRoutes)).toEqual([1, 2]);
    expect(found.ports).toEqual(
      new Map([
        [9000, 'tcp'],
        [9001, 'tcp'],
      ]),
    );
    expect(reasons(found)).toEqual(['Accepted ResolvedRefs', 'Accepted ResolvedRefs']);
  });

  it('have a port alone: no other Gateway and no Ingress has it', () => {
    const gateways = [gateway('a', tcp(9000), tcp(80)), gateway('b', tcp(9000))];
    expect(listenerReasons(plan({ gateways }))).toEqual([
      'ResolvedRefs Accepted NoConflicts Programmed',
      'ResolvedRefs PortUnavailable NoConflicts Invalid',
      'ResolvedRefs PortUnavailable NoConflicts Invalid',
    ]);
  });
});

it('says that UDP is not served', () => {
  const udp = { name: 'udp', port: 9000, protocol: 'UDP' };
  expect(listenerReasons(plan({ gateways: [gateway('web', udp)] }))).toEqual([
    'ResolvedRefs UnsupportedProtocol NoConflicts Invalid',
  ]);
});
