import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { refs } from '../../api/generated/refs.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

/** Custom kinds that are called as built-in ones, or have their fields, are still custom kinds. */
let dev: DevServer;
let admin: InProcessClient;
const spaces: ResourceRef = {
  group: 'example.com',
  version: 'v1',
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: true,
};

beforeAll(async () => {
  dev = await startDevServer();
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  await admin.create(refs.customResourceDefinitions, {
    metadata: { name: 'namespaces.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'namespaces', kind: 'Namespace' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          selectableFields: [{ jsonPath: '.status.replicas' }, { jsonPath: '.source' }],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                source: { type: 'string' },
                status: { type: 'object', properties: { replicas: { type: 'integer' } } },
              },
            },
          },
        },
      ],
    },
  });
  await vi.waitUntil(() => dev.api.server.core.resources.find('example.com', 'v1', 'namespaces'));
});
afterAll(() => dev.api.close());

const make = (name: string, fields: object): Promise<KubeObject> =>
  admin.create(spaces, { metadata: { name, namespace: 'default' }, ...fields });
const selected = async (fieldSelector: string): Promise<(string | undefined)[]> =>
  (await admin.list<KubeObject>(spaces, { namespace: 'default', fieldSelector })).items.map(
    (one) => one.metadata.name,
  );

test('finalizers in the spec hold a Namespace, not whatever has that name', async () => {
  await make('held', { spec: { finalizers: ['kubernetes'] } });
  await admin.delete(spaces, { namespace: 'default', name: 'held' });
  await expect(admin.get(spaces, { namespace: 'default', name: 'held' })).rejects.toThrow(
    'not found',
  );
});

test('a field that is not there is empty, though a built-in kind prints its zero', async () => {
  await make('without', {});
  await make('with', { source: 'a', status: { replicas: 2 } });
  expect(await selected('status.replicas=')).toEqual(['without']);
  expect(await selected('status.replicas=0')).toEqual([]);
  expect(await selected('status.replicas=2')).toEqual(['with']);
  expect(await selected('source=a')).toEqual(['with']);
});
