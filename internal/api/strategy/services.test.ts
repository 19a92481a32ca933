import { describe, expect, test } from 'vitest';
import { make, of, updated } from './testing/objects.ts';

describe('services', () => {
  const services = of('', 'v1', 'Service');
  const old = make('Service', {
    spec: {
      type: 'NodePort',
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'a', port: 80, nodePort: 30080 }],
    },
    status: { loadBalancer: {} },
  });
  test('keep what was allocated', () => {
    const next = updated(
      services,
      make('Service', {
        spec: {
          type: 'NodePort',
          ports: [
            { name: 'a', port: 81 },
            { name: 'b', port: 82 },
          ],
        },
      }),
      old,
    );
    expect(next).toMatchObject({
      spec: {
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ports: [{ name: 'a', nodePort: 30080 }, { name: 'b' }],
      },
    });
  });
  test('let go what another type does not have', () => {
    const spec = structuredClone(old['spec']) as Record<string, unknown>;
    expect(
      updated(services, make('Service', { spec: { ...spec, type: 'ClusterIP' } }), old)['spec'],
    ).toMatchObject({ clusterIP: '10.0.0.1', ports: [{ name: 'a', port: 80 }] });
    const external = updated(
      services,
      make('Service', { spec: { ...spec, type: 'ExternalName', externalName: 'e' } }),
      old,
    )['spec'] as object;
    expect(external).not.toHaveProperty('clusterIP');
    expect(external).not.toHaveProperty('ipFamilies');
  });
});
