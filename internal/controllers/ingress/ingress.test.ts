import { describe, expect, it } from 'vitest';
import type { Event, Node } from '../../api/generated/types/core-v1.ts';
import type { Ingress } from '../../api/generated/types/networking-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startIngressController } from './ingress.ts';

const enable = 'svccontroller.k3s.cattle.io/enablelb';

interface Facts {
  ready?: boolean;
  external?: string;
  labels?: Record<string, string>;
  dual?: boolean;
}
const node = (n: number, { ready = true, external, labels = {}, dual = false }: Facts = {}): Node =>
  ({
    metadata: { name: `n${n}`, labels },
    spec: { podCIDRs: ['10.42.0.0/24', ...(dual ? ['fd42::/64'] : [])] },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      addresses: [
        { type: 'InternalIP', address: `192.168.0.${n}` },
        { type: 'InternalIP', address: `fd00::${n}` },
        ...(external ? [{ type: 'ExternalIP', address: external }] : []),
      ],
    },
  }) as Node;

const ingress = (name: string, spec: object = {}): object => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}` },
  spec: {
    ingressClassName: 'skiff',
    defaultBackend: { service: { name: 'web', port: { number: 80 } } },
    ...spec,
  },
});

const addresses = (c: TestCluster, name: string): (string | undefined)[] =>
  (
    c.client.all<Ingress>(refs.ingresses).find((one) => one.metadata.name === name)?.status
      ?.loadBalancer?.ingress ?? []
  ).map(({ ip }) => ip);
const warnings = (c: TestCluster, name: string): string[] =>
  c.client
    .all<Event>(refs.events)
    .filter((e) => e.involvedObject.name === name && e.type === 'Warning')
    .map((e) => e.message ?? '');

const cluster = (nodes: Node[], ...ingresses: object[]): Promise<TestCluster> =>
  testCluster([startIngressController], async ({ client }) => {
    await client.create(refs.ingressClasses, {
      metadata: { name: 'skiff' },
      spec: { controller: 'skiff/ingress' },
    });
    await client.create(refs.services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { clusterIP: '10.43.0.5', ports: [{ port: 80 }] },
    });
    for (const one of nodes) await client.create(refs.nodes, one);
    for (const one of ingresses) await client.create(refs.ingresses, one);
  });

describe('the status of an Ingress', () => {
  it.each<[string, Node[], object, string[]]>([
    ['all nodes', [node(2), node(1)], {}, ['192.168.0.1', '192.168.0.2']],
    ['those that are Ready', [node(1, { ready: false }), node(2)], {}, ['192.168.0.2']],
    ['all where none is', [node(1, { ready: false })], {}, ['192.168.0.1']],
    ['external ones', [node(1, { external: '203.0.113.9' }), node(2)], {}, ['203.0.113.9']],
    ['labelled ones', [node(1), node(2, { labels: { [enable]: 'true' } })], {}, ['192.168.0.2']],
    [
      'both families',
      [node(1, { dual: true }), node(2)],
      {},
      ['192.168.0.1', '192.168.0.2', 'fd00::1'],
    ],
    ['none for another class', [node(1)], { ingressClassName: 'nginx' }, []],
    ['none without a class', [node(1)], { ingressClassName: undefined }, []],
  ])('has the addresses of the nodes that serve: %s', async (_what, nodes, spec, expected) => {
    const c = await cluster(nodes, ingress('a', spec));
    expect(addresses(c, 'a')).toEqual(expected);
    expect(warnings(c, 'a')).toEqual([]);
    c.stop();
  });

  it('follows the nodes', async () => {
    const c = await cluster([node(1)], ingress('a'));
    await c.client.create(refs.nodes, node(2));
    await c.settle();
    expect(addresses(c, 'a')).toEqual(['192.168.0.1', '192.168.0.2']);
    await c.client.delete(refs.nodes, { name: 'n1' });
    await c.settle();
    expect(addresses(c, 'a')).toEqual(['192.168.0.2']);
    c.stop();
  });
});

describe('what cannot be routed', () => {
  it('is said once, and again when it is something else', async () => {
    const gone = { defaultBackend: { service: { name: 'gone', port: { number: 80 } } } };
    const c = await cluster([node(1)], ingress('a', gone));
    const first = 'Service gone is not there';
    expect(warnings(c, 'a')).toEqual([first]);
    await c.client.create(refs.nodes, node(2));
    await c.settle();
    expect(warnings(c, 'a')).toEqual([first]);
    await c.client.create(refs.services, {
      metadata: { name: 'gone', namespace: 'default' },
      spec: { clusterIP: '10.43.0.6', ports: [{ port: 81 }] },
    });
    await c.settle();
    expect(warnings(c, 'a')).toEqual([first, 'Service gone has no port 80']);
    c.stop();
  });
});
