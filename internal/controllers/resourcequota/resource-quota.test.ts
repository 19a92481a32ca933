import { partOf } from '../../base/testing/part-of.ts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { PersistentVolumeClaim, ResourceQuota } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { quotaCovers, usageOf } from '../../apiserver/admission/quota-usage.ts';
import { refs } from '../../client/refs.ts';
import { liveCluster, type LiveCluster } from '../live-cluster.fake.ts';

/** With the API server's own admission, which charges what the controller counts. */
let c: LiveCluster;
beforeAll(async () => {
  c = await liveCluster();
}, 20_000);
afterAll(() => c.stop());

const used = async (name: string): Promise<unknown> =>
  (await c.admin.get<ResourceQuota>(refs.resourceQuotas, { namespace: 'default', name })).status
    ?.used;
const becomes = (name: string, wanted: object): Promise<void> =>
  vi.waitFor(async () => expect(await used(name)).toEqual(wanted), {
    timeout: 10_000,
    interval: 25,
  });
const refused = async (effect: Promise<unknown>): Promise<string> =>
  effect.then(
    () => 'it was let in',
    (error: Error) => error.message,
  );

const devices = (name: string, ...requests: object[]): object => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: { name, namespace: 'default' },
  spec: { devices: { requests } },
});
const exactly = (name: string, count: number, more: object = {}): object => ({
  name,
  exactly: { deviceClassName: 'gold', allocationMode: 'ExactCount', count, ...more },
});

test('devices are counted by class, with alternatives the most of each', async () => {
  const count = 'count/resourceclaims.resource.k8s.io';
  const gold = 'gold.deviceclass.resource.k8s.io/devices';
  await c.admin.create(refs.resourceQuotas, {
    metadata: { name: 'devices', namespace: 'default' },
    spec: { hard: { [count]: '3', [gold]: '4' } },
  });
  await becomes('devices', { [count]: '0', [gold]: '0' });
  await c.admin.create(refs.resourceClaims, devices('one', exactly('a', 1), exactly('b', 1)));
  await becomes('devices', { [count]: '1', [gold]: '2' });
  expect(
    await refused(c.admin.create(refs.resourceClaims, devices('many', exactly('a', 3)))),
  ).toContain(`exceeded quota: devices, requested: ${gold}=3, used: ${gold}=2, limited: ${gold}=4`);
  expect(
    await refused(
      c.admin.create(
        refs.resourceClaims,
        devices('all', { name: 'a', exactly: { deviceClassName: 'gold', allocationMode: 'All' } }),
      ),
    ),
  ).toContain(`requested: ${gold}=32`);
  const alternatives = [
    { name: 'x', deviceClassName: 'gold', allocationMode: 'ExactCount', count: 2 },
    { name: 'y', deviceClassName: 'gold', allocationMode: 'ExactCount', count: 1 },
    { name: 'z', deviceClassName: 'silver', allocationMode: 'All' },
  ];
  await c.admin.create(
    refs.resourceClaims,
    devices('two', { name: 'a', firstAvailable: alternatives }),
  );
  await becomes('devices', { [count]: '2', [gold]: '4' });
  await c.admin.delete(refs.resourceClaims, { namespace: 'default', name: 'one' });
  await becomes('devices', { [count]: '1', [gold]: '2' });
});

test('a quota of a volume attributes class counts claims that have it, had or will', async () => {
  const hard = { persistentvolumeclaims: '1', 'requests.storage': '5Gi' };
  const scopeSelector = (operator: string, values: string[]): object => ({
    matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator, values }],
  });
  await c.admin.create(refs.resourceQuotas, {
    metadata: { name: 'gold', namespace: 'default' },
    spec: { hard, scopeSelector: scopeSelector('In', ['gold']) },
  });
  await becomes('gold', { persistentvolumeclaims: '0', 'requests.storage': '0' });
  const claim = (name: string, volumeAttributesClassName?: string): object => ({
    metadata: { name, namespace: 'default' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...(volumeAttributesClassName && { volumeAttributesClassName }),
    },
  });
  await c.admin.create(refs.persistentVolumeClaims, claim('plain'));
  await c.admin.create(refs.persistentVolumeClaims, claim('silver', 'silver'));
  await c.admin.create(refs.persistentVolumeClaims, claim('gold', 'gold'));
  await becomes('gold', { persistentvolumeclaims: '1', 'requests.storage': '1Gi' });
  expect(
    await refused(c.admin.create(refs.persistentVolumeClaims, claim('more', 'gold'))),
  ).toContain('exceeded quota: gold');
  await c.admin.patch(
    refs.persistentVolumeClaims,
    { namespace: 'default', name: 'gold', subresource: 'status' },
    { type: 'merge', body: { status: { phase: 'Bound', allocatedResources: { storage: '3Gi' } } } },
  );
  await becomes('gold', { persistentvolumeclaims: '1', 'requests.storage': '3Gi' });
});

const ref = { group: '', resource: 'persistentvolumeclaims' };
test.each<[operator: string, values: string[], claims: Record<string, boolean>]>([
  ['In', ['a'], { none: false, asked: true, current: true, other: false }],
  ['NotIn', ['a'], { none: true, asked: false, current: true, other: true }],
  ['Exists', [], { none: false, asked: true, current: true, other: true }],
  ['DoesNotExist', [], { none: true, asked: false, current: false, other: false }],
])('scope VolumeAttributesClass %s %j', (operator, values, wanted) => {
  const claims: Record<string, object> = {
    none: { spec: {} },
    asked: { spec: { volumeAttributesClassName: 'a' } },
    current: {
      spec: { volumeAttributesClassName: 'b' },
      status: { currentVolumeAttributesClassName: 'a' },
    },
    other: { spec: {}, status: { modifyVolumeStatus: { targetVolumeAttributesClassName: 'b' } } },
  };
  const quota = {
    spec: {
      scopeSelector: {
        matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator, values }],
      },
    },
  } as ResourceQuota;
  for (const [name, claim] of Object.entries(claims))
    expect([name, quotaCovers(quota, ref, claim as KubeObject)]).toEqual([name, wanted[name]]);
});

test('sizes are whole bytes', () => {
  const claim = partOf<PersistentVolumeClaim>({
    metadata: {},
    spec: { resources: { requests: { storage: '1500m' } } },
  });
  expect(String(usageOf(ref, claim as KubeObject).get('requests.storage'))).toBe('2');
});
