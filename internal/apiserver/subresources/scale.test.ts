import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Unstructured } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, failure, ref, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('a patch of a scale', () => {
  const deployments = ref('deployments', 'Deployment', 'apps');
  const scaled = { ...at('scaled'), subresource: 'scale' };
  beforeAll(async () => {
    const labels = { app: 'scaled' };
    await admin.create(deployments, {
      metadata: { name: 'scaled', namespace: 'default' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
  });

  test.each([
    [[true, {}, []]],
    [7],
    ['text'],
    [false],
    [null],
    [{}],
    [{ metadata: 7 }],
    [{ metadata: { name: 'scaled' }, spec: [] }],
    [{ metadata: { name: 'scaled' }, spec: { replicas: 'many' } }],
  ])('is refused when it leaves no scale: %j', async (value) => {
    const error = await failure(
      admin.patch(deployments, scaled, {
        type: 'json',
        body: [{ op: 'replace', path: '', value }],
      }),
    );
    expect([error.httpStatus, error.message]).toEqual([
      expect.toBeOneOf([400, 422]),
      expect.any(String),
    ]);
    expect((await admin.get<Unstructured>(deployments, at('scaled')))['spec']).toMatchObject({
      replicas: 1,
    });
  });

  test('sets the number of replicas', async () => {
    await admin.patch(deployments, scaled, {
      type: 'json',
      body: [{ op: 'replace', path: '/spec/replicas', value: 2 }],
    });
    expect((await admin.get<Unstructured>(deployments, at('scaled')))['spec']).toMatchObject({
      replicas: 2,
    });
    await admin.patch(deployments, scaled, { type: 'merge', body: { spec: { replicas: 1 } } });
    expect((await admin.get<Unstructured>(deployments, at('scaled')))['spec']).toMatchObject({
      replicas: 1,
    });
  });
});
