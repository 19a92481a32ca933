import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Unstructured, fieldsOf, type KubeObject } from '../api/object.ts';
import type { DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';
import { at, configMap, configMaps, failure, pods, ref, startWithAdmin } from './testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('objects', () => {
  test('a created object has what the server gives it', async () => {
    const made = await admin.create(configMaps, configMap('made', { a: '1' }));
    expect(made).toMatchObject({
      kind: 'ConfigMap',
      data: { a: '1' },
      metadata: {
        name: 'made',
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        creationTimestamp: expect.any(String),
      },
    });
    expect(Number(made.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(await admin.get(configMaps, at('made'))).toBe(await admin.get(configMaps, at('made')));
    expect(Object.isFrozen(made)).toBe(true);
  });

  test('names are taken once', async () => {
    await admin.create(configMaps, configMap('once'));
    const error = await failure(admin.create(configMaps, configMap('once')));
    expect([error.httpStatus, error.message]).toEqual([409, 'configmaps "once" already exists']);
  });

  test('a name is made from its prefix', async () => {
    const made = await admin.create(configMaps, {
      metadata: { generateName: 'gen-', namespace: 'default' },
    });
    expect(made.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('a stale update is a conflict, a blind one is not', async () => {
    const first = await admin.create<KubeObject>(configMaps, configMap('stale', { a: '1' }));
    await admin.update(configMaps, { ...first, data: { a: '2' } });
    const error = await failure(admin.update(configMaps, { ...first, data: { a: '3' } }));
    expect(error.message).toBe(
      'Operation cannot be fulfilled on configmaps "stale": the object has been modified; ' +
        'please apply your changes to the latest version and try again',
    );
    await admin.update(configMaps, configMap('stale', { a: '4' }));
    expect((await admin.get<Unstructured>(configMaps, at('stale')))['data']).toEqual({ a: '4' });
  });

  test('an update that changes nothing writes nothing', async () => {
    const first = await admin.create<KubeObject>(configMaps, configMap('same', { a: '1' }));
    const again = await admin.update<KubeObject>(configMaps, first);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('dry runs leave no trace', async () => {
    await admin.create(configMaps, configMap('dry'), { dryRun: true });
    expect((await failure(admin.get(configMaps, at('dry')))).reason).toBe('NotFound');
  });

  test('patches of all four kinds', async () => {
    await admin.create(configMaps, configMap('patched', { a: '1', b: '2' }));
    await admin.patch(configMaps, at('patched'), {
      type: 'merge',
      body: { data: { a: null, c: '3' } },
    });
    await admin.patch(configMaps, at('patched'), {
      type: 'json',
      body: [{ op: 'add', path: '/data/d', value: '4' }],
    });
    await admin.patch(configMaps, at('patched'), { type: 'strategic', body: { data: { e: '5' } } });
    const done = await admin.patch<KubeObject>(
      configMaps,
      at('patched'),
      { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', data: { f: '6' } } },
      { fieldManager: 'm' },
    );
    expect(fieldsOf(done)['data']).toEqual({ b: '2', c: '3', d: '4', e: '5', f: '6' });
  });

  test('deleted replication controllers and jobs orphan, unless told otherwise', async () => {
    const template = {
      metadata: { labels: { app: 'x' } },
      spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'i' }] },
    };
    const controllers = ref('replicationcontrollers', 'ReplicationController');
    const deleted = async (name: string, options: object): Promise<string[] | undefined> => {
      await admin.create(controllers, {
        metadata: { name, namespace: 'default' },
        spec: { replicas: 0, selector: { app: 'x' }, template },
      });
      const answer = await admin.delete(controllers, at(name), options);
      return answer.metadata.finalizers;
    };
    expect(await deleted('rc1', {})).toEqual(['orphan']);
    expect(await deleted('rc2', { propagationPolicy: 'Background' })).toBeUndefined();
    expect(await deleted('rc3', { orphanDependents: false })).toBeUndefined();
    expect(await deleted('rc4', { propagationPolicy: 'Foreground' })).toEqual([
      'foregroundDeletion',
    ]);
  });

  test('finalizers hold a deleted object until the last is gone', async () => {
    await admin.create(configMaps, {
      ...configMap('held'),
      metadata: { name: 'held', namespace: 'default', finalizers: ['example.com/x'] },
    });
    await admin.delete(configMaps, at('held'));
    const held = await admin.get<KubeObject>(configMaps, at('held'));
    expect(held.metadata.deletionTimestamp).toBeDefined();
    await admin.patch(configMaps, at('held'), {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    expect((await failure(admin.get(configMaps, at('held')))).reason).toBe('NotFound');
  });

  test('foreground and orphan deletion leave their finalizers', async () => {
    await admin.create(configMaps, configMap('fore'));
    await admin.delete(configMaps, at('fore'), { propagationPolicy: 'Foreground' });
    expect((await admin.get(configMaps, at('fore'))).metadata.finalizers).toEqual([
      'foregroundDeletion',
    ]);
    await admin.create(configMaps, configMap('orph'));
    await admin.delete(configMaps, at('orph'), { propagationPolicy: 'Orphan' });
    expect((await admin.get(configMaps, at('orph'))).metadata.finalizers).toEqual(['orphan']);
  });

  test('preconditions', async () => {
    await admin.create(configMaps, configMap('guarded'));
    expect(
      (await failure(admin.delete(configMaps, at('guarded'), { preconditions: { uid: 'other' } })))
        .httpStatus,
    ).toBe(409);
  });
});

describe('lists', () => {
  test('selectors and pages', async () => {
    for (let i = 0; i < 7; i++)
      await admin.create(configMaps, configMap(`page-${i}`, {}, { page: i % 2 ? 'odd' : 'even' }));
    const odd = await admin.list<KubeObject>(configMaps, {
      namespace: 'default',
      labelSelector: 'page=odd',
    });
    expect(odd.items.map((one) => one.metadata.name)).toEqual(['page-1', 'page-3', 'page-5']);
    const names: string[] = [];
    let token: string | undefined;
    do {
      const page = await admin.list<KubeObject>(configMaps, {
        namespace: 'default',
        labelSelector: 'page',
        limit: 3,
        continue: token,
      });
      names.push(...page.items.map((one) => one.metadata.name ?? ''));
      token = page.continue;
    } while (token);
    expect(names).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `page-${i}`));
  });

  test('an unknown field is refused', async () => {
    const error = await failure(admin.list(pods, { fieldSelector: 'spec.foo=1' }));
    expect([error.httpStatus, error.message]).toEqual([400, 'field label not supported: spec.foo']);
  });
});

describe('watches', () => {
  test('state, end of state, then changes; a selector makes leaving a deletion', async () => {
    await admin.create(configMaps, configMap('watched', {}, { w: 'yes' }));
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      const watch = admin.watch<KubeObject>(
        configMaps,
        { namespace: 'default', labelSelector: 'w=yes', sendInitialEvents: true },
        {
          onEvent: (type, object) => {
            seen.push(`${type} ${object.metadata.name}`);
            if (seen.length === 5) {
              watch.stop();
              resolve();
            }
          },
          onSynced: () => {
            seen.push('SYNCED');
            void admin
              .patch(configMaps, at('watched'), { type: 'merge', body: { data: { x: '1' } } })
              .then(() =>
                admin.patch(configMaps, at('watched'), {
                  type: 'merge',
                  body: { metadata: { labels: { w: 'no' } } },
                }),
              )
              .then(() =>
                admin.patch(configMaps, at('watched'), {
                  type: 'merge',
                  body: { metadata: { labels: { w: 'yes' } } },
                }),
              );
          },
          onEnd: () => undefined,
        },
      );
    });
    await done;
    expect(seen).toEqual([
      'ADDED watched',
      'SYNCED',
      'MODIFIED watched',
      'DELETED watched',
      'ADDED watched',
    ]);
  });
});

describe('who may what', () => {
  test('a stranger may nothing', async () => {
    const bob = dev.api.inProcess({ name: 'bob', groups: [] });
    const error = await failure(bob.list(pods, { namespace: 'default' }));
    expect([error.httpStatus, error.message]).toEqual([
      403,
      'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the ' +
        'namespace "default"',
    ]);
  });

  test('a node may only its own', async () => {
    const node = dev.api.inProcess({
      name: 'system:node:n1',
      groups: ['system:nodes', 'system:masters'],
    });
    expect(
      (await failure(node.create(ref('nodes', 'Node', '', false), { metadata: { name: 'n2' } })))
        .message,
    ).toContain('node "n1" is not allowed to modify node "n2"');
    await node.create(ref('nodes', 'Node', '', false), { metadata: { name: 'n1' } });
  });
});
