import { expect, test } from 'vitest';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import { FakeClient } from '../client/fake-client.ts';
import { mirrorFactory } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { livingServers } from './living-servers.ts';
import { ServerList } from './server-list.ts';

const slice = (namespace: string, service: string, addresses: string[]): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace, name: service, labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  ports: [{ name: 'https', port: 6443 }],
  endpoints: addresses.map((one) => ({ addresses: [one] })),
});

test('the kubernetes Service has the servers that are not away, and tells of turns', async () => {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  const both = ['192.0.2.1', '192.0.2.2'];
  for (const [namespace, name] of [
    ['default', 'kubernetes'],
    ['default', 'other'],
    ['mine', 'kubernetes'],
  ] as const)
    await client.create(refs.endpointSlices, slice(namespace, name, both) as never, { namespace });
  const servers = new ServerList('192.0.2.1:6443', ['192.0.2.1:6443', '192.0.2.2:6443']);
  const mirror = mirrorFactory(client, clock, silentLog).of<EndpointSlice>(refs.endpointSlices, {
    indexes: { service: (one) => [`${one.metadata.namespace}/${one.metadata.name}`] },
  });
  const seen = livingServers(mirror, servers);
  await seen.synced;
  const addresses = (of = 'default/kubernetes'): string[] =>
    [...seen.byIndex('service', of)].flatMap((one) =>
      (one.endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
    );
  const told: string[] = [];
  const stop = seen.onChange(({ key, type }) => void told.push(`${type} ${key}`));
  told.length = 0;
  expect(addresses()).toEqual(both);
  servers.failed('192.0.2.1:6443');
  servers.failed('192.0.2.1:6443');
  expect(addresses()).toEqual(['192.0.2.2']);
  expect([addresses('default/other'), addresses('mine/kubernetes')]).toEqual([both, both]);
  expect(seen.get('default/kubernetes')?.endpoints).toHaveLength(1);
  expect([...seen.list('default')].map((one) => one.endpoints?.length)).toEqual([1, 2]);
  // With none left nothing is known to be better.
  servers.failed('192.0.2.2:6443');
  expect(addresses()).toEqual(both);
  servers.back('192.0.2.1:6443');
  expect(addresses()).toEqual(['192.0.2.1']);
  servers.good('192.0.2.2:6443');
  expect(addresses()).toEqual(both);
  expect(told).toEqual(Array.from({ length: 4 }, () => 'MODIFIED default/kubernetes'));
  stop();
  servers.failed('192.0.2.1:6443');
  expect(told).toHaveLength(4);
});
