import { at, type Call, type Caller, type Json, type Target } from '../attacks/target.ts';
import type { Chooser } from './differential-choices.ts';

const rbacGroup = 'rbac.authorization.k8s.io';
const rbac = `/apis/${rbacGroup}/v1`;
const node = (name: string): Caller => ({
  user: `system:node:${name}`,
  groups: ['system:nodes', 'system:authenticated'],
});

/** Users and what their roles say; nodes have none. */
const roles: Record<string, Json[]> = {
  'diff-reader': [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
  'diff-patcher': [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'patch', 'update'] }],
  'diff-named': [
    { apiGroups: ['', 'apps', rbacGroup], resources: ['*'], verbs: ['*'], resourceNames: ['one'] },
  ],
  'diff-roles': [
    { apiGroups: [rbacGroup], resources: ['*'], verbs: ['*'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
  ],
  'diff-parts': [
    {
      apiGroups: ['*'],
      resources: [
        '*/status',
        '*/scale',
        'pods/eviction',
        'pods/binding',
        'pods/log',
        'serviceaccounts/token',
      ],
      verbs: ['*'],
    },
  ],
  'diff-editor': [
    {
      apiGroups: ['', 'apps'],
      resources: ['pods', 'configmaps', 'secrets', 'deployments', 'services'],
      verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
    },
  ],
  'diff-creator': [{ apiGroups: ['*'], resources: ['*'], verbs: ['create', 'deletecollection'] }],
};

const callers: Caller[] = [
  { anonymous: true },
  { user: 'diff-nobody' },
  ...Object.keys(roles).flatMap((user) => [{ user }, { user }]),
  node('diff-n'),
  node('diff-n'),
  node('diff-n'),
  node('diff-o'),
  { user: 'system:serviceaccount:diff-a:default', groups: ['system:serviceaccounts'] },
];

interface Kind {
  base: string;
  resource: string;
  namespaced: boolean;
  parts: string[];
  body(name: string, choose: Chooser): Json;
}

const meta = (name: string, choose: Chooser): Json => ({
  name,
  ...(choose.rarely(4) && {
    labels: choose.one<Json>([
      { a: 'b' },
      { [`${rbacGroup}/aggregate-to-edit`]: 'true' },
      { 'node-restriction.kubernetes.io/x': '1' },
      {
        'pod-security.kubernetes.io/enforce': choose.one(['baseline', 'Restricted', 'privileged']),
      },
    ]),
  }),
  ...(choose.rarely(10) && {
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Node', name: 'diff-n', uid: '$UID-diff-n', controller: true },
    ],
  }),
  ...(choose.rarely(6) && { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
  ...(choose.rarely(12) && { finalizers: ['example.com/x'] }),
});

const rules = (choose: Chooser): Json[] =>
  choose.one<Json[]>([
    [],
    [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }],
  ]);

function podSpec(choose: Chooser): Json {
  const secured = choose.one<Json>([
    {},
    { privileged: true },
    {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    { capabilities: { add: ['SYS_ADMIN'] } },
  ]);
  const env = choose.one<Json[]>([
    [],
    [],
    [{ name: 'E', valueFrom: { secretKeyRef: { name: 'one', key: 'k' } } }],
    [{ name: 'E', valueFrom: { configMapKeyRef: { name: 'one', key: 'k' } } }],
  ]);
  const volumes = choose.one<Json[]>([
    [],
    [],
    [{ name: 'v', emptyDir: {} }],
    [{ name: 'v', hostPath: { path: '/' } }],
    [{ name: 'v', secret: { secretName: 'one' } }],
    [
      {
        name: 'v',
        projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] },
      },
    ],
  ]);
  return {
    containers: [{ name: 'c', image: 'x', env, securityContext: secured }],
    volumes,
    ...(choose.rarely(3) && { nodeName: choose.one(['diff-n', 'diff-o']) }),
    ...(choose.rarely(6) && { hostNetwork: true }),
    ...(choose.rarely(8) && { serviceAccountName: 'default' }),
  };
}

const plain =
  (apiVersion: string, kind: string, more: (choose: Chooser) => Json = () => ({})): Kind['body'] =>
  (name, choose) => ({ apiVersion, kind, metadata: meta(name, choose), ...more(choose) });
const core = (
  resource: string,
  kind: string,
  parts: string[],
  more?: (choose: Chooser) => Json,
  namespaced = true,
): Kind => ({ base: '/api/v1', resource, namespaced, parts, body: plain('v1', kind, more) });
const role =
  (kind: string) =>
  (choose: Chooser): Json => ({
    rules: rules(choose),
    ...(kind === 'ClusterRole' &&
      choose.rarely(3) && {
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
      }),
  });
const binding = (choose: Chooser): Json => ({
  roleRef: {
    apiGroup: rbacGroup,
    kind: 'ClusterRole',
    name: choose.one(['view', 'cluster-admin', 'one']),
  },
  subjects: [{ apiGroup: rbacGroup, kind: 'User', name: 'somebody' }],
});

const kinds: Kind[] = [
  core(
    'pods',
    'Pod',
    ['status', 'eviction', 'binding', 'log', 'exec', 'ephemeralcontainers', 'resize', 'nonesuch'],
    (choose) => ({ spec: podSpec(choose) }),
  ),
  core('pods', 'Pod', ['status', 'eviction'], (choose) => ({ spec: podSpec(choose) })),
  core('secrets', 'Secret', ['nonesuch']),
  core('configmaps', 'ConfigMap', []),
  core('serviceaccounts', 'ServiceAccount', ['token']),
  core('services', 'Service', ['status'], () => ({ spec: { ports: [{ port: 80 }] } })),
  core('endpoints', 'Endpoints', []),
  core(
    'nodes',
    'Node',
    ['status'],
    (choose) =>
      choose.rarely(3) ? { spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } } : {},
    false,
  ),
  core('nodes', 'Node', ['status', 'nonesuch'], () => ({}), false),
  core('namespaces', 'Namespace', ['status', 'finalize'], () => ({}), false),
  core('bindings', 'Binding', [], (choose) => ({
    target: { kind: 'Node', name: choose.one(['diff-n', 'diff-o']) },
  })),
  {
    base: '/apis/apps/v1',
    resource: 'deployments',
    namespaced: true,
    parts: ['status', 'scale'],
    body: plain('apps/v1', 'Deployment', (choose) => ({
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: podSpec(choose) },
      },
    })),
  },
  {
    base: '/apis/coordination.k8s.io/v1',
    resource: 'leases',
    namespaced: true,
    parts: [],
    body: plain('coordination.k8s.io/v1', 'Lease', () => ({ spec: {} })),
  },
  {
    base: '/apis/storage.k8s.io/v1',
    resource: 'csinodes',
    namespaced: false,
    parts: [],
    body: plain('storage.k8s.io/v1', 'CSINode', () => ({ spec: { drivers: [] } })),
  },
  {
    base: rbac,
    resource: 'clusterroles',
    namespaced: false,
    parts: ['status'],
    body: plain(`${rbacGroup}/v1`, 'ClusterRole', role('ClusterRole')),
  },
  {
    base: rbac,
    resource: 'roles',
    namespaced: true,
    parts: [],
    body: plain(`${rbacGroup}/v1`, 'Role', role('Role')),
  },
  {
    base: rbac,
    resource: 'clusterrolebindings',
    namespaced: false,
    parts: [],
    body: plain(`${rbacGroup}/v1`, 'ClusterRoleBinding', binding),
  },
  {
    base: rbac,
    resource: 'rolebindings',
    namespaced: true,
    parts: [],
    body: plain(`${rbacGroup}/v1`, 'RoleBinding', binding),
  },
];

const bodies: Record<string, (name: string, choose: Chooser) => Json> = {
  eviction: (name) => ({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } }),
  binding: (name, choose) => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name },
    target: { kind: 'Node', name: choose.one(['diff-n', 'diff-o']) },
  }),
  token: (_name, choose) => ({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: choose.one([[], ['vault'], ['bank']]),
      ...(choose.rarely(2) && {
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'one', uid: '$UID-one' },
      }),
    },
  }),
  scale: (name) => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name },
    spec: { replicas: 1 },
  }),
};

const patches = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/json-patch+json',
];
const selectors = [
  '',
  '',
  'fieldSelector=metadata.name%3Done',
  'fieldSelector=spec.nodeName%3Ddiff-n',
  'labelSelector=a%3Db',
  'fieldSelector=metadata.name!%3Done',
];

/** One random request, the same in both clusters. */
export function questions(choose: Chooser): Call {
  const kind = choose.one(kinds);
  const method = choose.one(['GET', 'GET', 'POST', 'PUT', 'PATCH', 'PATCH', 'DELETE']);
  const named = method === 'POST' ? choose.rarely(4) : !choose.rarely(4);
  const own =
    kind.resource === 'nodes' || kind.resource === 'csinodes' || kind.resource === 'leases';
  const name = choose.one(own ? ['diff-n', 'diff-o', 'new'] : ['one', 'one', 'two', 'new']);
  const part = named && kind.parts.length > 0 && choose.rarely(2) ? choose.one(kind.parts) : '';
  const namespace =
    kind.resource === 'leases'
      ? choose.one(['kube-node-lease', 'diff-a'])
      : choose.one(['diff-a', 'diff-a', 'diff-b']);
  const scope = kind.namespaced && !choose.rarely(12) ? `namespaces/${namespace}/` : '';
  const prefix = choose.rarely(12) ? choose.one(['watch/', 'watch/', 'proxy/']) : '';
  const type = method === 'PATCH' ? choose.one(patches) : undefined;
  const query = [
    'dryRun=All',
    'timeoutSeconds=1',
    choose.one(selectors),
    ...(type?.includes('apply') ? ['fieldManager=diff', 'force=true'] : []),
    ...(choose.rarely(15) ? ['watch=1'] : []),
  ]
    .filter(Boolean)
    .join('&');
  const path =
    `${kind.base}/${prefix}${scope}${kind.resource}${named ? `/${name}` : ''}` +
    `${part ? `/${part}` : ''}?${query}`;
  const whole = (bodies[part] ?? ((n, c) => kind.body(n, c)))(name, choose);
  const body =
    method === 'POST' || method === 'PUT'
      ? whole
      : method === 'PATCH'
        ? patchOf(type ?? '', whole)
        : undefined;
  return { method, path, body, type, as: choose.one(callers), maxBytes: 1 << 16 };
}

function patchOf(type: string, whole: Json): unknown {
  if (type.includes('apply')) return whole;
  const labels = at(whole, 'metadata', 'labels');
  if (type.includes('json-patch'))
    return [{ op: 'add', path: '/metadata/labels', value: labels ?? { p: 'q' } }];
  const { apiVersion: _version, kind: _kind, ...rest } = whole;
  return rest;
}

/** Makes in a cluster what the questions are about; returns the uids of what bodies point to. */
export async function prepare(target: Target): Promise<Json> {
  const put = async (path: string, object: Json): Promise<Json> => {
    const made = await target.call({ method: 'POST', path, body: object });
    return made.status === 409
      ? (await target.call({ path: `${path}/${String(at(object, 'metadata', 'name'))}` })).json
      : made.json;
  };
  const named = (name: string): Json => ({ metadata: { name } });
  const grant = async (user: string, roleName: string): Promise<void> =>
    void (await put(`${rbac}/clusterrolebindings`, {
      metadata: { name: user },
      roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: roleName },
      subjects: [{ apiGroup: rbacGroup, kind: 'User', name: user }],
    }));
  const uids: Json = {};
  for (const name of ['diff-n', 'diff-o'])
    uids[name] = at(await put('/api/v1/nodes', named(name)), 'metadata', 'uid');
  for (const [user, rule] of Object.entries(roles)) {
    await put(`${rbac}/clusterroles`, { ...named(user), rules: rule });
    await grant(user, user);
  }
  await put(`${rbac}/clusterroles`, {
    ...named('one'),
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  });
  await put(`${rbac}/clusterroles`, {
    ...named('two'),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { c: 'd' } }] },
  });
  await put('/api/v1/namespaces', {
    metadata: { name: 'diff-b', labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
  });
  await put('/api/v1/namespaces', named('diff-a'));
  await put('/api/v1/namespaces', named('kube-node-lease'));
  for (const ns of ['diff-a', 'diff-b']) {
    const inside = `/api/v1/namespaces/${ns}`;
    await put(`${inside}/serviceaccounts`, named('default'));
    for (const resource of ['secrets', 'configmaps', 'serviceaccounts'])
      for (const name of ['one', 'two']) await put(`${inside}/${resource}`, named(name));
    const spec = { containers: [{ name: 'c', image: 'x' }], serviceAccountName: 'one' };
    const pod = await put(`${inside}/pods`, {
      ...named('one'),
      spec: {
        ...spec,
        nodeName: 'diff-n',
        imagePullSecrets: [{ name: 'one' }],
        volumes: [
          {
            name: 't',
            projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] },
          },
        ],
      },
    });
    if (ns === 'diff-a') uids['one'] = at(pod, 'metadata', 'uid');
    await put(`${inside}/pods`, { ...named('two'), spec: { ...spec, nodeName: 'diff-o' } });
    await put(`${rbac}/namespaces/${ns}/rolebindings`, {
      metadata: { name: 'one' },
      roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: 'diff-editor' },
      subjects: [{ apiGroup: rbacGroup, kind: 'User', name: 'diff-nobody' }],
    });
    await put(`${rbac}/namespaces/${ns}/roles`, { ...named('one'), rules: [] });
    await put(`/apis/apps/v1/namespaces/${ns}/deployments`, {
      ...named('one'),
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: spec.containers } },
      },
    });
  }
  await put('/apis/storage.k8s.io/v1/csinodes', { ...named('diff-n'), spec: { drivers: [] } });
  await put('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
    ...named('diff-n'),
    spec: {},
  });
  return uids;
}
