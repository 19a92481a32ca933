import { afterAll, expect, test } from 'vitest';
import type { Service } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { memoryStore } from '../memory-store.fake.ts';

const store = memoryStore();
const running: DevServer[] = [];
async function server(advertiseAddress: string): Promise<InProcessClient> {
  const dev = await startDevServer({ store, sharedStore: true, advertiseAddress });
  running.push(dev);
  return dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
}
afterAll(async () => {
  for (const one of running) await one.api.close();
});

const service = (name: string, clusterIP?: string): object => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...(clusterIP && { clusterIP }) },
});
const there = (client: InProcessClient, name: string): Promise<boolean> =>
  client.get(refs.ipAddresses, { name }).then(
    () => true,
    () => false,
  );

test(
  'a range added through one server serves on all, each address once, and records of addresses ' +
    'do not get lost',
  async () => {
    const [one, other] = [await server('192.0.2.1'), await server('192.0.2.2')];
    await one.create(refs.serviceCidrs, {
      metadata: { name: 'two' },
      spec: { cidrs: ['10.196.0.0/28'] },
    });
    await expect
      .poll(() =>
        other.create<Service>(refs.services, service('a', '10.196.0.3')).then(() => 'made', String),
      )
      .toBe('made');
    const both = await Promise.allSettled(
      [one, other].map((client, i) =>
        client.create<Service>(refs.services, service(`b${i}`, '10.196.0.4')),
      ),
    );
    expect(both.map((b) => b.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(String(both.find((b) => b.status === 'rejected')?.reason)).toMatch(/already allocated/);

    // Deleted by somebody: it is in use, so it comes back.
    await one.delete(refs.ipAddresses, { name: '10.196.0.3' });
    expect(await there(other, '10.196.0.3')).toBe(true);

    // The next server to start finds one missing and one that nobody uses.
    await store.txn({
      compare: [],
      success: [{ op: 'delete', key: '/registry/ipaddresses/10.196.0.4' }],
      failure: [],
    });
    const left = (await store.range({ key: '/registry/ipaddresses/10.196.0.3' })).kvs[0];
    await store.txn({
      compare: [],
      success: [
        {
          op: 'put',
          key: '/registry/ipaddresses/10.196.0.9',
          value: Buffer.from(
            (left?.value ?? Buffer.alloc(0)).toString().replaceAll('10.196.0.3', '10.196.0.9'),
          ),
        },
      ],
      failure: [],
    });
    expect([await there(one, '10.196.0.4'), await there(one, '10.196.0.9')]).toEqual([false, true]);
    const third = await server('192.0.2.3');
    expect([await there(third, '10.196.0.4'), await there(third, '10.196.0.9')]).toEqual([
      true,
      false,
    ]);

    // A range that is not ready gives nothing away; what is held stays held.
    await one.patch(
      refs.serviceCidrs,
      { name: 'two', subresource: 'status' },
      {
        type: 'merge',
        body: {
          status: {
            conditions: [
              {
                type: 'Ready',
                status: 'False',
                reason: 'Terminating',
                message: '',
                lastTransitionTime: '2026-01-01T00:00:00Z',
              },
            ],
          },
        },
      },
    );
    await expect
      .poll(() =>
        other
          .create<Service>(refs.services, service('late', '10.196.0.5'), { dryRun: true })
          .then(() => 'made', String),
      )
      .toMatch(/does not match the current range/);
    expect(
      (await other.get<Service>(refs.services, { namespace: 'default', name: 'a' })).spec.clusterIP,
    ).toBe('10.196.0.3');
  },
);
