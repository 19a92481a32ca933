import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Unstructured, fieldsOf, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { startDevServer, type DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';

const ref = (resource: string, kind: string, group = '', namespaced = true): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const configMaps = ref('configmaps', 'ConfigMap');
const pods = ref('pods', 'Pod');
const services = ref('services', 'Service');
const namespaces = ref('namespaces', 'Namespace', '', false);

let dev: DevServer;
let admin: InProcessClient;

beforeAll(async () => {
  dev = await startDevServer();
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
    metadata: { name: 'default', namespace: 'default' },
  });
});
afterAll(() => dev.api.close());

const map = (
  name: string,
  data: Record<string, string> = {},
  labels?: Record<string, string>,
): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...(labels ? { labels } : {}) },
  data,
});
const target = (name: string) => ({ namespace: 'default', name });
const failure = async (effect: Promise<unknown>): Promise<ApiError> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApiError) => error,
  );

describe('objects', () => {
  test('a created object has what the server gives it', async () => {
    const made = await admin.create(configMaps, map('made', { a: '1' }));
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
    expect(await admin.get(configMaps, target('made'))).toBe(
      await admin.get(configMaps, target('made')),
    );
    expect(Object.isFrozen(made)).toBe(true);
  });

  test('names are taken once', async () => {
    await admin.create(configMaps, map('once'));
    const error = await failure(admin.create(configMaps, map('once')));
    expect([error.httpStatus, error.message]).toEqual([409, 'configmaps "once" already exists']);
  });

  test('a name is made from its prefix', async () => {
    const made = await admin.create(configMaps, {
      metadata: { generateName: 'gen-', namespace: 'default' },
    });
    expect(made.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('a stale update is a conflict, a blind one is not', async () => {
    const first = await admin.create<KubeObject>(configMaps, map('stale', { a: '1' }));
    await admin.update(configMaps, { ...first, data: { a: '2' } });
    const error = await failure(admin.update(configMaps, { ...first, data: { a: '3' } }));
    expect(error.message).toBe(
      'Operation cannot be fulfilled on configmaps "stale": the object has been modified; ' +
        'please apply your changes to the latest version and try again',
    );
    await admin.update(configMaps, map('stale', { a: '4' }));
    expect((await admin.get<Unstructured>(configMaps, target('stale')))['data']).toEqual({
      a: '4',
    });
  });

  test('an update that changes nothing writes nothing', async () => {
    const first = await admin.create<KubeObject>(configMaps, map('same', { a: '1' }));
    const again = await admin.update<KubeObject>(configMaps, first);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('dry runs leave no trace', async () => {
    await admin.create(configMaps, map('dry'), { dryRun: true });
    expect((await failure(admin.get(configMaps, target('dry')))).reason).toBe('NotFound');
  });

  test('patches of all four kinds', async () => {
    await admin.create(configMaps, map('patched', { a: '1', b: '2' }));
    await admin.patch(configMaps, target('patched'), {
      type: 'merge',
      body: { data: { a: null, c: '3' } },
    });
    await admin.patch(configMaps, target('patched'), {
      type: 'json',
      body: [{ op: 'add', path: '/data/d', value: '4' }],
    });
    await admin.patch(configMaps, target('patched'), {
      type: 'strategic',
      body: { data: { e: '5' } },
    });
    const done = await admin.patch<KubeObject>(
      configMaps,
      target('patched'),
      { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', data: { f: '6' } } },
      { fieldManager: 'm' },
    );
    expect(fieldsOf(done)['data']).toEqual({ b: '2', c: '3', d: '4', e: '5', f: '6' });
  });

  test('a replication controller and a job keep what they own, unless the deletion says otherwise', async () => {
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
      const answer = await admin.delete(controllers, target(name), options);
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
      ...map('held'),
      metadata: { name: 'held', namespace: 'default', finalizers: ['example.com/x'] },
    });
    await admin.delete(configMaps, target('held'));
    const held = await admin.get<KubeObject>(configMaps, target('held'));
    expect(held.metadata.deletionTimestamp).toBeDefined();
    await admin.patch(configMaps, target('held'), {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    expect((await failure(admin.get(configMaps, target('held')))).reason).toBe('NotFound');
  });

  test('foreground and orphan deletion leave their finalizers', async () => {
    await admin.create(configMaps, map('fore'));
    await admin.delete(configMaps, target('fore'), { propagationPolicy: 'Foreground' });
    expect((await admin.get(configMaps, target('fore'))).metadata.finalizers).toEqual([
      'foregroundDeletion',
    ]);
    await admin.create(configMaps, map('orph'));
    await admin.delete(configMaps, target('orph'), { propagationPolicy: 'Orphan' });
    expect((await admin.get(configMaps, target('orph'))).metadata.finalizers).toEqual(['orphan']);
  });

  test('preconditions', async () => {
    await admin.create(configMaps, map('guarded'));
    expect(
      (
        await failure(
          admin.delete(configMaps, target('guarded'), { preconditions: { uid: 'other' } }),
        )
      ).httpStatus,
    ).toBe(409);
  });
});

describe('lists', () => {
  test('selectors and pages', async () => {
    for (let i = 0; i < 7; i++)
      await admin.create(configMaps, map(`page-${i}`, {}, { page: i % 2 ? 'odd' : 'even' }));
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
    await admin.create(configMaps, map('watched', {}, { w: 'yes' }));
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
              .patch(configMaps, target('watched'), { type: 'merge', body: { data: { x: '1' } } })
              .then(() =>
                admin.patch(configMaps, target('watched'), {
                  type: 'merge',
                  body: { metadata: { labels: { w: 'no' } } },
                }),
              )
              .then(() =>
                admin.patch(configMaps, target('watched'), {
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

describe('admission', () => {
  test('nothing is made in a namespace that is not there', async () => {
    const error = await failure(
      admin.create(configMaps, { metadata: { name: 'x', namespace: 'nowhere' } }),
    );
    expect([error.httpStatus, error.message]).toEqual([404, 'namespaces "nowhere" not found']);
  });

  test('a pod gets account, token, priority and tolerations', async () => {
    const pod = await admin.create<KubeObject & { spec: Record<string, unknown> }>(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    expect(pod.spec['tolerations']).toHaveLength(2);
    expect((pod.spec['volumes'] as { name: string }[])[0]?.name).toMatch(/^kube-api-access-/);
  });

  test('a pod is bound once, and deleted at once when it runs nowhere', async () => {
    const bind = { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } };
    await admin.create(pods, {
      metadata: { name: 'bound', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await admin.create(pods, bind, { namespace: 'default', name: 'bound', subresource: 'binding' });
    const again = await failure(
      admin.create(pods, bind, { namespace: 'default', name: 'bound', subresource: 'binding' }),
    );
    expect((await admin.get<KubeObject>(pods, target('bound'))).metadata.generation).toBe(1);
    expect(again.message).toBe(
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned ' +
        'to node "n1"',
    );
    await admin.delete(pods, target('bound'), { gracePeriodSeconds: 5 });
    expect(
      (await admin.get<KubeObject>(pods, target('bound'))).metadata.deletionGracePeriodSeconds,
    ).toBe(5);
    await admin.delete(pods, target('bound'), { gracePeriodSeconds: 0 });
    expect((await failure(admin.get(pods, target('bound')))).reason).toBe('NotFound');
    await admin.create(pods, {
      metadata: { name: 'free', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await admin.delete(pods, target('free'));
    expect((await failure(admin.get(pods, target('free')))).reason).toBe('NotFound');
  });

  test('pod security by label', async () => {
    await admin.create(namespaces, {
      metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
      metadata: { name: 'default', namespace: 'strict' },
    });
    const error = await failure(
      admin.create(pods, {
        metadata: { name: 'p', namespace: 'strict' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      }),
    );
    expect(error.message).toBe(
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": ' +
        'allowPrivilegeEscalation != false (container "c" must set ' +
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container ' +
        '"c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or ' +
        'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or ' +
        'container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or ' +
        '"Localhost")',
    );
  });

  test('a quota is charged and holds', async () => {
    await admin.create(namespaces, { metadata: { name: 'quota' } });
    const quotas = ref('resourcequotas', 'ResourceQuota');
    const quota = await admin.create<KubeObject>(quotas, {
      metadata: { name: 'q', namespace: 'quota' },
      spec: { hard: { configmaps: '1' } },
    });
    await admin.update(
      quotas,
      { ...quota, status: { hard: { configmaps: '1' }, used: { configmaps: '0' } } },
      { subresource: 'status' },
    );
    await admin.create(configMaps, { metadata: { name: 'one', namespace: 'quota' } });
    const error = await failure(
      admin.create(configMaps, { metadata: { name: 'two', namespace: 'quota' } }),
    );
    expect(error.message).toBe(
      'configmaps "two" is forbidden: exceeded quota: q, requested: configmaps=1, used: ' +
        'configmaps=1, limited: configmaps=1',
    );
  });
});

describe('services', () => {
  const service = (name: string, spec: object): object => ({
    metadata: { name, namespace: 'default' },
    spec,
  });

  test('addresses and ports are given, kept and given back', async () => {
    const made = await admin.create<
      KubeObject & { spec: { clusterIP: string; ports: { nodePort: number }[] } }
    >(services, service('web', { type: 'NodePort', ports: [{ port: 80 }] }));
    expect(made.spec.clusterIP).toMatch(/^10\.43\./);
    const nodePort = made.spec.ports[0]?.nodePort ?? 0;
    expect(nodePort).toBeGreaterThanOrEqual(30000);
    const updated = await admin.update<typeof made>(
      services,
      service('web', {
        type: 'NodePort',
        ports: [{ port: 80 }, { port: 81, name: 'b' }].map((p, i) => ({ name: `p${i}`, ...p })),
      }),
    );
    expect(updated.spec.clusterIP).toBe(made.spec.clusterIP);
    expect(updated.spec.ports[0]?.nodePort).toBe(nodePort);
    const clash = await failure(
      admin.create(
        services,
        service('clash', { type: 'NodePort', ports: [{ port: 80, nodePort }] }),
      ),
    );
    expect(clash.message).toContain('provided port is already allocated');
    const plain = await admin.update<typeof made>(
      services,
      service('web', { type: 'ClusterIP', ports: [{ port: 80 }] }),
    );
    expect(plain.spec.ports[0]?.nodePort).toBeUndefined();
    await admin.create(
      services,
      service('now-free', { type: 'NodePort', ports: [{ port: 80, nodePort }] }),
    );
    await admin.delete(services, target('web'));
    const again = await admin.create<typeof made>(
      services,
      service('heir', { clusterIP: made.spec.clusterIP, ports: [{ port: 80 }] }),
    );
    expect(again.spec.clusterIP).toBe(made.spec.clusterIP);
  });

  test('the kubernetes service stands', async () => {
    expect(
      (
        await admin.get<KubeObject & { spec: { clusterIP: string } }>(
          services,
          target('kubernetes'),
        )
      ).spec.clusterIP,
    ).toBe('10.43.0.1');
  });
});

describe('tokens', () => {
  test('a token names its account and dies with it', async () => {
    const accounts = ref('serviceaccounts', 'ServiceAccount');
    await admin.create(accounts, { metadata: { name: 'bot', namespace: 'default' } });
    const issued = await admin.create<KubeObject & { status: { token: string } }>(
      accounts,
      { spec: { expirationSeconds: 600 } },
      { namespace: 'default', name: 'bot', subresource: 'token' },
    );
    const reviews = ref('tokenreviews', 'TokenReview', 'authentication.k8s.io', false);
    const ask = () =>
      admin.create<{ status: { authenticated?: boolean; user?: { username: string } } }>(reviews, {
        spec: { token: issued.status.token },
      });
    expect((await ask()).status).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:bot' },
    });
    await admin.delete(accounts, target('bot'));
    expect((await ask()).status.authenticated).toBeUndefined();
  });
});

describe('policies', () => {
  const kind = (resource: string, name: string): ResourceRef =>
    ref(resource, name, 'admissionregistration.k8s.io', false);
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
  ];
  const matchConstraints = { resourceRules, objectSelector: { matchLabels: { policed: 'yes' } } };
  const policed = (name: string, data: Record<string, string>): object =>
    map(name, data, { policed: 'yes' });

  test('a validating policy refuses with its message', async () => {
    await admin.create(kind('validatingadmissionpolicies', 'ValidatingAdmissionPolicy'), {
      metadata: { name: 'size' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints,
        variables: [{ name: 'count', expression: 'size(object.data)' }],
        validations: [
          {
            expression: 'variables.count < 2',
            messageExpression: "'too many: ' + string(variables.count)",
          },
        ],
      },
    });
    await admin.create(
      kind('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'),
      { metadata: { name: 'size-b' }, spec: { policyName: 'size', validationActions: ['Deny'] } },
    );
    await admin.create(configMaps, policed('small', { a: '1' }));
    const error = await failure(admin.create(configMaps, policed('large', { a: '1', b: '2' })));
    expect([error.httpStatus, error.message]).toEqual([
      422,
      `configmaps "large" is forbidden: ValidatingAdmissionPolicy 'size' with binding ` +
        `'size-b' denied request: too many: 2`,
    ]);
    await admin.delete(
      kind('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'),
      { name: 'size-b' },
    );
  });

  test('a mutating policy lays a configuration over the object, then patches it', async () => {
    await admin.create(kind('mutatingadmissionpolicies', 'MutatingAdmissionPolicy'), {
      metadata: { name: 'stamp' },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints,
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: {
              expression:
                'Object{metadata: Object.metadata{labels: Object.metadata.labels{stamped: "yes"}}}',
            },
          },
          {
            patchType: 'JSONPatch',
            jsonPatch: {
              expression:
                '[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("k"), value: ' +
                'object.metadata.labels.stamped}]',
            },
          },
        ],
      },
    });
    await admin.create(kind('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding'), {
      metadata: { name: 'stamp-b' },
      spec: { policyName: 'stamp' },
    });
    const made = await admin.create<KubeObject>(configMaps, policed('stamped', { a: '1' }));
    expect([made.metadata.labels, fieldsOf(made)['data']]).toEqual([
      { policed: 'yes', stamped: 'yes' },
      { a: '1', k: 'yes' },
    ]);
    await admin.delete(kind('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding'), {
      name: 'stamp-b',
    });
  });

  test('an expression that does not compile is refused', async () => {
    const bad = {
      metadata: { name: 'bad' },
      spec: { matchConstraints, validations: [{ expression: 'object.' }] },
    };
    const error = await failure(
      admin.create(kind('validatingadmissionpolicies', 'ValidatingAdmissionPolicy'), bad),
    );
    expect(error.message).toContain(
      'spec.validations[0].expression: Invalid value: "object.": compilation failed: ERROR: ' +
        '<input>:1:',
    );
  });
});

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

describe('a patch of a scale', () => {
  const deployments = ref('deployments', 'Deployment', 'apps');
  const scaled = { ...target('scaled'), subresource: 'scale' };
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
    expect((await admin.get<Unstructured>(deployments, target('scaled')))['spec']).toMatchObject({
      replicas: 1,
    });
  });

  test('sets the number of replicas', async () => {
    await admin.patch(deployments, scaled, {
      type: 'json',
      body: [{ op: 'replace', path: '/spec/replicas', value: 2 }],
    });
    expect((await admin.get<Unstructured>(deployments, target('scaled')))['spec']).toMatchObject({
      replicas: 2,
    });
    await admin.patch(deployments, scaled, { type: 'merge', body: { spec: { replicas: 1 } } });
    expect((await admin.get<Unstructured>(deployments, target('scaled')))['spec']).toMatchObject({
      replicas: 1,
    });
  });
});
