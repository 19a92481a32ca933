import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeProtobuf, isProtobuf } from '../api/codec/protobuf/envelope.ts';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { builtinScheme } from '../api/scheme.ts';
import { keyOf } from '../store/store.ts';
import { startDevServer, type DevServer } from './dev.ts';
import { memoryStore } from './memory-store.fake.ts';

const scheme = builtinScheme();
const store = memoryStore();
const ref = (resource: string, kind: string, group = '', namespaced = true): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const configMaps = ref('configmaps', 'ConfigMap');
const deployments = ref('deployments', 'Deployment', 'apps');
let server: DevServer;
let next = 1;

/** Puts an object into the store as a kube-apiserver does. */
async function stored(key: string, object: object): Promise<void> {
  const whole = {
    ...object,
    metadata: {
      uid: `00000000-0000-4000-8000-${String(next++).padStart(12, '0')}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(object as KubeObject).metadata,
    },
  } as KubeObject;
  const info = scheme.kindOf(whole);
  if (!info) throw new Error(`no kind ${whole.kind}`);
  const value = encodeProtobuf(info, whole);
  expect(isProtobuf(value)).toBe(true);
  await store.put({ key: keyOf(key), value });
}

const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'default',
    labels: { from: 'afar' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'x' }],
  },
  data: { a: 'é' },
  binaryData: { b: 'AAEC' },
});

beforeAll(async () => {
  await stored('/registry/namespaces/default', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'default', labels: { 'kubernetes.io/metadata.name': 'default' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  for (const name of ['one', 'two', 'three'])
    await stored(`/registry/configmaps/default/${name}`, configMap(name));
  const container = {
    name: 'c',
    image: 'i',
    resources: { limits: { cpu: '500m', memory: '1Gi' } },
    ports: [{ containerPort: 80 }],
  };
  await stored('/registry/deployments/default/web', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', generation: 2 },
    spec: {
      replicas: 3,
      selector: { matchLabels: { a: 'b' } },
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
    },
  });
  const definition = {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    metadata: {
      name: 'boats.example.com',
      uid: 'u-boats',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      group: 'example.com',
      version: 'v1',
      scope: 'Namespaced',
      names: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
      preserveUnknownFields: false,
      subresources: { status: {} },
      validation: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: { type: 'object', properties: { sails: { type: 'integer', default: 3 } } },
          },
        },
      },
      additionalPrinterColumns: [{ name: 'Sails', type: 'integer', JSONPath: '.spec.sails' }],
      versions: [{ name: 'v1', served: true, storage: true }],
      conversion: { strategy: 'None' },
    },
    status: {
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
      acceptedNames: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
      storedVersions: ['v1'],
    },
  };
  await store.put({
    key: keyOf('/registry/apiextensions.k8s.io/customresourcedefinitions/boats.example.com'),
    value: Buffer.from(JSON.stringify(definition)),
  });
  await store.put({
    key: keyOf('/registry/example.com/boats/default/b'),
    value: Buffer.from(
      JSON.stringify({
        apiVersion: 'example.com/v1',
        kind: 'Boat',
        metadata: { name: 'b', namespace: 'default', uid: 'u-b' },
        spec: { sails: 1 },
      }),
    ),
  });
  await stored('/registry/clusterrolebindings/reader', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'mary', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  server = await startDevServer({ store });
});
afterAll(() => server.api.close());

describe('objects that a kube-apiserver stored as protobuf', () => {
  const admin = () => server.api.inProcess({ name: 'admin', groups: ['system:masters'] });

  test('are read one by one and in lists', async () => {
    const one = await admin().get<KubeObject>(configMaps, { namespace: 'default', name: 'one' });
    expect(one).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data: { a: 'é' },
      binaryData: { b: 'AAEC' },
      metadata: { labels: { from: 'afar' } },
    });
    expect(one.metadata.resourceVersion).toMatch(/^\d+$/);
    const { items } = await admin().list<KubeObject>(configMaps, {
      namespace: 'default',
      labelSelector: 'from=afar',
    });
    expect(items.map((item) => item.metadata.name)).toEqual(['one', 'three', 'two']);
    const web = await admin().get<
      KubeObject & {
        spec: {
          strategy: unknown;
          template: {
            spec: { containers: { terminationMessagePath: string }[]; restartPolicy: string };
          };
        };
      }
    >(deployments, { namespace: 'default', name: 'web' });
    expect(web.spec.strategy).toMatchObject({
      rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 },
    });
    // What a later version has a default for is there too.
    expect([
      web.spec.template.spec.restartPolicy,
      web.spec.template.spec.containers[0]?.terminationMessagePath,
    ]).toEqual(['Always', '/dev/termination-log']);
  });

  test('definitions are served in v1, and so are their objects', async () => {
    const definition = await admin().get<KubeObject & { spec: object }>(
      ref('customresourcedefinitions', 'CustomResourceDefinition', 'apiextensions.k8s.io', false),
      { name: 'boats.example.com' },
    );
    expect(definition).toMatchObject({
      apiVersion: 'apiextensions.k8s.io/v1',
      spec: {
        versions: [
          {
            name: 'v1',
            subresources: { status: {} },
            additionalPrinterColumns: [{ name: 'Sails', jsonPath: '.spec.sails' }],
          },
        ],
      },
    });
    expect(Object.keys(definition.spec)).not.toContain('validation');
    const boats = ref('boats', 'Boat', 'example.com');
    expect(await admin().get<KubeObject>(boats, { namespace: 'default', name: 'b' })).toMatchObject(
      { spec: { sails: 1 } },
    );
    expect(
      await admin().create<KubeObject>(boats, {
        apiVersion: 'example.com/v1',
        kind: 'Boat',
        metadata: { name: 'c', namespace: 'default' },
        spec: { unknown: 1 },
      }),
    ).toMatchObject({ spec: { sails: 3 } });
  });

  test('count for those who may', async () => {
    const mary = server.api.inProcess({ name: 'mary', groups: ['system:authenticated'] });
    expect((await mary.list(configMaps, { namespace: 'default' })).items.length).toBeGreaterThan(2);
    await expect(mary.delete(configMaps, { namespace: 'default', name: 'one' })).rejects.toThrow(
      /cannot delete resource/,
    );
  });

  test('are changed, watched and deleted, and are JSON from then on', async () => {
    const seen: string[] = [];
    const { resourceVersion } = await admin().list(configMaps, { namespace: 'default' });
    const watch = admin().watch<KubeObject>(
      configMaps,
      { namespace: 'default', resourceVersion },
      {
        onEvent: (type, object) => void seen.push(`${type} ${object.metadata.name}`),
        onEnd: () => undefined,
      },
    );
    await admin().patch(
      configMaps,
      { namespace: 'default', name: 'two' },
      { type: 'merge', body: { data: { c: 'd' } } },
    );
    const value =
      (await store.range({ key: keyOf('/registry/configmaps/default/two') })).kvs[0]?.value ??
      new Uint8Array();
    expect(JSON.parse(Buffer.from(value).toString())).toMatchObject({
      kind: 'ConfigMap',
      data: { a: 'é', c: 'd' },
    });
    await admin().delete(configMaps, { namespace: 'default', name: 'three' });
    await expect.poll(() => seen).toContain('DELETED three');
    expect(seen).toContain('MODIFIED two');
    watch.stop();
  });

  test('one that comes through the store while the server runs is seen', async () => {
    await stored('/registry/configmaps/default/late', configMap('late'));
    expect(
      await admin().get<KubeObject>(configMaps, { namespace: 'default', name: 'late' }),
    ).toMatchObject({ data: { a: 'é' } });
  });
});
