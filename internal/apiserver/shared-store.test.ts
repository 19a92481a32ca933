import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Endpoints, Service } from '../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { realClock, type Clock } from '../io/clock.ts';
import { StoreError } from '../store/errors.ts';
import type { RangeRequest, Store } from '../store/store.ts';
import { startDevServer, type DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';
import { memoryStore } from './memory-store.fake.ts';

const ref = (resource: string, kind: string, group = '', namespaced = true): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const services = ref('services', 'Service');
const configMaps = ref('configmaps', 'ConfigMap');

const store = memoryStore();
let servers: DevServer[];
let clients: InProcessClient[];

beforeAll(async () => {
  // Both begin at once on an empty store, as two servers of a new cluster do.
  servers = await Promise.all(
    ['192.0.2.1', '192.0.2.2'].map((advertiseAddress) =>
      startDevServer({ store, sharedStore: true, advertiseAddress }),
    ),
  );
  clients = servers.map((one) => one.api.inProcess({ name: 'admin', groups: ['system:masters'] }));
});
afterAll(async () => {
  for (const one of servers) await one.api.close();
});

const one = (): InProcessClient => clients[0] as InProcessClient;
const other = (): InProcessClient => clients[1] as InProcessClient;
const service = (name: string, spec: object = {}): object => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'NodePort', ports: [{ port: 80 }], ...spec },
});
const target = (name: string) => ({ namespace: 'default', name });
const claims = async (): Promise<string[]> =>
  (await store.range({ key: '/skiff/claims/', end: '/skiff/claims0' })).kvs
    .map((kv) => kv.key)
    .sort();
/** A random port that is free. */
const freePort = async (): Promise<number> => {
  const taken = new Set(await claims());
  for (let port = 32000; ; port++) if (!taken.has(`/skiff/claims/port/${port}`)) return port;
};
const nodePort = (made: Service): number => made.spec?.ports?.[0]?.nodePort ?? 0;

describe('two API servers on one store', () => {
  test('both are behind the kubernetes service', async () => {
    await expect
      .poll(async () =>
        (await one().get<Endpoints>(ref('endpoints', 'Endpoints'), target('kubernetes'))).subsets
          ?.flatMap((s) => s.addresses?.map((a) => a.ip) ?? [])
          .sort(),
      )
      .toEqual(['192.0.2.1', '192.0.2.2']);
    await expect
      .poll(async () =>
        (
          await one().get<{ endpoints: { addresses: string[] }[] } & KubeObject>(
            ref('endpointslices', 'EndpointSlice', 'discovery.k8s.io'),
            target('kubernetes'),
          )
        ).endpoints.map((e) => e.addresses[0]),
      )
      .toEqual(['192.0.2.1', '192.0.2.2']);
  });

  test('no address and no port is given away twice, however close together', async () => {
    const made = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        (i % 2 ? one() : other()).create<Service>(services, service(`many-${i}`)),
      ),
    );
    expect(new Set(made.map((m) => m.spec?.clusterIP)).size).toBe(200);
    expect(new Set(made.map(nodePort)).size).toBe(200);
  });

  test('what was asked for by name goes to one of them', async () => {
    const wanted = { clusterIP: '10.43.200.1', ports: [{ port: 80, nodePort: await freePort() }] };
    const both = await Promise.allSettled([
      one().create<Service>(services, service('mine', wanted)),
      other().create<Service>(services, service('yours', wanted)),
    ]);
    expect(both.map((b) => b.status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = both.find((b) => b.status === 'rejected');
    expect(String((refused as PromiseRejectedResult).reason)).toMatch(/already allocated/);
  });

  test('what one server gives back the other can give away', async () => {
    const before = await claims();
    const first = await freePort();
    const named = (name: string, port: number): object =>
      service(name, { clusterIP: '10.43.200.2', ports: [{ port: 80, nodePort: port }] });
    await one().create(services, named('short', first));
    expect((await claims()).length).toBe(before.length + 2);
    const second = await freePort();
    await other().delete(services, target('short'));
    expect(await claims()).toEqual(before);
    const again = await one().create<Service>(services, named('again', first));
    const changed = await other().update<Service>(services, {
      ...again,
      spec: { ...again.spec, ports: [{ ...again.spec?.ports?.[0], nodePort: second }] },
    });
    expect(nodePort(changed)).toBe(second);
    expect((await claims()).filter((key) => !before.includes(key))).toEqual([
      '/skiff/claims/ip/10.43.200.2',
      `/skiff/claims/port/${second}`,
    ]);
    await expect(
      one().create(services, service('late', { ports: [{ port: 80, nodePort: second }] })),
    ).rejects.toThrow(/already allocated/);
    await one().delete(services, target('again'));
    expect(await claims()).toEqual(before);
  });

  test('an allocator that knows no others is stopped by the claim and chooses again', async () => {
    // Written behind both servers' backs: no watch has told them.
    const port = await freePort();
    await store.put({ key: `/skiff/claims/port/${port}`, value: Buffer.from('default/unseen') });
    await expect(
      one().create(services, service('blind', { ports: [{ port: 80, nodePort: port }] })),
    ).rejects.toThrow(/provided port is already allocated/);
    expect(
      (await one().list(services, { namespace: 'default', fieldSelector: 'metadata.name=blind' }))
        .items,
    ).toEqual([]);
  });

  test('a server is an endpoint of kubernetes though the store failed when it came', async () => {
    const alive = '/registry/masterleases/';
    let failing = false;
    const inner = memoryStore();
    const weak = Object.create(inner, {
      range: {
        value: async (request: RangeRequest) => {
          if (!failing || request.key !== alive) return await inner.range(request);
          failing = false;
          throw new StoreError('UNAVAILABLE', 'etcdserver: request timed out');
        },
      },
    }) as Store;
    const server = await startDevServer({
      store: weak,
      sharedStore: true,
      advertiseAddress: '192.0.2.1',
    });
    failing = true;
    const value = Buffer.from(JSON.stringify({ address: '192.0.2.9', port: 6443 }));
    await inner.put({ key: `${alive}192.0.2.9`, value });
    const client = server.api.inProcess({ name: 'admin', groups: ['system:masters'] });
    await expect
      .poll(
        async () =>
          (
            await client.get<Endpoints>(ref('endpoints', 'Endpoints'), target('kubernetes'))
          ).subsets?.flatMap((s) => s.addresses?.map((a) => a.ip) ?? []),
        { timeout: 20_000 },
      )
      .toEqual(['192.0.2.1', '192.0.2.9']);
    expect(failing).toBe(false);
    await server.api.close();
  });

  test('a server that moves while its store fails is known when it tries again', async () => {
    const inner = memoryStore();
    let failing = false;
    const weak = Object.create(inner, {
      leaseGrant: {
        value: async (request: never) => {
          if (failing) throw new StoreError('UNAVAILABLE', 'Stream refused by server');
          return await inner.leaseGrant(request);
        },
      },
    }) as Store;
    const server = await startDevServer({
      store: weak,
      sharedStore: true,
      advertiseAddress: '192.0.2.1',
    });
    failing = true;
    await expect(server.api.readvertise('192.0.2.7')).rejects.toThrow('refused');
    failing = false;
    await server.api.readvertise('192.0.2.7');
    const client = server.api.inProcess({ name: 'admin', groups: ['system:masters'] });
    await expect
      .poll(async () =>
        (
          await client.get<Endpoints>(ref('endpoints', 'Endpoints'), target('kubernetes'))
        ).subsets?.flatMap((s) => s.addresses?.map((a) => a.ip) ?? []),
      )
      .toContain('192.0.2.7');
    await server.api.close();
  });

  test('a server asks for no lease while its store cannot tell whether it has one', async () => {
    const inner = memoryStore();
    let said: StoreError | undefined;
    let grants = 0;
    let kept = 0;
    const cut = Object.create(inner, {
      leaseGrant: { value: (request: never) => (grants++, inner.leaseGrant(request)) },
      leaseKeepAlive: {
        value: (id: string) => (kept++, said ? Promise.reject(said) : inner.leaseKeepAlive(id)),
      },
    }) as Store;
    const soon = (op: string, ms: number): number => (op === 'apiserver.alive' ? 10 : ms);
    const clock: Clock = {
      ...realClock,
      after: (op, ms, fn) => realClock.after(op, soon(op, ms), fn),
      every: (op, ms, fn) => realClock.every(op, soon(op, ms), fn),
    };
    const server = await startDevServer({ store: cut, sharedStore: true, more: { clock } });
    said = new StoreError('UNAVAILABLE', 'etcdserver: no leader');
    const before = kept;
    await expect.poll(() => kept).toBeGreaterThan(before + 3);
    expect(grants).toBe(1);
    said = new StoreError('LEASE_NOT_FOUND', 'requested lease not found');
    await expect.poll(() => grants).toBeGreaterThan(1);
    await server.api.close();
  });

  test('services from before there were claims are claimed at the next start', async () => {
    const old = await one().create<Service>(services, service('old'));
    await store.deleteRange({ key: '/skiff/claims/', end: '/skiff/claims0' });
    const third = await startDevServer({ store, sharedStore: true, advertiseAddress: '192.0.2.1' });
    expect(await claims()).toEqual(
      expect.arrayContaining([
        `/skiff/claims/ip/${old.spec?.clusterIP}`,
        `/skiff/claims/port/${nodePort(old)}`,
      ]),
    );
    await third.api.close();
  });

  test('a definition, a role and a policy of one server are in force at the other', async () => {
    await one().create(
      ref('customresourcedefinitions', 'CustomResourceDefinition', 'apiextensions.k8s.io', false),
      {
        metadata: { name: 'ships.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'ships', kind: 'Ship' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: {
                openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              },
            },
          ],
        },
      },
    );
    await expect
      .poll(() => servers[1]?.api.server.core.resources.find('example.com', 'v1', 'ships'))
      .toBeDefined();
    await other().create(ref('ships', 'Ship', 'example.com'), {
      apiVersion: 'example.com/v1',
      kind: 'Ship',
      metadata: { name: 'a', namespace: 'default' },
    });

    const reader = servers[1]?.api.inProcess({ name: 'reader', groups: [] }) as InProcessClient;
    await expect(reader.list(configMaps, { namespace: 'default' })).rejects.toThrow(/forbidden/);
    await one().create(ref('clusterroles', 'ClusterRole', 'rbac.authorization.k8s.io', false), {
      metadata: { name: 'read' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }],
    });
    await one().create(
      ref('clusterrolebindings', 'ClusterRoleBinding', 'rbac.authorization.k8s.io', false),
      {
        metadata: { name: 'read' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'read' },
        subjects: [{ kind: 'User', name: 'reader', apiGroup: 'rbac.authorization.k8s.io' }],
      },
    );
    await expect
      .poll(() =>
        reader.list(configMaps, { namespace: 'default' }).then(
          () => 'allowed',
          () => 'forbidden',
        ),
      )
      .toBe('allowed');
  });
});

test('a server starts on a disk that takes no change, and moves when it does', async () => {
  const real = memoryStore();
  await (await startDevServer({ store: real, advertiseAddress: '192.0.2.1' })).api.close();
  let readOnly = true;
  const store: Store = new Proxy(real, {
    get: (target, name) =>
      (name === 'txn' || name === 'put') && readOnly
        ? () => Promise.reject(new StoreError('READ_ONLY', 'read-only'))
        : (Reflect.get(target, name) as unknown),
  });
  const clock: Clock = {
    ...realClock,
    after: (op, ms, fn) => realClock.after(op, op === 'apiserver.boot' ? 10 : ms, fn),
  };
  const server = await startDevServer({ store, advertiseAddress: '192.0.2.7', more: { clock } });
  const client = server.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const shown = async (): Promise<string[] | undefined> =>
    (
      await client.get<Endpoints>(ref('endpoints', 'Endpoints'), target('kubernetes'))
    ).subsets?.flatMap((s) => s.addresses?.map((a) => a.ip) ?? []);
  expect(await shown()).toEqual(['192.0.2.1']);
  readOnly = false;
  await expect.poll(shown).toEqual(['192.0.2.7']);
  await server.api.close();
});

test('a server whose store is silent is not ready, and says so as clients expect', async () => {
  const real = memoryStore();
  let away: Error | undefined;
  const store: Store = new Proxy(real, {
    get: (target, name) =>
      name === 'range' && away
        ? () => Promise.reject(away as Error)
        : (Reflect.get(target, name) as unknown),
  });
  const server = await startDevServer({ store });
  const client = server.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  expect((await client.raw({ method: 'GET', path: '/readyz' })).status).toBe(200);
  away = new StoreError('UNAVAILABLE', 'etcdserver: no leader', { op: 'range' });
  const verbose = await client.raw({ method: 'GET', path: '/readyz?verbose' });
  expect([verbose.status, verbose.body.toString()]).toEqual([
    500,
    expect.stringContaining('[-]etcd failed'),
  ]);
  expect((await client.raw({ method: 'GET', path: '/readyz/etcd' })).body.toString()).toContain(
    'no leader',
  );
  const list = await client.raw({ method: 'GET', path: '/api/v1/namespaces/default/configmaps' });
  expect([list.status, JSON.parse(list.body.toString())]).toMatchObject([
    503,
    { reason: 'ServiceUnavailable', details: { retryAfterSeconds: 1 } },
  ]);
  away = undefined;
  expect((await client.raw({ method: 'GET', path: '/readyz' })).status).toBe(200);
  await server.api.close();
});

test('a server that lags asks the store before it says that a version is too new', async () => {
  let known = 0;
  const real = memoryStore();
  /** Sees only what its own calls told it, as a store on the network does. */
  const lagging: Store = new Proxy(real, {
    get(target, name) {
      if (name === 'revision') return known;
      const value = Reflect.get(target, name) as unknown;
      if (name !== 'range' && name !== 'txn') return value;
      return async (request: never) => {
        const answer = await (value as (r: never) => Promise<{ revision: number }>)(request);
        known = Math.max(known, answer.revision);
        return answer;
      };
    },
  });
  const server = await startDevServer({ store: lagging });
  const client = server.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const { revision } = await real.put({ key: '/registry/unrelated', value: Buffer.from('x') });
  expect(known).toBeLessThan(revision);
  expect(
    (await client.list(configMaps, { resourceVersion: String(revision) })).resourceVersion,
  ).toBe(String(revision));
  await expect(client.list(configMaps, { resourceVersion: String(revision + 50) })).rejects.toThrow(
    /Too large resource version/,
  );
  await server.api.close();
});

test('a server on no network starts; it is behind no service until it has an address', async () => {
  const lonely = await startDevServer({ advertiseAddress: '127.0.0.1' });
  try {
    const client = lonely.api.inProcess({ name: 'admin', groups: ['system:masters'] });
    expect(
      (await client.get<Endpoints>(ref('endpoints', 'Endpoints'), target('kubernetes'))).subsets ??
        [],
    ).toEqual([]);
    expect((await client.get<Service>(services, target('kubernetes'))).spec?.clusterIP).toBe(
      '10.43.0.1',
    );
  } finally {
    await lonely.api.close();
  }
});
