import { expect, it } from 'vitest';
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { portGroups } from './plan.ts';

const pod = partOf<Pod>({
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { nodeName: 'n1', containers: [] },
  status: { phase: 'Running', podIP: '10.42.0.9' },
});

it.each<[string | undefined, string | undefined, object | undefined]>([
  [undefined, 'z1', undefined],
  ['PreferClose', 'z1', { forZones: [{ name: 'z1' }] }],
  ['PreferSameZone', 'z1', { forZones: [{ name: 'z1' }] }],
  ['PreferSameZone', undefined, undefined],
  ['PreferSameNode', 'z1', { forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] }],
  ['PreferSameNode', undefined, { forNodes: [{ name: 'n1' }] }],
])('endpoints under trafficDistribution %s in zone %s', (trafficDistribution, zone, hints) => {
  const labels = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
  const node = partOf<Node>({ metadata: { name: 'n1', labels } });
  const service = partOf<Service>({
    metadata: { name: 's', namespace: 'default' },
    spec: { ports: [{ port: 80 }], ...(trafficDistribution && { trafficDistribution }) },
  });
  const groups = portGroups(service, [pod], () => node, 'IPv4');
  expect(groups[0]?.endpoints[0]?.hints).toEqual(hints);
});
