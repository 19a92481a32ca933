import type { Deployment } from '../../api/generated/types/apps-v1.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, failure, ref, said, startWithAdmin } from '../testing/server.ts';

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
    expect((await admin.get<Deployment>(deployments, at('scaled'))).spec).toMatchObject({
      replicas: 1,
    });
  });

  test('sets the number of replicas', async () => {
    await admin.patch(deployments, scaled, {
      type: 'json',
      body: [{ op: 'replace', path: '/spec/replicas', value: 2 }],
    });
    expect((await admin.get<Deployment>(deployments, at('scaled'))).spec).toMatchObject({
      replicas: 2,
    });
    await admin.patch(deployments, scaled, { type: 'merge', body: { spec: { replicas: 1 } } });
    expect((await admin.get<Deployment>(deployments, at('scaled'))).spec).toMatchObject({
      replicas: 1,
    });
  });
});

describe('the owners of the number of replicas, as kube-apiserver 1.36.3 keeps them', () => {
  const deployments = ref('deployments', 'Deployment', 'apps');
  const owned = at('owned', 'scale');
  const scale = (replicas?: number, more: object = {}): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'owned', namespace: 'default' },
    ...(replicas === undefined ? {} : { spec: { replicas } }),
    ...more,
  });
  const apply = (body: object, options: { force?: boolean; dryRun?: boolean } = {}) =>
    admin.patch<KubeObject>(
      deployments,
      owned,
      { type: 'apply', body },
      { fieldManager: 'applier', ...options },
    );
  /** What is in the store: the number, and who owns it. */
  const kept = async (): Promise<unknown[]> => {
    const { metadata, spec } = await admin.get<KubeObject & { spec: { replicas: number } }>(
      deployments,
      at('owned'),
    );
    const owners = (metadata.managedFields ?? []).filter(
      ({ fieldsV1 }) => 'f:replicas' in ((fieldsV1 as Record<string, object>)['f:spec'] ?? {}),
    );
    return [
      spec.replicas,
      ...owners.map((one) =>
        [one.manager, one.operation, one.apiVersion, one.subresource].filter(Boolean).join(' '),
      ),
    ];
  };
  beforeEach(async () => {
    const labels = { app: 'owned' };
    await admin.create(
      deployments,
      {
        metadata: { name: 'owned', namespace: 'default' },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      },
      { fieldManager: 'maker' },
    );
  });
  afterEach(() => admin.delete(deployments, at('owned')));

  test('an apply of the same number owns it too', async () => {
    expect(await apply(scale(1))).toMatchObject({ kind: 'Scale', spec: { replicas: 1 } });
    expect(await kept()).toEqual([1, 'applier Apply apps/v1 scale', 'maker Update apps/v1']);
  });

  test('another number is a conflict with who owns it', async () => {
    const error = await failure(apply(scale(3)));
    expect([error.httpStatus, error.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "maker" using autoscaling/v1: .spec.replicas',
    ]);
    expect(await kept()).toEqual([1, 'maker Update apps/v1']);
  });

  test('unless it is forced: then it is taken from the others', async () => {
    expect(await apply(scale(8), { force: true, dryRun: true })).toMatchObject({
      spec: { replicas: 8 },
    });
    expect(await kept()).toEqual([1, 'maker Update apps/v1']);
    await apply(scale(3), { force: true });
    expect(await kept()).toEqual([3, 'applier Apply apps/v1 scale']);
    await apply(scale(4));
    expect(await kept()).toEqual([4, 'applier Apply apps/v1 scale']);
  });

  test('an update takes it, and an apply clashes with that', async () => {
    await apply(scale(3), { force: true });
    await admin.update(deployments, scale(5), { subresource: 'scale', fieldManager: 'putter' });
    expect(await kept()).toEqual([5, 'putter Update apps/v1 scale']);
    expect((await failure(apply(scale(4)))).message).toBe(
      'Apply failed with 1 conflict: conflict with "putter" with subresource "scale" using ' +
        'autoscaling/v1: .spec.replicas',
    );
  });

  test('what is no longer applied goes', async () => {
    await apply(scale(3), { force: true });
    await apply(scale());
    expect(await kept()).toEqual([0]);
  });

  test('the same again writes nothing', async () => {
    await apply(scale(3), { force: true });
    const { metadata } = await admin.get<KubeObject>(deployments, at('owned'));
    expect((await apply(scale(3))).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  test.each<[string, object, string]>([
    ['no kind', { spec: { replicas: 2 } }, '400 invalid object type: /, Kind='],
    [
      'another version',
      scale(2, { apiVersion: 'autoscaling/v2' }),
      '400 invalid object type: autoscaling/v2, Kind=Scale',
    ],
    [
      'another name',
      scale(2, { metadata: { name: 'other' } }),
      '400 the name of the object (other) does not match the name on the URL (owned)',
    ],
    [
      'a field that it does not have',
      scale(2, { spec: { replicas: 2, x: 1 } }),
      '500 failed to create typed patch object (default/owned; autoscaling/v1, Kind=Scale): ' +
        '.spec.x: field not declared in schema',
    ],
    [
      'managed fields',
      scale(2, { metadata: { name: 'owned', managedFields: [] } }),
      '400 metadata.managedFields must be nil',
    ],
    [
      'less than nothing',
      scale(-1),
      '422 Scale.autoscaling "owned" is invalid: spec.replicas: Invalid value: -1: must be ' +
        'greater than or equal to 0',
    ],
    [
      'an old version',
      scale(2, { metadata: { name: 'owned', resourceVersion: '1' } }),
      '409 Operation cannot be fulfilled on deployments.apps "owned": the object has been ' +
        'modified; please apply your changes to the latest version and try again',
    ],
    [
      'a list',
      [],
      '400 error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot ' +
        'unmarshal array into Go value of type map[string]interface {}',
    ],
  ])('an apply with %s', async (_what, body, answer) => {
    expect(await said(apply(body, { force: true }))).toBe(answer);
    expect(await kept()).toEqual([1, 'maker Update apps/v1']);
  });

  test('a strategic patch knows its directives', async () => {
    const patch = (body: object): Promise<KubeObject> =>
      admin.patch(deployments, owned, { type: 'strategic', body });
    await patch({ spec: { replicas: 4 } });
    expect(await kept()).toEqual([4, 'admin Update apps/v1 scale']);
    await patch({ spec: { $patch: 'delete' } });
    expect((await kept())[0]).toBe(0);
  });

  test('a patch for an object that is another one by now', async () => {
    const patch = { metadata: { uid: 'q' }, spec: { replicas: 3 } };
    expect(await said(admin.patch(deployments, owned, { type: 'merge', body: patch }))).toMatch(
      /^409 Operation cannot be fulfilled on deployments\/scale\.apps "owned": Precondition failed: UID in precondition: q, UID in object meta: [-0-9a-f]{36}$/,
    );
  });
});
