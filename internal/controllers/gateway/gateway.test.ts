import { describe, expect, it } from 'vitest';
import { gatewayRefs, type Gateway, type HttpRoute } from '../../api/gateway/types.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startGatewayController } from './gateway.ts';

const node = (n: number, down = false): Node =>
  ({
    metadata: { name: `n${n}` },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        ...(down ? [{ type: 'IngressDown', status: 'True' }] : []),
      ],
      addresses: [{ type: 'InternalIP', address: `192.168.0.${n}` }],
    },
  }) as Node;

const route = (name: string, spec: object = {}, status?: object): object => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    parentRefs: [{ name: 'web' }],
    rules: [{ backendRefs: [{ name: 'page', port: 80 }] }],
    ...spec,
  },
  ...(status && { status }),
});
const gateway = (spec: object = {}): object => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    gatewayClassName: 'skiff',
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
    ...spec,
  },
});
const cluster = (nodes: Node[], spec: object = {}, ...routes: object[]): Promise<TestCluster> =>
  testCluster([startGatewayController], async ({ client }) => {
    await client.create(refs.namespaces, { metadata: { name: 'shop' } });
    await client.create(gatewayRefs.classes, {
      metadata: { name: 'skiff' },
      spec: { controllerName: 'skiff/gateway' },
    });
    for (const one of nodes) await client.create(refs.nodes, one);
    await client.create(gatewayRefs.gateways, gateway(spec));
    for (const one of routes) await client.create(gatewayRefs.httpRoutes, one);
  });
const gatewayOf = (c: TestCluster): Gateway | undefined =>
  c.client.all<Gateway>(gatewayRefs.gateways)[0];
const said = (c: TestCluster): string[] =>
  (gatewayOf(c)?.status?.conditions ?? []).map((one) => `${one.type}=${one.status}/${one.reason}`);
const parentsOf = (c: TestCluster, name: string): string[] =>
  (
    c.client.all<HttpRoute>(gatewayRefs.httpRoutes).find(({ metadata }) => metadata.name === name)
      ?.status?.parents ?? []
  ).map(
    ({ controllerName, conditions = [] }) =>
      `${controllerName}: ${conditions.map(({ reason }) => reason).join(' ')}`,
  );

describe('the status of a Gateway', () => {
  it('has the addresses of the nodes on which HAProxy runs', async () => {
    const c = await cluster([node(2), node(1), node(3, true)]);
    expect(gatewayOf(c)?.status?.addresses?.map(({ value }) => value)).toEqual([
      '192.168.0.1',
      '192.168.0.2',
    ]);
    expect(said(c)).toEqual(['Accepted=True/Accepted', 'Programmed=True/Programmed']);
    c.stop();
  });

  it.each<[string, Node[], object, string]>([
    ['no node serves', [node(1, true)], {}, 'AddressNotAssigned'],
    ['an address is nobody’s', [node(1)], { addresses: [{ value: '192.0.2.1' }] }, 'AddressNotUs'],
    ['nothing can be served', [node(1)], { listeners: [] }, 'Invalid'],
  ])('is not Programmed where %s', async (_what, nodes, spec, reason) => {
    const c = await cluster(nodes, spec);
    expect(said(c)[1]).toContain(`Programmed=False/${reason}`);
    c.stop();
  });

  it('says what is wrong with a certificate, until it is there', async () => {
    const listener = {
      name: 'https',
      port: 443,
      protocol: 'HTTPS',
      tls: { certificateRefs: [{ name: 'cert' }] },
    };
    const c = await cluster([node(1)], { listeners: [listener] });
    const why = (): string[] =>
      gatewayOf(c)?.status?.listeners?.[0]?.conditions.map((one) => one.message) ?? [];
    expect(why()).toContain('Secret shop/cert: it is not there');
    await c.client.create(refs.secrets, { metadata: { name: 'cert', namespace: 'shop' } });
    await c.settle();
    expect(why()).toContain('Secret shop/cert: tls.crt holds no certificate');
    c.stop();
  });
});

describe('the status of a route', () => {
  it('leaves what other controllers say', async () => {
    const other = { parentRef: { name: 'x' }, controllerName: 'x.io/y', conditions: [] };
    const c = await cluster([node(1)], {}, route('a', {}, { parents: [other] }));
    expect(parentsOf(c, 'a')).toEqual(['x.io/y: ', 'skiff/gateway: Accepted BackendNotFound']);
    await c.client.delete(gatewayRefs.gateways, { namespace: 'shop', name: 'web' });
    await c.settle();
    expect(parentsOf(c, 'a')).toEqual(['x.io/y: ']);
    c.stop();
  });

  it('follows its backend, and keeps the time of what stays', async () => {
    const c = await cluster([node(1)], {}, route('a'));
    const before = c.client.all<HttpRoute>(gatewayRefs.httpRoutes)[0]?.status?.parents?.[0];
    await c.clock.advance(60_000);
    await c.client.create(refs.services, {
      metadata: { name: 'page', namespace: 'shop' },
      spec: { clusterIP: '10.43.0.5', ports: [{ port: 80 }] },
    });
    await c.settle();
    const after = c.client.all<HttpRoute>(gatewayRefs.httpRoutes)[0]?.status?.parents?.[0];
    expect(parentsOf(c, 'a')).toEqual(['skiff/gateway: Accepted ResolvedRefs']);
    const times = [before, after].map((one) =>
      one?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
    );
    expect(times[1]?.[0]).toBe(times[0]?.[0]);
    expect(times[1]?.[1]).not.toBe(times[0]?.[1]);
    c.stop();
  });
});
