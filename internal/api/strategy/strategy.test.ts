import { describe, expect, test } from 'vitest';
import { created, make, now, of, updated } from './testing/objects.ts';

describe('spec and status', () => {
  const deployments = of('apps', 'v1', 'Deployment');
  test('create empties the status and counts from one', () => {
    const object = created(
      deployments,
      make('Deployment', { spec: { replicas: 1 }, status: { replicas: 7 } }, { generation: 9 }),
    );
    expect(object['status']).toEqual({});
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
    expect(csr['spec']).toEqual({ request: 'r', username: 'me', groups: ['g'] });
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
    expect(approved['status']).not.toHaveProperty('certificate');
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
    expect(old['status']).toEqual({ phase: 'Pending', lastPhaseTransitionTime: now });
    const later = make('PersistentVolume', { status: { phase: 'Bound' } });
    volumes.prepareForUpdate(later, old, 'status', { now: 'later' });
    expect(later['status']).toEqual({ phase: 'Bound', lastPhaseTransitionTime: 'later' });
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
