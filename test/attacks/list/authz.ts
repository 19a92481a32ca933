import { each, type Attack } from '../attack.ts';
import { at, type Answer, type Json, type Target } from '../target.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** What got in, unless the answer has one of these codes. */
export function unless(answer: Answer, codes: number[], what: string): string | undefined {
  return codes.includes(answer.status)
    ? undefined
    : `${what} answers ${answer.status}: ${answer.text.slice(0, 160)}`;
}

export const pod = (name: string, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
});

/** A pod that no scheduler touches, since it is to run nowhere yet. */
const idle = (name: string): Json => pod(name, { schedulerName: 'none' });

interface Request {
  method: string;
  path: string;
  code: number;
  body?: Json;
}

const inNamespace = (path: string): string => `/api/v1/namespaces/NS/${path}`;
const watched = (path: string): string => `/api/v1/watch/namespaces/NS/${path}`;
const eviction: Json = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
const binding: Json = {
  apiVersion: 'v1',
  kind: 'Binding',
  metadata: { name: 'p' },
  target: { kind: 'Node', name: 'attack-nowhere' },
};

/** Who may only read (get, list, watch of everything) changes something all the same. */
const readVerbs: Record<string, Request> = {
  'get-evicts': { method: 'GET', path: inNamespace('pods/p/eviction'), code: 405, body: eviction },
  'get-binds': { method: 'GET', path: inNamespace('pods/p/binding'), code: 405, body: binding },
  'list-binds': { method: 'GET', path: inNamespace('bindings'), code: 405, body: binding },
  'get-token': {
    method: 'GET',
    path: inNamespace('serviceaccounts/default/token'),
    code: 405,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  },
  'watch-post-evicts': {
    method: 'POST',
    path: watched('pods/p/eviction'),
    code: 404,
    body: eviction,
  },
  'watch-put-evicts': {
    method: 'PUT',
    path: watched('pods/p/eviction'),
    code: 404,
    body: eviction,
  },
  'watch-post-binds': { method: 'POST', path: watched('pods/p/binding'), code: 404, body: binding },
  'watch-post-token': {
    method: 'POST',
    path: watched('serviceaccounts/default/token'),
    code: 404,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  },
  'watch-delete': { method: 'DELETE', path: watched('pods/p'), code: 405 },
  'watch-patch': {
    method: 'PATCH',
    path: watched('pods/p'),
    code: 405,
    body: { metadata: { labels: { taken: 'yes' } } },
  },
  'watch-post-list': { method: 'POST', path: watched('pods'), code: 405, body: pod('q') },
  'watch-proxies': { method: 'POST', path: watched('pods/p/proxy/x'), code: 404 },
  'proxy-prefix': { method: 'POST', path: '/api/v1/proxy/namespaces/NS/pods/p', code: 403 },
};

async function readerChanges(
  target: Target,
  { method, path, code, body }: Request,
): Promise<string | undefined> {
  const ns = await target.namespace();
  const before = await target.make(`/api/v1/namespaces/${ns}/pods`, idle('p'));
  await target.grant('attack-reader', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] },
  ]);
  const type = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
  const answer = await target.call({
    method,
    path: path.replace('NS', ns),
    body,
    type,
    as: { user: 'attack-reader' },
    maxBytes: 1,
  });
  const now = await target.call({ path: `/api/v1/namespaces/${ns}/pods/p` });
  const same =
    at(now.json, 'metadata', 'resourceVersion') === at(before, 'metadata', 'resourceVersion');
  return same
    ? unless(answer, [code], `${method} ${path} by a reader`)
    : `${method} ${path} by a reader changed the pod`;
}

/** Subresources that do not exist, read by one who was given just these. */
async function unknownPart(
  target: Target,
  [path, upgrade]: [string, boolean],
): Promise<string | undefined> {
  const ns = await target.namespace();
  await target.make(`/api/v1/namespaces/${ns}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'top' },
    stringData: { k: 'TOPSECRET' },
  });
  await target.grant('attack-part', [
    { apiGroups: [''], resources: ['secrets/x'], verbs: ['get', 'watch'] },
  ]);
  const headers: Record<string, string> = upgrade
    ? {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      }
    : {};
  return unless(
    await target.call({
      path: path.replace('NS', ns),
      as: { user: 'attack-part' },
      headers,
      maxBytes: 1,
    }),
    [404],
    `GET ${path}`,
  );
}

/** Who may patch and update, but not create. */
const created: Record<string, { method: string; path: string; codes: number[]; body: Json }> = {
  'apply-pod': {
    method: 'PATCH',
    path: inNamespace('pods/made'),
    codes: [403],
    body: pod('made', {
      containers: [{ name: 'c', image: 'x', securityContext: { privileged: true } }],
      hostPID: true,
    }),
  },
  'apply-configmap': {
    method: 'PATCH',
    path: inNamespace('configmaps/made'),
    codes: [403],
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'made' } },
  },
  'apply-role': {
    method: 'PATCH',
    path: `${rbac}/namespaces/NS/roles/made`,
    codes: [403],
    body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'made' } },
  },
  'apply-dry-run': {
    method: 'PATCH',
    path: inNamespace('pods/made?dryRun=All'),
    codes: [403],
    body: pod('made'),
  },
  'put-service': {
    method: 'PUT',
    path: inNamespace('services/made'),
    codes: [403],
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'made' },
      spec: { ports: [{ port: 80 }] },
    },
  },
  'put-lease': {
    method: 'PUT',
    path: '/apis/coordination.k8s.io/v1/namespaces/NS/leases/made',
    codes: [403],
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'made' },
      spec: {},
    },
  },
  'put-role': {
    method: 'PUT',
    path: `${rbac}/namespaces/NS/roles/made`,
    codes: [403],
    body: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'made' },
      rules: [],
    },
  },
  'put-pod': {
    method: 'PUT',
    path: inNamespace('pods/made'),
    codes: [403, 404],
    body: pod('made'),
  },
  'put-configmap': {
    method: 'PUT',
    path: inNamespace('configmaps/made'),
    codes: [403, 404],
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'made' } },
  },
};

async function createByUpdate(
  target: Target,
  { method, path, codes, body }: (typeof created)[string],
): Promise<string | undefined> {
  const ns = await target.namespace();
  await target.grant('attack-patcher', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['patch', 'update', 'get'] },
  ]);
  const url = path.replace('NS', ns);
  const apply = method === 'PATCH';
  const answer = await target.call({
    method,
    path: apply ? `${url}${url.includes('?') ? '&' : '?'}fieldManager=a` : url,
    body,
    type: apply ? 'application/apply-patch+yaml' : undefined,
    as: { user: 'attack-patcher' },
  });
  const there = await target.call({ path: url.split('?')[0] ?? url });
  return there.status === 404
    ? unless(answer, codes, `${method} ${path} without the right to create`)
    : `${method} ${path} made the object`;
}

const probes = [
  '/api/v1/nonesuch',
  '/api/v1/namespaces/default/pods/p/nonesuch',
  '/apis/nonesuch.example.com/v1/things',
  '/apis/apps/v9/deployments',
  '/apis/apps/v1/nonesuch',
  '/api/v1/watch/nonesuch',
  '/api/v1/pods/p',
];

/** A right to some names, taken for a right to a collection. */
async function deletesByName(target: Target, selector: string): Promise<string | undefined> {
  const ns = await target.namespace();
  const path = `/api/v1/namespaces/${ns}/configmaps`;
  for (const name of ['a', 'b'])
    await target.make(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  await target.grant('attack-deleter', [
    {
      apiGroups: [''],
      resources: ['configmaps'],
      verbs: ['deletecollection'],
      resourceNames: ['a'],
    },
  ]);
  return unless(
    await target.call({
      method: 'DELETE',
      path: `${path}?${selector}`,
      as: { user: 'attack-deleter' },
    }),
    [403],
    `DELETE configmaps?${selector}`,
  );
}

/** A policy forbids one user to connect, and he connects all the same. */
async function connects(target: Target, path: string): Promise<string | undefined> {
  const ns = await target.namespace();
  await target.make(`/api/v1/namespaces/${ns}/pods`, idle('p'));
  await target.make(`/api/v1/namespaces/${ns}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }] },
  });
  const group = '/apis/admissionregistration.k8s.io/v1';
  const rule = {
    operations: ['CONNECT'],
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['nodes/proxy', 'pods/proxy', 'services/proxy', 'pods/exec'],
  };
  const user = `attack-connect-${ns}`;
  const condition = { name: 'one', expression: `request.userInfo.username == '${user}'` };
  const kind = (name: string, spec: Json): Json => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: name,
    metadata: { name: user },
    spec,
  });
  await target.make(
    `${group}/validatingadmissionpolicies`,
    kind('ValidatingAdmissionPolicy', {
      matchConstraints: { resourceRules: [rule] },
      matchConditions: [condition],
      validations: [{ expression: 'false', message: 'no connections' }],
    }),
  );
  await target.make(
    `${group}/validatingadmissionpolicybindings`,
    kind('ValidatingAdmissionPolicyBinding', { policyName: user, validationActions: ['Deny'] }),
  );
  let last = '';
  for (let tries = 0; tries < 25; tries++) {
    const answer = await target.call({
      path: path.replace('NS', ns),
      as: { user, groups: ['system:masters'] },
      timeoutMs: 5000,
    });
    last = `${answer.status}: ${answer.text.slice(0, 160)}`;
    if (answer.text.includes('no connections')) return undefined;
    // A policy counts a moment after it was written.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return `GET ${path} passes the policy: ${last}`;
}

export const attacks: Attack[] = [
  ...each('write-with-read-rights', readVerbs, readerChanges),
  ...each<[string, boolean]>(
    'unknown-subresource',
    {
      get: [inNamespace('secrets/top/x'), false],
      'get-watch': [`${inNamespace('secrets/top/x')}?watch=1`, false],
      watch: [watched('secrets/top/x'), false],
      socket: [watched('secrets/top/x'), true],
      'get-socket': [`${inNamespace('secrets/top/x')}?watch=1`, true],
    },
    unknownPart,
  ),
  ...each('create-without-create', created, createByUpdate),
  ...each(
    'anonymous-learns',
    Object.fromEntries(probes.map((path) => [path.slice(1).replaceAll('/', '-'), path])),
    async (target, path) => {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
        const wrong = unless(
          await target.call({ method, path, as: { anonymous: true } }),
          [401, 403],
          `${method} ${path}`,
        );
        if (wrong) return wrong;
      }
    },
  ),
  ...each(
    'deletecollection-by-name',
    {
      selector: 'fieldSelector=metadata.name=a',
      double: 'fieldSelector=metadata.name==a',
      both: 'fieldSelector=metadata.name=a,metadata.namespace!=x',
      none: '',
    },
    deletesByName,
  ),
  ...each(
    'impersonate-extra',
    { percent: '%zz', half: '%f', lone: '%', proto: '__proto__' },
    async (target, key) => {
      const answer = await target.call({
        path: '/api/v1/namespaces',
        as: { user: 'nobody' },
        headers: { [`impersonate-extra-${key}`]: 'x' },
      });
      return answer.status === 403
        ? undefined
        : `Impersonate-Extra-${key} answers ${answer.status}: ${answer.text.slice(0, 160)}`;
    },
  ),
  ...each(
    'timeout-in-url',
    { word: 'invalid', unit: '10', other: '10x', sign: '-' },
    async (target, text) =>
      unless(
        await target.call({ path: `/api/v1/namespaces?timeout=${text}` }),
        [400],
        `timeout=${text}`,
      ),
  ),
  ...each<[string, string]>(
    'grace-period',
    {
      word: ['gracePeriodSeconds=soon', '400'],
      negative: ['gracePeriodSeconds=-7', '1'],
      fraction: ['gracePeriodSeconds=1.5', '400'],
      zero: ['gracePeriodSeconds=5', '5'],
    },
    async (target, [query, wanted]) => {
      const ns = await target.namespace();
      await target.make(
        `/api/v1/namespaces/${ns}/pods`,
        pod('p', { nodeName: 'attack-nowhere', terminationGracePeriodSeconds: 30 }),
      );
      const answer = await target.call({
        method: 'DELETE',
        path: `/api/v1/namespaces/${ns}/pods/p?${query}`,
      });
      const got =
        answer.status === 200
          ? at(answer.json, 'metadata', 'deletionGracePeriodSeconds')
          : answer.status;
      return String(got) === wanted ? undefined : `DELETE ?${query} gives ${String(got)}`;
    },
  ),
  ...each(
    'connect-past-policy',
    {
      node: '/api/v1/nodes/attack-nowhere/proxy/metrics',
      pod: '/api/v1/namespaces/NS/pods/p/proxy/',
      service: '/api/v1/namespaces/NS/services/s/proxy/x',
      exec: '/api/v1/namespaces/NS/pods/p/exec?command=id',
    },
    connects,
  ),
];
