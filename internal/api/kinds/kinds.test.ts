import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defaultRules } from '../defaults/defaults.ts';
import { kindFiles, refName } from '../generate/kinds.ts';
import { resourcesData } from '../generated/kinds-data.ts';
import { refs } from '../generated/refs.ts';
import { splitApiVersion, type ResourceRow } from '../kind-info.ts';
import { registryKey, registryPrefix } from '../registry-key.ts';
import { hasType } from '../type-table.ts';
import { allKinds, kindOf } from './kinds.ts';

const published = resourcesData
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as ResourceRow)
  .map((one) => ({ ...one, ...splitApiVersion(one.gv) }));
const nameOf = (one: { group: string; kind: string }): string => `${one.group}/${one.kind}`;
const names = allKinds().map(nameOf);

test('each published kind has its row, and each row its kind', () => {
  expect([...names].sort()).toEqual([...new Set(published.map(nameOf))].sort());
  expect(new Set(names).size).toBe(names.length);
});

test('what is generated is what is in the repository', async () => {
  for (const [name, text] of Object.entries(await kindFiles(import.meta.dirname)))
    expect(squeezed(readFileSync(join(import.meta.dirname, '../generated', name), 'utf8'))).toBe(
      squeezed(text),
    );
});

test('defaults belong to types that are there, and to one kind', () => {
  const seen = new Set<string>();
  for (const kind of allKinds())
    for (const [type, rules] of Object.entries(kind.defaults ?? {})) {
      expect(defaultRules[type], type).toBe(rules);
      expect(hasType(type), type).toBe(true);
      expect(seen.has(type), type).toBe(false);
      seen.add(type);
    }
});

test('conversions and selectable fields are those of a served version', () => {
  for (const kind of allKinds()) {
    const versions = published.filter((one) => nameOf(one) === nameOf(kind));
    expect(versions.map((one) => one.version)).toEqual(
      expect.arrayContaining(Object.keys(kind.conversions ?? {})),
    );
    expect(versions.flatMap((one) => one.fieldSel ?? [])).toEqual(
      expect.arrayContaining(Object.keys(kind.fields ?? {})),
    );
    if (kind.firmWhen) expect(kind.soft).toBe(true);
  }
});

test('no two kinds lie in one folder but the two shapes of events', () => {
  const folders = Object.values(refs).map((ref) => registryPrefix(ref));
  const shared = folders.filter((one, i) => folders.indexOf(one) !== i);
  expect(shared).toEqual(['/registry/events/']);
});

test('keys are those of kube-apiserver', () => {
  expect(registryKey(refs.pods, 'default', 'web')).toBe('/registry/pods/default/web');
  expect(registryKey(refs.nodes, '', 'one')).toBe('/registry/minions/one');
  expect(registryKey(refs.services, 'a', 'b')).toBe('/registry/services/specs/a/b');
  expect(registryKey(refs.endpoints, 'a', 'b')).toBe('/registry/services/endpoints/a/b');
  expect(registryKey(refs.replicationControllers, 'a', 'b')).toBe('/registry/controllers/a/b');
  expect(registryKey(refs.ingresses, 'a', 'b')).toBe('/registry/ingress/a/b');
  expect(registryKey(refs.apiServices, '', 'v1.')).toBe(
    '/registry/apiregistration.k8s.io/apiservices/v1.',
  );
  expect(registryPrefix(refs.pods)).toBe('/registry/pods/');
  expect(registryPrefix(refs.pods, 'default')).toBe('/registry/pods/default/');
  expect(registryKey(refs.pods, 'default', undefined)).toBe('/registry/pods/default/');
});

test('a kind of a CustomResourceDefinition has no row, whatever it is called', () => {
  expect(kindOf({ group: '', kind: 'Pod', custom: true })).toBeUndefined();
  expect(kindOf({ group: 'example.com', kind: 'Namespace' })).toBeUndefined();
});

test('names of refs', () => {
  expect(refName('NetworkPolicy', 'networkpolicies')).toBe('networkPolicies');
  expect(refName('CSIDriver', 'csidrivers')).toBe('csiDrivers');
  expect(refName('IPAddress', 'ipaddresses')).toBe('ipAddresses');
  expect(refName('Endpoints', 'endpoints')).toBe('endpoints');
  expect(refName('ServiceCIDR', 'servicecidrs')).toBe('serviceCidrs');
});

/** Line breaks are the formatter's. */
const squeezed = (text: string): string =>
  text.replace(/\s+/g, '').replaceAll(',}', '}').replaceAll(',)', ')');
