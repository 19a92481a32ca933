import { describe, expect, it } from 'vitest';
import type { Event, Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startServiceBalancer } from './servicelb.ts';

const enable = 'svccontroller.k3s.cattle.io/enablelb';
const pool = 'svccontroller.k3s.cattle.io/lbpool';

interface NodeFacts {
  labels?: Record<string, string>;
  ready?: boolean;
  external?: string;
}

const node = (n: number, { labels = {}, ready = true, external }: NodeFacts = {}): Node =>
  partOf<Node>({
    metadata: { name: `n${n}`, labels },
    spec: {},
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      addresses: [
        { type: 'InternalIP', address: `192.168.0.${n}` },
        { type: 'InternalIP', address: `fd00::${n}` },
        ...(external ? [{ type: 'ExternalIP', address: external }] : []),
      ],
    },
  });

let made = 0;
const service = (name: string, spec: object = {}, labels: Record<string, string> = {}): Service => {
  made += 1;
  return partOf<Service>({
    kind: 'Service',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace: 'default',
      labels,
      creationTimestamp: new Date(made * 1000).toISOString(),
    },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  });
};

const slice = (name: string, nodeName: string, ready = true): object => ({
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.42.0.9'], nodeName, conditions: { ready } }],
});

const addresses = (c: TestCluster, name: string): string[] =>
  (
    c.client.all<Service>(refs.services).find((s) => s.metadata.name === name)?.status?.loadBalancer
      ?.ingress ?? []
  ).map((i) => `${i.ip} ${i.ipMode}`);

const warnings = (c: TestCluster, name: string): string[] =>
  c.client
    .all<Event>(refs.events)
    .filter((e) => e.involvedObject.name === name && e.type === 'Warning')
    .map((e) => e.message ?? '');

const cluster = (
  nodes: Node[],
  services: Service[],
  more: (c: TestCluster) => Promise<unknown> = () => Promise.resolve(),
): Promise<TestCluster> =>
  testCluster(
    [startServiceBalancer],
    async (c) => {
      await more(c);
      for (const one of nodes) await c.client.create(refs.nodes, one);
      for (const one of services) await c.client.create(refs.services, one);
    },
    { clusterPorts: [6443, 10250] },
  );

describe('addresses of a load balancer', () => {
  it.each<[string, Node[], object, string[]]>([
    ['all nodes', [node(2), node(1)], {}, ['192.168.0.1', '192.168.0.2']],
    ['those that are Ready', [node(1, { ready: false }), node(2)], {}, ['192.168.0.2']],
    ['all where none is Ready', [node(1, { ready: false })], {}, ['192.168.0.1']],
    [
      'external ones when there is any',
      [node(1, { external: '203.0.113.9' }), node(2)],
      {},
      ['203.0.113.9'],
    ],
    [
      'with a label on any node, such nodes',
      [node(1), node(2, { labels: { [enable]: 'true' } })],
      {},
      ['192.168.0.2'],
    ],
    [
      'none of an excluded node',
      [
        node(1),
        node(2, { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
      ],
      {},
      ['192.168.0.1'],
    ],
    ['both families', [node(1)], { ipFamilies: ['IPv4', 'IPv6'] }, ['192.168.0.1', 'fd00::1']],
    ['our class', [node(1)], { loadBalancerClass: 'skiff/servicelb' }, ['192.168.0.1']],
    ['nothing for the class of another', [node(1)], { loadBalancerClass: 'metallb.io/x' }, []],
    ['nothing for another type', [node(1)], { type: 'NodePort' }, []],
  ])('%s', async (_what, nodes, spec, expected) => {
    const c = await cluster(nodes, [service('web', spec)]);
    expect(addresses(c, 'web').sort()).toEqual(expected.map((ip) => `${ip} VIP`));
    expect(warnings(c, 'web')).toEqual([]);
    c.stop();
  });

  it('of a pool are those of its nodes', async () => {
    const nodes = [1, 2].map((n) => node(n, { labels: { [enable]: 'true', [pool]: `p${n}` } }));
    const c = await cluster(nodes, [
      service('a', {}, { [pool]: 'p2' }),
      service('b', { ports: [{ port: 81 }] }),
    ]);
    expect(addresses(c, 'a')).toEqual(['192.168.0.2 VIP']);
    expect(addresses(c, 'b')).toHaveLength(2);
    c.stop();
  });

  it('are of nodes with a ready endpoint under externalTrafficPolicy Local', async () => {
    const local = { externalTrafficPolicy: 'Local' };
    const c = await cluster([node(1), node(2)], [service('web', local)], ({ client }) =>
      client.create(refs.endpointSlices, slice('web', 'n2')),
    );
    expect(addresses(c, 'web')).toEqual(['192.168.0.2 VIP']);
    await c.client.delete(refs.endpointSlices, { namespace: 'default', name: 'web' });
    await c.settle();
    expect(addresses(c, 'web')).toEqual([]);
    expect(warnings(c, 'web')).toEqual([
      'externalTrafficPolicy is Local, and no node has a ready endpoint',
    ]);
    c.stop();
  });

  it('go with their node', async () => {
    const c = await cluster([node(1), node(2)], [service('web')]);
    expect(addresses(c, 'web')).toHaveLength(2);
    await c.client.delete(refs.nodes, { name: 'n1' });
    await c.settle();
    expect(addresses(c, 'web')).toEqual(['192.168.0.2 VIP']);
    c.stop();
  });

  it('go when the Service is of another type', async () => {
    const c = await cluster([node(1)], [service('web')]);
    expect(addresses(c, 'web')).toHaveLength(1);
    const at = { namespace: 'default', name: 'web' };
    await c.client.patch(refs.services, at, {
      type: 'merge',
      body: { spec: { type: 'ClusterIP' } },
    });
    await c.settle();
    expect(addresses(c, 'web')).toEqual([]);
    c.stop();
  });
});

describe('one port of a node', () => {
  it("is the first Service's; the second is told of it once, and follows it", async () => {
    const c = await cluster([node(1)], [service('first'), service('second')]);
    expect(addresses(c, 'first')).toHaveLength(1);
    expect(addresses(c, 'second')).toEqual([]);
    await c.client.create(refs.services, service('third', { ports: [{ port: 81 }] }));
    await c.settle();
    expect(addresses(c, 'third')).toHaveLength(1);
    expect(warnings(c, 'second')).toEqual(['port 80/TCP belongs to Service default/first on n1']);
    await c.client.delete(refs.services, { namespace: 'default', name: 'first' });
    await c.settle();
    expect(addresses(c, 'second')).toHaveLength(1);
    c.stop();
  });

  it('may be shared by protocols', async () => {
    const c = await cluster(
      [node(1)],
      [service('tcp'), service('udp', { ports: [{ port: 80, protocol: 'UDP' }] })],
    );
    expect(addresses(c, 'tcp').concat(addresses(c, 'udp'))).toHaveLength(2);
    c.stop();
  });

  it("is a pod's that came first, on its node alone", async () => {
    const pod = {
      metadata: { name: 'p', namespace: 'default', creationTimestamp: '1970-01-01T00:00:00Z' },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'c', ports: [{ hostPort: 80, containerPort: 80 }] }],
      },
    } as Pod;
    const c = await cluster([node(1), node(2)], [service('web')], ({ client }) =>
      client.create(refs.pods, pod),
    );
    expect(addresses(c, 'web')).toEqual(['192.168.0.2 VIP']);
    expect(warnings(c, 'web')).toEqual(['port 80/TCP belongs to Pod default/p on n1']);
    c.stop();
  });

  it("that the cluster needs is nobody's", async () => {
    const c = await cluster([node(1)], [service('api', { ports: [{ port: 6443 }] })]);
    expect(addresses(c, 'api')).toEqual([]);
    expect(warnings(c, 'api')).toEqual(["port 6443/TCP is the cluster's own on n1"]);
    c.stop();
  });
});
