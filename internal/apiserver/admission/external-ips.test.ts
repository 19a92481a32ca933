import { expect, it } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { partOf } from '../../base/testing/part-of.ts';
import type { Attributes } from './chain.ts';
import { denyServiceExternalIPs } from './external-ips.ts';

const service = (...externalIPs: string[]): KubeObject =>
  partOf<KubeObject>({
    ...{ metadata: { name: 's', namespace: 'n' } },
    ...{ spec: { externalIPs } },
  });
const resource = { group: '', version: 'v1', resource: 'services', kind: 'Service' };
const asked = (object: KubeObject, old?: KubeObject, more: object = {}): Attributes => ({
  ...partOf<Attributes>({
    call: { resource, subresource: '', name: 's', namespace: 'n', ...more },
    operation: old ? 'UPDATE' : 'CREATE',
  }),
  object,
  ...(old && { old }),
});
const refuses = (attributes: Attributes): boolean => {
  try {
    void denyServiceExternalIPs.validate?.(attributes);
    return false;
  } catch (error) {
    expect(String(error)).toContain('Use of external IPs is denied by admission control');
    return true;
  }
};

it('lets a Service keep and lose external addresses, and get none', () => {
  const [one, both] = [service('192.0.2.1'), service('192.0.2.1', '192.0.2.2')];
  expect(refuses(asked(service()))).toBe(false);
  expect(refuses(asked(one))).toBe(true);
  expect(refuses(asked(one, both))).toBe(false);
  expect(refuses(asked(both, both))).toBe(false);
  expect(refuses(asked(both, one))).toBe(true);
  expect(refuses(asked(service('192.0.2.9'), one))).toBe(true);
});

it('sees Services alone, and not their statuses', () => {
  const handled = (more: object): boolean | undefined =>
    denyServiceExternalIPs.handles?.(asked(service(), undefined, more));
  expect(handled({})).toBe(true);
  expect(handled({ subresource: 'status' })).toBe(false);
  expect(handled({ resource: { ...resource, resource: 'pods' } })).toBe(false);
});
