import type { Rng } from './rng.ts';

/** Bodies near the limit whose work could grow faster than they do. `size` is a number of items. */

const list = <T>(size: number, make: (i: number) => T): T[] =>
  Array.from({ length: size }, (_, i) => make(i));
const map = (size: number, value: unknown): Record<string, unknown> =>
  Object.fromEntries(list(size, (i) => [`k${i}`, value]));
/** A map in a map, so many times. */
function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

interface Heavy {
  /** Plural with its group: where the body goes. */
  path: string;
  type: string;
  method: string;
  body: string;
}

const core = '/api/v1/namespaces/default';
const json = 'application/json';
const made = (path: string, body: unknown): Heavy => ({
  path,
  type: json,
  method: 'POST',
  body: JSON.stringify(body),
});
const patched = (type: string, body: unknown): Heavy => ({
  path: `${core}/configmaps/fuzz`,
  type: `application/${type}`,
  method: 'PATCH',
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const pod = (spec: Record<string, unknown>): Heavy =>
  made(`${core}/pods`, {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: 'b' }], ...spec },
  });
const meta = { name: 'x' };

const makers: ((size: number) => Heavy)[] = [
  (n) => made(`${core}/configmaps`, { metadata: meta, data: map(n, 'v') }),
  (n) => made(`${core}/configmaps`, { metadata: { ...meta, labels: map(n, 'v') } }),
  (n) => made(`${core}/configmaps`, { metadata: { ...meta, annotations: map(n, 'v') } }),
  (n) =>
    made(`${core}/configmaps`, { metadata: { ...meta, finalizers: list(n, (i) => `x.io/f${i}`) } }),
  (n) =>
    made(`${core}/configmaps`, {
      metadata: {
        ...meta,
        ownerReferences: list(n, (i) => ({
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'a',
          uid: `u${i}`,
        })),
      },
    }),
  (n) =>
    made(`${core}/configmaps`, {
      metadata: {
        ...meta,
        managedFields: list(n, (i) => ({
          manager: `m${i}`,
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { [`f:k${i}`]: {} } },
        })),
      },
    }),
  (n) => made(`${core}/configmaps?fieldValidation=Strict`, { metadata: meta, ...map(n, 1) }),
  (n) => ({
    ...made(`${core}/configmaps?fieldValidation=Warn`, {}),
    body: `{"metadata":{"name":"x"},"data":{${list(n, (i) => `"k${i % 7}":"v"`).join(',')}}}`,
  }),
  (n) => pod({ containers: list(n, (i) => ({ name: `c${i}`, image: 'b' })) }),
  (n) =>
    pod({
      containers: [
        { name: 'a', image: 'b', env: list(n, (i) => ({ name: `E${i}`, value: '$(E0)$(E1)$$' })) },
      ],
    }),
  (n) =>
    pod({
      containers: [
        {
          name: 'a',
          image: 'b',
          ports: list(n, (i) => ({ containerPort: (i % 65_000) + 1, name: `p${i}` })),
        },
      ],
    }),
  (n) =>
    pod({
      containers: [
        {
          name: 'a',
          image: 'b',
          volumeMounts: list(n, (i) => ({ name: `v${i}`, mountPath: `/m${i}` })),
        },
      ],
      volumes: list(n, (i) => ({ name: `v${i}`, emptyDir: {} })),
    }),
  (n) => pod({ tolerations: list(n, (i) => ({ key: `k${i}`, operator: 'Exists' })) }),
  (n) => pod({ imagePullSecrets: list(n, (i) => ({ name: `s${i}` })) }),
  (n) => pod({ hostAliases: list(n, (i) => ({ ip: '1.2.3.4', hostnames: [`h${i}`] })) }),
  (n) => pod({ schedulingGates: list(n, (i) => ({ name: `x.io/g${i}` })) }),
  (n) =>
    pod({
      resourceClaims: list(n, (i) => ({ name: `r${i}`, resourceClaimName: 'a' })),
      containers: [
        { name: 'a', image: 'b', resources: { claims: list(n, (i) => ({ name: `r${i}` })) } },
      ],
    }),
  (n) =>
    pod({
      topologySpreadConstraints: list(n, (i) => ({
        maxSkew: 1,
        topologyKey: `k${i}`,
        whenUnsatisfiable: 'DoNotSchedule',
      })),
    }),
  (n) =>
    pod({
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'k',
          whenUnsatisfiable: 'DoNotSchedule',
          matchLabelKeys: list(n, (i) => `k${i}`),
          labelSelector: {
            matchExpressions: list(n, (i) => ({ key: `k${i}`, operator: 'Exists' })),
          },
        },
      ],
    }),
  (n) =>
    pod({
      resourceClaims: list(n, (i) => ({ name: `r${i}`, resourceClaimName: 'a' })),
      containers: [
        { name: 'a', image: 'b', resources: { claims: list(n, (i) => ({ name: `s${i}` })) } },
      ],
    }),
  (n) =>
    pod({
      containers: [
        {
          name: 'a',
          image: 'b',
          volumeMounts: list(n, (i) => ({ name: `v${i}`, mountPath: `/m${i}` })),
          volumeDevices: list(n, (i) => ({ name: `w${i}`, devicePath: `/d${i}` })),
        },
      ],
    }),
  (n) =>
    pod({
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: list(n, (i) => ({
            topologyKey: `k${i}`,
          })),
        },
      },
    }),
  (n) =>
    made('/apis/storage.k8s.io/v1/storageclasses', {
      metadata: meta,
      provisioner: 'x.io/y',
      allowedTopologies: list(n, (i) => ({
        matchLabelExpressions: [{ key: 'a', values: [`v${i}`] }],
      })),
    }),
  (n) =>
    made('/apis/certificates.k8s.io/v1/certificatesigningrequests', {
      metadata: meta,
      spec: { signerName: 'x.io/y', request: '', usages: list(n, (i) => `u${i}`) },
    }),
  (n) =>
    made('/apis/resource.k8s.io/v1/namespaces/default/resourceclaims', {
      metadata: meta,
      spec: {
        devices: {
          requests: list(n, (i) => ({
            name: `r${i}`,
            exactly: { deviceClassName: 'a', allocationMode: 'ExactCount', count: 1 },
          })),
        },
      },
    }),
  (n) =>
    made('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', {
      metadata: meta,
      spec: { podSelector: {}, ingress: list(n, (i) => ({ ports: [{ port: (i % 65_000) + 1 }] })) },
    }),
  (n) =>
    made('/apis/apps/v1/namespaces/default/statefulsets', {
      metadata: meta,
      spec: {
        selector: { matchLabels: { a: 'b' } },
        serviceName: 'x',
        volumeClaimTemplates: list(n, (i) => ({ metadata: { name: `v${i}` } })),
        template: {
          metadata: { labels: { a: 'b' } },
          spec: {
            volumes: list(n, (i) => ({ name: `w${i}`, emptyDir: {} })),
            containers: [{ name: 'a', image: 'b' }],
          },
        },
      },
    }),
  (n) =>
    made('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
      metadata: meta,
      webhooks: list(n, (i) => ({
        name: `w${i}.x.io`,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { url: 'https://x.io' },
      })),
    }),
  (n) =>
    made('/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', {
      metadata: meta,
      spec: {
        priorityLevelConfiguration: { name: 'x' },
        rules: list(n, (i) => ({
          subjects: [{ kind: 'User', user: { name: `u${i}` } }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        })),
      },
    }),
  (n) =>
    made(`${core}/services`, {
      metadata: meta,
      spec: { ports: list(n, (i) => ({ name: `p${i}`, port: (i % 65_000) + 1 })) },
    }),
  (n) =>
    made(`${core}/services`, {
      metadata: meta,
      spec: {
        type: 'NodePort',
        ports: list(n, (i) => ({ name: `p${i}`, port: (i % 65_000) + 1 })),
      },
    }),
  (n) =>
    made(`${core}/endpoints`, {
      metadata: meta,
      subsets: [
        {
          addresses: list(n, (i) => ({ ip: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` })),
          ports: list(n, (i) => ({ name: `p${i}`, port: 80 })),
        },
      ],
    }),
  (n) =>
    made('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: meta,
      addressType: 'IPv4',
      endpoints: list(n, () => ({ addresses: ['10.0.0.1'] })),
    }),
  (n) =>
    made('/apis/networking.k8s.io/v1/namespaces/default/ingresses', {
      metadata: meta,
      spec: {
        rules: list(n, (i) => ({
          host: `h${i}.x`,
          http: {
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'a', port: { number: 80 } } },
              },
            ],
          },
        })),
      },
    }),
  (n) =>
    made('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: meta,
      rules: list(n, (i) => ({ apiGroups: [''], resources: [`r${i}`], verbs: ['get'] })),
    }),
  (n) =>
    made('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: meta,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' },
      subjects: list(n, (i) => ({ kind: 'User', name: `u${i}` })),
    }),
  (n) =>
    made('/apis/apps/v1/namespaces/default/deployments', {
      metadata: meta,
      spec: {
        selector: {
          matchExpressions: [{ key: 'a', operator: 'In', values: list(n, (i) => `v${i}`) }],
        },
        template: {
          metadata: { labels: { a: 'v1' } },
          spec: { containers: [{ name: 'a', image: 'b' }] },
        },
      },
    }),
  (n) =>
    made('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', {
      metadata: meta,
      spec: {
        maxReplicas: 1,
        scaleTargetRef: { kind: 'A', name: 'b' },
        metrics: list(n, () => ({
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
        })),
      },
    }),
  (n) =>
    made('/apis/resource.k8s.io/v1/resourceslices', {
      metadata: meta,
      spec: {
        driver: 'x.io',
        nodeName: 'n',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        devices: list(n, (i) => ({ name: `d${i}`, attributes: { a: { int: i } } })),
      },
    }),
  (n) =>
    made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'as.x.io' },
      spec: {
        group: 'x.io',
        names: { kind: 'A', plural: 'as' },
        scope: 'Namespaced',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: map(n, { type: 'string' }) } },
          },
        ],
      },
    }),
  (n) =>
    made('/apis/fuzz.io/v1/namespaces/default/things', {
      metadata: meta,
      set: list(n, (i) => `v${i}`),
      keyed: list(n, (i) => ({ name: `n${i}` })),
      free: map(n, 1),
    }),
  (n) =>
    made('/apis/fuzz.io/v1/namespaces/default/things', {
      metadata: meta,
      set: list(n, () => 1),
      keyed: list(n, () => ({})),
    }),
  (n) =>
    made('/apis/batch/v1/namespaces/default/cronjobs', {
      metadata: meta,
      spec: {
        schedule: 'TZ=UTC '.repeat(n),
        jobTemplate: {
          spec: {
            template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'b' }] } },
          },
        },
      },
    }),
  (n) =>
    patched(
      'json-patch+json',
      list(Math.min(n, 9_999), (i) => ({ op: 'add', path: `/data/k${i}`, value: 'x' })),
    ),
  (n) =>
    patched('json-patch+json', [
      { op: 'add', path: '/metadata/finalizers', value: list(n, (i) => `x.io/${i}`) },
      ...list(5_000, () => ({
        op: 'move',
        from: '/metadata/finalizers/0',
        path: '/metadata/finalizers/-',
      })),
    ]),
  (n) => patched('merge-patch+json', { data: map(n, 'v') }),
  (n) =>
    patched('strategic-merge-patch+json', {
      metadata: {
        finalizers: list(n, (i) => `x.io/${i}`),
        '$setElementOrder/finalizers': list(n, (i) => `x.io/${n - i - 1}`),
      },
    }),
  (n) =>
    patched('strategic-merge-patch+json', {
      metadata: {
        ownerReferences: list(n, (i) => ({
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'a',
          uid: `u${i}`,
        })),
      },
    }),
  (n) =>
    patched(
      'apply-patch+yaml?',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fuzz\n  finalizers:\n' +
        `${list(n, (i) => `  - x.io/${i}\n`).join('')}data:\n` +
        `${list(n, (i) => `  k${i}: v\n`).join('')}`,
    ),
  (n) =>
    patched(
      'apply-patch+yaml?',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fuzz\na: &a ' +
        `{${list(n, (i) => `k${i}: `).join(',')}}\nb: [${list(n, () => '*a').join(',')}]\n`,
    ),
  (n) => ({
    path: `${core}/configmaps`,
    type: 'application/yaml',
    method: 'POST',
    body: `a: &a\n${list(n, (i) => `  k${i}: v\n`).join('')}b:\n${'- <<: *a\n'.repeat(200)}`,
  }),
  (n) =>
    made('/apis/fuzz.io/v1/namespaces/default/things', {
      metadata: meta,
      free: map(Math.ceil(n / 300), deep(900)),
    }),
  (n) => ({
    ...patched('apply-patch+yaml?', {
      apiVersion: 'fuzz.io/v1',
      kind: 'Thing',
      metadata: { name: 'fuzz' },
      free: map(Math.ceil(n / 300), deep(900)),
    }),
    path: '/apis/fuzz.io/v1/namespaces/default/things/fuzz',
  }),
  (n) => ({
    path: `${core}/configmaps`,
    type: json,
    method: 'POST',
    body: `{"metadata":{"name":"x"},"a":${'['.repeat(n)}`,
  }),
  (n) => ({
    path: `${core}/configmaps`,
    type: json,
    method: 'POST',
    body: `{"metadata":{"name":"x"},"a":${'9'.repeat(n)}}`,
  }),
  (n) => ({
    path: `${core}/pods?labelSelector=a+in+(${list(Math.min(n, 900), (i) => `v${i}`).join(',')})`,
    type: json,
    method: 'GET',
    body: '',
  }),
];

export function heavy(rng: Rng, most: number): Heavy {
  const one = rng.pick(makers)(Math.max(10, rng.int(most)));
  return {
    ...one,
    type: one.type.replace('?', ''),
    path:
      one.method === 'PATCH'
        ? `${one.path}?fieldManager=fuzz&force=${one.type.includes('apply')}`.replace(
            '&force=false',
            '',
          )
        : one.path,
  };
}
