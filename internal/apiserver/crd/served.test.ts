import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { ref, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('custom resources', () => {
  test('a definition is served, defaulted, pruned and withdrawn', async () => {
    const definitions = ref(
      'customresourcedefinitions',
      'CustomResourceDefinition',
      'apiextensions.k8s.io',
      false,
    );
    const schema = {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: { size: { type: 'integer', default: 3 } } },
        },
      },
    };
    await admin.create(definitions, {
      metadata: { name: 'foos.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'foos', kind: 'Foo' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const foos = ref('foos', 'Foo', 'example.com');
    await expect
      .poll(() => dev.api.server.core.resources.find('example.com', 'v1', 'foos'))
      .toBeDefined();
    const made = await admin.create<KubeObject>(foos, {
      apiVersion: 'example.com/v1',
      kind: 'Foo',
      metadata: { name: 'f', namespace: 'default' },
      spec: { colour: 'red' },
    });
    expect(fieldsOf(made)['spec']).toEqual({ size: 3 });
    await admin.delete(definitions, { name: 'foos.example.com' });
    await expect
      .poll(() => dev.api.server.core.resources.find('example.com', 'v1', 'foos'))
      .toBeUndefined();
    expect(
      (await dev.store.range({ key: '/registry/example.com/', end: '/registry/example.com0' }))
        .count,
    ).toBe(0);
  });
});
