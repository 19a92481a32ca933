import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, failure, services, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('services', () => {
  const service = (name: string, spec: object): object => ({
    metadata: { name, namespace: 'default' },
    spec,
  });

  test('addresses and ports are given, kept and given back', async () => {
    const made = await admin.create<
      KubeObject & { spec: { clusterIP: string; ports: { nodePort: number }[] } }
    >(services, service('web', { type: 'NodePort', ports: [{ port: 80 }] }));
    expect(made.spec.clusterIP).toMatch(/^10\.43\./);
    const nodePort = made.spec.ports[0]?.nodePort ?? 0;
    expect(nodePort).toBeGreaterThanOrEqual(30000);
    const updated = await admin.update<typeof made>(
      services,
      service('web', {
        type: 'NodePort',
        ports: [{ port: 80 }, { port: 81, name: 'b' }].map((p, i) => ({ name: `p${i}`, ...p })),
      }),
    );
    expect(updated.spec.clusterIP).toBe(made.spec.clusterIP);
    expect(updated.spec.ports[0]?.nodePort).toBe(nodePort);
    const clash = await failure(
      admin.create(
        services,
        service('clash', { type: 'NodePort', ports: [{ port: 80, nodePort }] }),
      ),
    );
    expect(clash.message).toContain('provided port is already allocated');
    const plain = await admin.update<typeof made>(
      services,
      service('web', { type: 'ClusterIP', ports: [{ port: 80 }] }),
    );
    expect(plain.spec.ports[0]?.nodePort).toBeUndefined();
    await admin.create(
      services,
      service('now-free', { type: 'NodePort', ports: [{ port: 80, nodePort }] }),
    );
    await admin.delete(services, at('web'));
    const again = await admin.create<typeof made>(
      services,
      service('heir', { clusterIP: made.spec.clusterIP, ports: [{ port: 80 }] }),
    );
    expect(again.spec.clusterIP).toBe(made.spec.clusterIP);
  });

  test('the kubernetes service stands', async () => {
    expect(
      (await admin.get<KubeObject & { spec: { clusterIP: string } }>(services, at('kubernetes')))
        .spec.clusterIP,
    ).toBe('10.43.0.1');
  });
});
