import { describe, expect, test } from 'vitest';
import { type Unstructured, fieldsOf, deepFreeze } from '../object.ts';
import type { KubeObject } from '../object.ts';
import { builtinScheme } from '../scheme.ts';
import { toScale, validateScale, withScale } from './scale.ts';
import { strategyFor } from './strategy.ts';
import type { Strategy, StrategyInfo } from './strategy.ts';

const now = '2026-01-02T03:04:05Z';
const scheme = builtinScheme();

function of(group: string, version: string, kind: string): Strategy {
  return strategyFor(scheme.kind(group, version, kind) as StrategyInfo);
}

const make = (
  kind: string,
  rest: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): Unstructured => ({ apiVersion: 'v1', kind, metadata: { name: 'x', ...metadata }, ...rest });
const created = <T extends KubeObject>(strategy: Strategy, object: T): T => (
  strategy.prepareForCreate(object, { now }),
  object
);
const updated = <T extends KubeObject>(
  strategy: Strategy,
  object: T,
  old: KubeObject,
  subresource = '',
): T => (strategy.prepareForUpdate(object, deepFreeze(old), subresource, { now }), object);

describe('spec and status', () => {
  const deployments = of('apps', 'v1', 'Deployment');
  test('create empties the status and counts from one', () => {
    const object = created(
      deployments,
      make('Deployment', { spec: { replicas: 1 }, status: { replicas: 7 } }, { generation: 9 }),
    );
    expect(fieldsOf(object)['status']).toEqual({});
    expect(object.metadata.generation).toBe(1);
  });
  test('the empty status is what Go writes', () => {
    expect(
      created(of('apps', 'v1', 'ReplicaSet'), make('ReplicaSet', { spec: {} }))['status'],
    ).toEqual({ replicas: 0 });
    expect(created(of('', 'v1', 'Service'), make('Service', { spec: {} }))['status']).toEqual({
      loadBalancer: {},
    });
    expect(
      created(of('apps', 'v1', 'DaemonSet'), make('DaemonSet', { spec: {} }))['status'],
    ).toEqual({
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    });
  });
  test('update keeps the status, and counts changes of the spec and the annotations', () => {
    const old = make(
      'Deployment',
      { spec: { replicas: 1 }, status: { replicas: 1 } },
      { generation: 3 },
    );
    expect(
      updated(
        deployments,
        make('Deployment', { spec: { replicas: 1 }, status: { replicas: 5 } }, { generation: 99 }),
        old,
      ),
    ).toMatchObject({ status: { replicas: 1 }, metadata: { generation: 3 } });
    expect(updated(deployments, make('Deployment', { spec: { replicas: 2 } }), old)).toMatchObject({
      status: { replicas: 1 },
      metadata: { generation: 4 },
    });
    expect(
      updated(
        deployments,
        make('Deployment', { spec: { replicas: 1 } }, { annotations: { a: 'b' } }),
        old,
      ).metadata.generation,
    ).toBe(4);
    expect(
      updated(
        deployments,
        make('Deployment', { spec: { replicas: 1 } }, { labels: { a: 'b' } }),
        old,
      ).metadata.generation,
    ).toBe(3);
  });
  test('a status write keeps the spec and the labels', () => {
    const old = make(
      'Deployment',
      { spec: { replicas: 1 }, status: {} },
      { generation: 3, labels: { a: 'b' } },
    );
    const object = updated(
      deployments,
      make(
        'Deployment',
        { spec: { replicas: 2 }, status: { replicas: 1 } },
        { labels: { c: 'd' } },
      ),
      old,
      'status',
    );
    expect(object).toMatchObject({
      spec: { replicas: 1 },
      status: { replicas: 1 },
      metadata: { generation: 3, labels: { a: 'b' } },
    });
  });
  test('a node keeps the status it is created with', () => {
    expect(
      created(of('', 'v1', 'Node'), make('Node', { status: { phase: 'x' } }))['status'],
    ).toEqual({ phase: 'x' });
  });
  test('no list and an empty list are the same', () => {
    const old = make(
      'ReplicaSet',
      { spec: { template: { spec: { containers: [] } } } },
      { generation: 2 },
    );
    expect(
      updated(
        of('apps', 'v1', 'ReplicaSet'),
        make('ReplicaSet', { spec: { template: { spec: {} } } }),
        old,
      ).metadata.generation,
    ).toBe(2);
  });
});

describe('system metadata', () => {
  test('cannot be taken back', () => {
    const old = make(
      'ConfigMap',
      {},
      { uid: 'u', creationTimestamp: 'c', deletionTimestamp: 'd', deletionGracePeriodSeconds: 5 },
    );
    const object = updated(
      of('', 'v1', 'ConfigMap'),
      make('ConfigMap', {}, { creationTimestamp: 'other' }),
      old,
    );
    expect(object.metadata).toEqual({
      name: 'x',
      uid: 'u',
      creationTimestamp: 'c',
      deletionTimestamp: 'd',
      deletionGracePeriodSeconds: 5,
    });
  });
});

describe('namespaces', () => {
  const namespaces = of('', 'v1', 'Namespace');
  test('get a finalizer, a phase and a label', () => {
    expect(created(namespaces, make('Namespace'))).toMatchObject({
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
      metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } },
    });
  });
  test('lose finalizers only by /finalize', () => {
    const old = make('Namespace', {
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    expect(updated(namespaces, make('Namespace', { spec: {} }), old)).toMatchObject({
      spec: { finalizers: ['kubernetes'] },
    });
    expect(
      updated(namespaces, make('Namespace', { spec: {}, status: {} }), old, 'finalize'),
    ).toMatchObject({ spec: {}, status: { phase: 'Active' } });
  });
});

describe('pods', () => {
  const pods = of('', 'v1', 'Pod');
  const container = (name: string, resources: unknown = {}): Record<string, unknown> => ({
    name,
    image: 'i',
    resources,
  });
  test('start pending, with a class of service', () => {
    const pod = created(
      pods,
      make('Pod', { spec: { containers: [container('a')] }, status: { phase: 'Running' } }),
    );
    expect(pod).toMatchObject({
      status: { phase: 'Pending', qosClass: 'BestEffort' },
      metadata: { generation: 1 },
    });
    const both = {
      limits: { cpu: '1', memory: '1Gi' },
      requests: { cpu: '1000m', memory: '1024Mi' },
    };
    expect(
      created(pods, make('Pod', { spec: { containers: [container('a', both)] } })),
    ).toMatchObject({ status: { qosClass: 'Guaranteed' } });
    expect(
      created(pods, make('Pod', { spec: { containers: [container('a', both), container('b')] } })),
    ).toMatchObject({ status: { qosClass: 'Burstable' } });
  });
  test('gates show in a condition', () => {
    const pod = created(
      pods,
      make('Pod', { spec: { containers: [], schedulingGates: [{ name: 'g' }] } }),
    );
    expect(pod).toMatchObject({
      status: {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'SchedulingGated',
            lastTransitionTime: now,
          },
        ],
      },
    });
  });
  test('matchLabelKeys become requirements', () => {
    const spec = {
      containers: [],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'z',
          matchLabelKeys: ['app', 'none'],
          labelSelector: { matchLabels: { a: 'b' } },
        },
      ],
    };
    const pod = created(pods, make('Pod', { spec }, { labels: { app: 'web' } }));
    expect(pod).toMatchObject({
      spec: {
        topologySpreadConstraints: [
          {
            labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] },
          },
        ],
      },
    });
  });
  test('count changes of the spec', () => {
    const old = make(
      'Pod',
      { spec: { containers: [container('a')] }, status: { phase: 'Running' } },
      { generation: 1 },
    );
    expect(
      updated(
        pods,
        make('Pod', { spec: { containers: [{ ...container('a'), image: 'j' }] } }),
        old,
      ),
    ).toMatchObject({ metadata: { generation: 2 }, status: { phase: 'Running' } });
  });
  test('a status write keeps what older writers do not know', () => {
    const status = {
      phase: 'Running',
      qosClass: 'Burstable',
      observedGeneration: 4,
      conditions: [{ type: 'Ready', status: 'True', observedGeneration: 3 }],
    };
    const old = make(
      'Pod',
      { spec: {}, status },
      { generation: 4, ownerReferences: [{ uid: 'o' }] },
    );
    const next = updated(
      pods,
      make('Pod', {
        spec: { nodeName: 'n' },
        status: {
          phase: 'Failed',
          conditions: [
            { type: 'Ready', status: 'False' },
            { type: 'New', status: 'True' },
          ],
        },
      }),
      old,
      'status',
    );
    expect(next).toMatchObject({
      spec: {},
      metadata: { ownerReferences: [{ uid: 'o' }], generation: 4 },
      status: {
        phase: 'Failed',
        qosClass: 'Burstable',
        observedGeneration: 4,
        conditions: [{ type: 'Ready', observedGeneration: 3 }, { type: 'New' }],
      },
    });
  });
  test('ephemeral containers come alone', () => {
    const old = make(
      'Pod',
      { spec: { nodeName: 'n', containers: [container('a')] }, status: { phase: 'Running' } },
      { generation: 1, labels: { a: 'b' } },
    );
    const next = updated(
      pods,
      make('Pod', { spec: { containers: [], ephemeralContainers: [container('e')] } }),
      old,
      'ephemeralcontainers',
    );
    expect(next).toMatchObject({
      spec: { nodeName: 'n', containers: [container('a')], ephemeralContainers: [container('e')] },
      metadata: { generation: 2, labels: { a: 'b' } },
    });
  });
  test('resize takes resources only', () => {
    const old = make(
      'Pod',
      { spec: { nodeName: 'n', containers: [container('a')] } },
      { generation: 1 },
    );
    const asked = make('Pod', {
      spec: {
        nodeName: 'm',
        containers: [{ ...container('a', { limits: { cpu: '1' } }), image: 'other' }],
      },
    });
    expect(updated(pods, asked, old, 'resize')).toMatchObject({
      spec: { nodeName: 'n', containers: [{ image: 'i', resources: { limits: { cpu: '1' } } }] },
      metadata: { generation: 2 },
    });
  });
});

describe('services', () => {
  const services = of('', 'v1', 'Service');
  const old = make('Service', {
    spec: {
      type: 'NodePort',
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'a', port: 80, nodePort: 30080 }],
    },
    status: { loadBalancer: {} },
  });
  test('keep what was allocated', () => {
    const next = updated(
      services,
      make('Service', {
        spec: {
          type: 'NodePort',
          ports: [
            { name: 'a', port: 81 },
            { name: 'b', port: 82 },
          ],
        },
      }),
      old,
    );
    expect(next).toMatchObject({
      spec: {
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ports: [{ name: 'a', nodePort: 30080 }, { name: 'b' }],
      },
    });
  });
  test('let go what another type does not have', () => {
    const spec = structuredClone(fieldsOf(old)['spec']) as Record<string, unknown>;
    expect(
      updated(services, make('Service', { spec: { ...spec, type: 'ClusterIP' } }), old)['spec'],
    ).toMatchObject({ clusterIP: '10.0.0.1', ports: [{ name: 'a', port: 80 }] });
    const external = updated(
      services,
      make('Service', { spec: { ...spec, type: 'ExternalName', externalName: 'e' } }),
      old,
    )['spec'] as object;
    expect(external).not.toHaveProperty('clusterIP');
    expect(external).not.toHaveProperty('ipFamilies');
  });
});

describe('other kinds', () => {
  test('a job gets its own selector', () => {
    const job = created(
      of('batch', 'v1', 'Job'),
      make(
        'Job',
        { spec: { template: { metadata: { labels: { a: 'b' } }, spec: {} } } },
        { uid: 'u' },
      ),
    );
    expect(job).toMatchObject({
      spec: {
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
        template: { metadata: { labels: { a: 'b', 'job-name': 'x', 'controller-uid': 'u' } } },
      },
    });
    const own = {
      manualSelector: true,
      selector: { matchLabels: { a: 'b' } },
      template: { spec: {} },
    };
    expect(created(of('batch', 'v1', 'Job'), make('Job', { spec: own }))['spec']).toEqual(own);
  });
  test('a daemon set counts its templates', () => {
    const daemonSets = of('apps', 'v1', 'DaemonSet');
    const old = created(
      daemonSets,
      make('DaemonSet', { spec: { template: { spec: { nodeName: 'a' } } } }),
    );
    expect(old.metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '1' });
    expect(
      updated(
        daemonSets,
        make('DaemonSet', { spec: { template: { spec: { nodeName: 'b' } } } }),
        old,
      ).metadata,
    ).toMatchObject({
      generation: 2,
      annotations: { 'deprecated.daemonset.template.generation': '2' },
    });
  });
  test('an endpoint slice counts its labels too', () => {
    const slices = of('discovery.k8s.io', 'v1', 'EndpointSlice');
    const old = created(slices, make('EndpointSlice', { endpoints: [] }));
    expect(
      updated(slices, make('EndpointSlice', {}, { annotations: { a: 'b' } }), old).metadata
        .generation,
    ).toBe(1);
    expect(
      updated(slices, make('EndpointSlice', {}, { labels: { a: 'b' } }), old).metadata.generation,
    ).toBe(2);
  });
  test('a certificate request says who asked', () => {
    const requests = of('certificates.k8s.io', 'v1', 'CertificateSigningRequest');
    const csr = make('CertificateSigningRequest', { spec: { username: 'forged', request: 'r' } });
    requests.prepareForCreate(csr, { now, user: { name: 'me', groups: ['g'] } });
    expect(fieldsOf(csr)['spec']).toEqual({ request: 'r', username: 'me', groups: ['g'] });
    const approved = updated(
      requests,
      make('CertificateSigningRequest', {
        spec: {},
        status: { certificate: 'no', conditions: [{ type: 'Approved', status: 'True' }] },
      }),
      csr,
      'approval',
    );
    expect(approved).toMatchObject({
      spec: { request: 'r' },
      status: { conditions: [{ type: 'Approved', lastTransitionTime: now }] },
    });
    expect(fieldsOf(approved)['status']).not.toHaveProperty('certificate');
    expect(
      updated(
        requests,
        make('CertificateSigningRequest', { status: { certificate: 'c' } }),
        approved,
        'status',
      ),
    ).toMatchObject({ status: { certificate: 'c', conditions: [{ type: 'Approved' }] } });
  });
  test('a volume notes when its phase changed', () => {
    const volumes = of('', 'v1', 'PersistentVolume');
    const old = created(volumes, make('PersistentVolume', { spec: {} }));
    expect(fieldsOf(old)['status']).toEqual({ phase: 'Pending', lastPhaseTransitionTime: now });
    const later = make('PersistentVolume', { status: { phase: 'Bound' } });
    volumes.prepareForUpdate(later, old, 'status', { now: 'later' });
    expect(fieldsOf(later)['status']).toEqual({ phase: 'Bound', lastPhaseTransitionTime: 'later' });
  });
  test('a definition remembers the versions it stored', () => {
    const definitions = of('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition');
    const old = created(
      definitions,
      make('CustomResourceDefinition', { spec: { versions: [{ name: 'v1', storage: true }] } }),
    );
    expect(old).toMatchObject({ status: { storedVersions: ['v1'] } });
    expect(
      updated(
        definitions,
        make('CustomResourceDefinition', { spec: { versions: [{ name: 'v2', storage: true }] } }),
        old,
      ),
    ).toMatchObject({ status: { storedVersions: ['v1', 'v2'] } });
  });
  test('service accounts keep names of secrets only; secrets keep their type', () => {
    expect(
      created(
        of('', 'v1', 'ServiceAccount'),
        make('ServiceAccount', { secrets: [{ name: 's', namespace: 'n' }] }),
      )['secrets'],
    ).toEqual([{ name: 's' }]);
    expect(
      updated(of('', 'v1', 'Secret'), make('Secret'), make('Secret', { type: 'Opaque' }))['type'],
    ).toBe('Opaque');
  });
});

describe('custom resources', () => {
  const custom = strategyFor({
    group: 'g',
    version: 'v1',
    kind: 'K',
    namespaced: true,
    custom: true,
    subresources: new Map([['status', {}]]),
  });
  test('count everything but status and metadata', () => {
    const old = created(custom, make('K', { spec: 1, status: 2 }));
    expect(old).not.toHaveProperty('status');
    expect(
      updated(custom, make('K', { spec: 1, status: 3 }, { labels: { a: 'b' } }), old).metadata
        .generation,
    ).toBe(1);
    expect(updated(custom, make('K', { spec: 1, other: 3 }), old).metadata.generation).toBe(2);
  });
  test('a status write changes the status only', () => {
    const old = make('K', { spec: 1 }, { generation: 1, labels: { a: 'b' } });
    const next = updated(
      custom,
      make('K', { spec: 2, extra: 1, status: 3 }, { managedFields: [{}] }),
      old,
      'status',
    );
    expect(next).toEqual({
      apiVersion: 'v1',
      kind: 'K',
      metadata: { name: 'x', generation: 1, labels: { a: 'b' }, managedFields: [{}] },
      spec: 1,
      status: 3,
    });
  });
});

describe('scale', () => {
  const deployment = make(
    'Deployment',
    { spec: { replicas: 3, selector: { matchLabels: { app: 'web' } } }, status: { replicas: 2 } },
    { namespace: 'n', resourceVersion: '5' },
  );
  test('shows replicas and selector', () => {
    expect(toScale(deployment)).toEqual({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'x', namespace: 'n', resourceVersion: '5' },
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=web' },
    });
    expect(
      toScale(make('ReplicationController', { spec: { selector: { a: 'b' } } })),
    ).toMatchObject({ spec: {}, status: { replicas: 0, selector: 'a=b' } });
    expect(
      toScale(make('K', { n: 1, s: { r: 4, sel: 'x=y' } }), {
        specReplicasPath: '.n',
        statusReplicasPath: '.s.r',
        labelSelectorPath: '.s.sel',
      }),
    ).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 4, selector: 'x=y' } });
  });
  test('writes replicas into a copy', () => {
    const next = withScale(
      deepFreeze(deployment),
      make('Scale', { spec: { replicas: 7 } }, { resourceVersion: '4' }),
    );
    expect(next).toMatchObject({
      spec: { replicas: 7, selector: {} },
      metadata: { resourceVersion: '4', namespace: 'n' },
    });
    expect(withScale(deployment, make('Scale', { spec: {} }))).toMatchObject({
      spec: { replicas: 0 },
    });
  });
  test('is checked', () => {
    expect(validateScale(make('Scale', { spec: { replicas: -1 } }))).toEqual([
      {
        type: 'FieldValueInvalid',
        field: 'spec.replicas',
        value: -1,
        detail: 'must be greater than or equal to 0',
      },
    ]);
  });
});
