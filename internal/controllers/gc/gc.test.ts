import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startGarbageCollector } from './gc.ts';

type Owner = { kind?: string; name: string; uid: string; block?: boolean };
const owned = (name: string, owners: Owner[]): object => ({
  metadata: {
    name,
    namespace: 'default',
    ownerReferences: owners.map((o) => ({
      apiVersion: 'v1',
      kind: o.kind ?? 'ConfigMap',
      name: o.name,
      uid: o.uid,
      blockOwnerDeletion: o.block ?? false,
    })),
  },
});
const put = (c: TestCluster, name: string, owners: Owner[] = []): Promise<KubeObject> =>
  c.client.create<KubeObject>(refs.configMaps, owned(name, owners));
const by = (object: KubeObject, block = false): Owner => ({
  name: object.metadata.name!,
  uid: object.metadata.uid!,
  block,
});
const names = (c: TestCluster): string[] =>
  c.client
    .all(refs.configMaps)
    .map((o) => o.metadata.name!)
    .sort();
const remove = (
  c: TestCluster,
  name: string,
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
): Promise<KubeObject> =>
  c.client.delete(refs.configMaps, { namespace: 'default', name }, { propagationPolicy });
const start = (): Promise<TestCluster> =>
  testCluster([startGarbageCollector], async () => undefined);

describe('garbage collector', () => {
  it('deletes dependents in the background, level by level', async () => {
    const c = await start();
    const a = await put(c, 'a');
    const b = await put(c, 'b', [by(a)]);
    await put(c, 'c', [by(b)]);
    await put(c, 'free');
    await c.settle();
    await remove(c, 'a', 'Background');
    await c.settle();
    expect(names(c)).toEqual(['free']);
    c.stop();
  });

  it('keeps what has another owner and lets go of the gone one', async () => {
    const c = await start();
    const [a, b] = [await put(c, 'a'), await put(c, 'b')];
    await put(c, 'd', [by(a), by(b)]);
    await c.settle();
    await remove(c, 'a', 'Background');
    await c.settle();
    const d = await c.client.get<KubeObject>(refs.configMaps, { namespace: 'default', name: 'd' });
    expect(d.metadata.ownerReferences?.map((o) => o.name)).toEqual(['b']);
    c.stop();
  });

  it('keeps a foreground owner until its blocking dependents are gone', async () => {
    const c = await start();
    const a = await put(c, 'a');
    const d = await put(c, 'd', [by(a, true)]);
    await c.client.patch(
      refs.configMaps,
      { namespace: 'default', name: 'd' },
      { type: 'merge', body: { metadata: { finalizers: ['test/hold'] } } },
    );
    await c.settle();
    await remove(c, 'a', 'Foreground');
    await c.settle();
    expect(names(c)).toEqual(['a', 'd']);
    expect(
      (await c.client.get<KubeObject>(refs.configMaps, { namespace: 'default', name: 'd' }))
        .metadata.deletionTimestamp,
    ).toBeDefined();
    await c.client.patch(
      refs.configMaps,
      { namespace: 'default', name: d.metadata.name! },
      { type: 'merge', body: { metadata: { finalizers: [] } } },
    );
    await c.settle();
    expect(names(c)).toEqual([]);
    c.stop();
  });

  it('orphans dependents when asked to', async () => {
    const c = await start();
    const a = await put(c, 'a');
    await put(c, 'd', [by(a)]);
    await c.settle();
    await remove(c, 'a', 'Orphan');
    await c.settle();
    expect(names(c)).toEqual(['d']);
    expect(
      (await c.client.get<KubeObject>(refs.configMaps, { namespace: 'default', name: 'd' }))
        .metadata.ownerReferences ?? [],
    ).toEqual([]);
    c.stop();
  });

  it('breaks a circle of owners that is deleted in the foreground', async () => {
    const c = await start();
    const a = await put(c, 'a');
    const b = await put(c, 'b', [by(a, true)]);
    const d = await put(c, 'd', [by(b, true)]);
    await c.client.patch(
      refs.configMaps,
      { namespace: 'default', name: 'a' },
      {
        type: 'merge',
        body: {
          metadata: {
            ownerReferences: [
              {
                apiVersion: 'v1',
                kind: 'ConfigMap',
                name: 'd',
                uid: d.metadata.uid,
                blockOwnerDeletion: true,
              },
            ],
          },
        },
      },
    );
    await c.settle();
    await remove(c, 'a', 'Foreground');
    await c.settle();
    expect(names(c)).toEqual([]);
    c.stop();
  });

  it('deletes what was born with an owner that never was', async () => {
    const c = await start();
    await put(c, 'd', [{ name: 'nobody', uid: 'no-such-uid' }]);
    await c.settle();
    expect(names(c)).toEqual([]);
    expect(c.clock.timers).toBe(0);
    c.stop();
  });

  it('says that an owner is in another namespace', async () => {
    const c = await start();
    const a = await put(c, 'a');
    await c.client.create(refs.configMaps, {
      metadata: {
        name: 'child',
        namespace: 'other',
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            name: 'a',
            uid: a.metadata.uid,
            controller: false,
          },
        ],
      },
    });
    await c.settle();
    const events = c.client.all(refs.events) as (KubeObject & {
      reason?: string;
      message?: string;
    })[];
    expect(events.map((e) => [e.metadata.namespace, e.reason, e.message])).toEqual([
      [
        'other',
        'OwnerRefInvalidNamespace',
        `ownerRef [v1/ConfigMap, namespace: other, name: a, uid: ${a.metadata.uid}] does not ` +
          'exist in namespace "other"',
      ],
    ]);
    expect(names(c)).toEqual(['a']);
    c.stop();
  });

  it('leaves dependents of unknown kinds alone', async () => {
    const c = await start();
    await put(c, 'd', [{ kind: 'Gizmo', name: 'nobody', uid: 'no-such-uid' }]);
    await c.settle();
    expect(names(c)).toEqual(['d']);
    expect(c.clock.timers).toBe(0);
    c.stop();
  });
});
