import { afterAll, beforeAll, expect, test } from 'vitest';
import { StoreError } from '../../store/errors.ts';
import { keyOf as storeKey, type Store, type WatchRequest } from '../../store/store.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { memoryStore } from '../memory-store.fake.ts';
import { ref, said, startWithAdmin } from '../testing/server.ts';

const prefix = storeKey('/registry/apiextensions.k8s.io/customresourcedefinitions/');
const inner = memoryStore();
const open = new Map<WatchRequest, () => void>();
/** Whether the definitions can be read as a whole. */
let away = false;

/** A store whose watches of definitions can end. */
const store: Store = {
  ...inner,
  get revision() {
    return inner.revision;
  },
  get compactRevision() {
    return inner.compactRevision;
  },
  range: async (request) => {
    if (away && request.key === prefix) throw new StoreError('UNAVAILABLE', 'the store is away');
    return inner.range(request);
  },
  watch: (request) => {
    const watch = inner.watch(request);
    if (request.key === prefix) open.set(request, () => watch.cancel());
    return watch;
  },
};

function endWatches(): void {
  for (const [request, cancel] of [...open]) {
    open.delete(request);
    cancel();
    request.onEnd({ reason: 'compacted', compactRevision: inner.revision });
  }
}

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin({ store }));
});
afterAll(() => dev.api.close());

const definitions = ref(
  'customresourcedefinitions',
  'CustomResourceDefinition',
  'apiextensions.k8s.io',
  false,
);
const served = (plural: string): boolean =>
  dev.api.server.core.resources.find('example.com', 'v1', plural) !== undefined;

async function define(plural: string, kind: string): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object' } };
  await admin.create(definitions, {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  await expect.poll(() => served(plural)).toBe(true);
}

test('a definition that went while its watch was compacted is served no more', async () => {
  await define('foos', 'Foo');
  await define('bars', 'Bar');
  const foos = ref('foos', 'Foo', 'example.com');
  expect(await said(admin.list(foos, { namespace: 'default' }))).toBe('done');

  away = true;
  expect(open.size).toBeGreaterThan(0);
  endWatches();
  // Another server lets it go; nobody tells this one.
  await inner.deleteRange({ key: `${prefix}foos.example.com` });
  expect([served('foos'), served('bars')]).toEqual([true, true]);

  away = false;
  await expect.poll(() => served('foos')).toBe(false);
  expect(served('bars')).toBe(true);
  expect(await said(admin.list(foos, { namespace: 'default' }))).toMatch(/^404 /);
  // Followed again: the next change is told, too.
  await define('bazes', 'Baz');
});
