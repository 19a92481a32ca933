import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Service } from '../../api/generated/types/core-v1.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, failure, ref, services, startWithAdmin } from '../testing/server.ts';

// What kube-apiserver 1.36 does with these (registry/core/service/storage/alloc.go), in a cluster
// of both families.

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin({ more: { serviceCidr: '10.43.0.0/16,fd43::/112' } }));
});
afterAll(() => dev.api.close());

const v4 = expect.stringMatching(/^10\.43\./) as string;
const v6 = expect.stringMatching(/^fd43::/) as string;
const ports = [{ port: 80 }];
const create = (name: string, spec: object): Promise<Service> =>
  admin.create<Service>(services, {
    metadata: { name, namespace: 'default' },
    spec: { ports, selector: { app: 'a' }, ...spec },
  });
const shown = ({ spec }: Service): unknown => [
  spec.ipFamilyPolicy,
  spec.ipFamilies,
  spec.clusterIPs,
  spec.clusterIP === spec.clusterIPs?.[0],
];

test.each([
  ['nothing', {}, ['SingleStack', ['IPv4'], [v4]]],
  [
    'both preferred',
    { ipFamilyPolicy: 'PreferDualStack' },
    ['PreferDualStack', ['IPv4', 'IPv6'], [v4, v6]],
  ],
  [
    'both required',
    { ipFamilyPolicy: 'RequireDualStack' },
    ['RequireDualStack', ['IPv4', 'IPv6'], [v4, v6]],
  ],
  ['IPv6', { ipFamilies: ['IPv6'] }, ['SingleStack', ['IPv6'], [v6]]],
  [
    'IPv6 first',
    { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] },
    ['PreferDualStack', ['IPv6', 'IPv4'], [v6, v4]],
  ],
  [
    'two families',
    { ipFamilies: ['IPv6', 'IPv4'] },
    ['RequireDualStack', ['IPv6', 'IPv4'], [v6, v4]],
  ],
  ['an address', { clusterIP: 'fd43::77' }, ['SingleStack', ['IPv6'], ['fd43::77']]],
  [
    'two addresses',
    { clusterIPs: ['fd43::78', '10.43.7.8'] },
    ['RequireDualStack', ['IPv6', 'IPv4'], ['fd43::78', '10.43.7.8']],
  ],
  [
    'one address of two',
    { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['fd43::79'] },
    ['PreferDualStack', ['IPv6', 'IPv4'], ['fd43::79', v4]],
  ],
  ['headless', { clusterIP: 'None' }, ['SingleStack', ['IPv4'], ['None']]],
  [
    'headless of both',
    { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' },
    ['PreferDualStack', ['IPv4', 'IPv6'], ['None']],
  ],
  [
    'headless without a selector',
    { clusterIP: 'None', selector: undefined },
    ['RequireDualStack', ['IPv4', 'IPv6'], ['None']],
  ],
])('a Service that asks for %s', async (name, spec, wanted) => {
  const made = await create(name.replaceAll(' ', '-').toLowerCase(), spec);
  expect(shown(made)).toEqual([...wanted, true]);
});

test.each([
  ['an address twice', { clusterIPs: ['10.43.9.9', 'fd43::1:1:1'] }, /fd43::1:1:1/],
  ['a range that is not ours', { clusterIP: 'fd99::1' }, /does not match/],
  ['two of one family', { ipFamilies: ['IPv4', 'IPv4'] }, /Duplicate|duplicate/],
  [
    'one family and two addresses',
    { ipFamilyPolicy: 'SingleStack', clusterIPs: ['10.43.9.1', 'fd43::99'] },
    /when multiple clusterIPs are specified/,
  ],
])('%s is refused', async (_name, spec, why) => {
  const before = (await admin.list(ref('ipaddresses', 'IPAddress', 'networking.k8s.io', false)))
    .items.length;
  expect((await failure(create('refused', spec))).message).toMatch(why);
  const after = (await admin.list(ref('ipaddresses', 'IPAddress', 'networking.k8s.io', false)))
    .items.length;
  expect(after).toBe(before);
});

test('a Service gets a second family, and gives it back', async () => {
  const made = await create('changing', {});
  const to = (spec: object): Promise<Service> =>
    admin.patch<Service>(services, at('changing'), { type: 'merge', body: { spec } });
  const both = await to({ ipFamilyPolicy: 'RequireDualStack' });
  expect(shown(both)).toEqual([
    'RequireDualStack',
    ['IPv4', 'IPv6'],
    [made.spec.clusterIP, v6],
    true,
  ]);
  // What says nothing of families changes none.
  expect(shown(await to({ ports: [{ port: 81 }] }))).toEqual(shown(both));
  const [, second = ''] = both.spec.clusterIPs ?? [];
  expect((await failure(create('thief', { clusterIP: second }))).message).toMatch(/allocated/);
  const single = await to({ ipFamilyPolicy: 'SingleStack' });
  expect(shown(single)).toEqual(['SingleStack', ['IPv4'], [made.spec.clusterIP], true]);
  expect(shown(await create('heir', { clusterIP: second }))).toContainEqual([second]);
});

test('the range of the cluster names both, and each address has its record', async () => {
  const cidr = ref('servicecidrs', 'ServiceCIDR', 'networking.k8s.io', false);
  expect(await admin.get(cidr, { name: 'kubernetes' })).toMatchObject({
    spec: { cidrs: ['10.43.0.0/16', 'fd43::/112'] },
  });
  const made = await create('recorded', { ipFamilyPolicy: 'RequireDualStack' });
  const record = ref('ipaddresses', 'IPAddress', 'networking.k8s.io', false);
  for (const [i, name] of (made.spec.clusterIPs ?? []).entries())
    expect(await admin.get(record, { name })).toMatchObject({
      metadata: { labels: { 'ipaddress.kubernetes.io/ip-family': i === 0 ? 'IPv4' : 'IPv6' } },
    });
});
