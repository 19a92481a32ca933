import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, list, type Caller, type Json, type Target } from '../target.ts';
import { unless } from './authz.ts';

const group = 'rbac.authorization.k8s.io';
const rbac = `/apis/${group}/v1`;
const labelKey = `${group}/aggregate-to-edit`;
const editor: Caller = { user: 'attack-roles' };

const fresh = (): string => `attack-${randomBytes(4).toString('hex')}`;
const clusterRole = (name: string, more: Json = {}): Json => ({
  apiVersion: `${group}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  ...more,
});

/** May do all with roles and bindings but escalate and bind, and holds nothing else. */
async function mayEdit(target: Target): Promise<void> {
  await target.grant('attack-roles', [
    { apiGroups: [group], resources: ['*'], verbs: ['get', 'list', 'create', 'update', 'patch'] },
  ]);
}

/** A role that grants everything, of the attack's own: cluster-admin itself stays as it is. */
async function mighty(target: Target): Promise<string> {
  const name = fresh();
  await target.make(
    `${rbac}/clusterroles`,
    clusterRole(name, { rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] }),
  );
  return name;
}

interface Change {
  method: string;
  type?: string;
  query?: string;
  body(role: Json): unknown;
}

const labelled = (role: Json): Json => ({
  ...role,
  metadata: { ...(role['metadata'] as Json), labels: { [labelKey]: 'true' } },
});
const pointer = labelKey.replaceAll('/', '~1');

/** A label that makes edit gather a role that grants everything. */
const labels: Record<string, Change> = {
  merge: {
    method: 'PATCH',
    type: 'application/merge-patch+json',
    body: () => ({ metadata: { labels: { [labelKey]: 'true' } } }),
  },
  strategic: {
    method: 'PATCH',
    type: 'application/strategic-merge-patch+json',
    body: () => ({ metadata: { labels: { [labelKey]: 'true' } } }),
  },
  json: {
    method: 'PATCH',
    type: 'application/json-patch+json',
    body: () => [
      { op: 'add', path: '/metadata/labels', value: {} },
      { op: 'add', path: `/metadata/labels/${pointer}`, value: 'true' },
    ],
  },
  apply: {
    method: 'PATCH',
    type: 'application/apply-patch+yaml',
    query: '?fieldManager=a&force=true',
    body: (role) =>
      clusterRole(String(at(role, 'metadata', 'name')), {
        metadata: { name: at(role, 'metadata', 'name'), labels: { [labelKey]: 'true' } },
      }),
  },
  put: { method: 'PUT', body: labelled },
  annotation: {
    method: 'PATCH',
    type: 'application/merge-patch+json',
    body: () => ({ metadata: { annotations: { [`${group}/autoupdate`]: 'false' } } }),
  },
};

async function labelsMighty(
  target: Target,
  { method, type, query = '', body }: Change,
): Promise<string | undefined> {
  await mayEdit(target);
  const path = `${rbac}/clusterroles/${await mighty(target)}`;
  const answer = await target.call({
    method,
    path: path + query,
    type,
    body: body(await target.must('GET', path)),
    as: editor,
  });
  return unless(answer, [403], `${method} of a role that grants everything`);
}

/** Roles that gather from others, before or after the change. */
const gathering: Record<string, { before?: Json; after: Json }> = {
  'adds-rule': {
    after: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
  },
  'keeps-old-rule': {
    before: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [] },
    after: { metadata: { labels: { [labelKey]: 'true' } } },
  },
  'drops-old-rule': {
    before: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [] },
    after: { aggregationRule: null },
  },
  'changes-rule': {
    before: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }, rules: [] },
    after: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'c' } }] } },
  },
};

async function gathers(
  target: Target,
  { before = { rules: [] }, after }: (typeof gathering)[string],
): Promise<string | undefined> {
  await mayEdit(target);
  const name = fresh();
  await target.make(`${rbac}/clusterroles`, clusterRole(name, before));
  const answer = await target.call({
    method: 'PATCH',
    path: `${rbac}/clusterroles/${name}`,
    type: 'application/merge-patch+json',
    body: after,
    as: editor,
  });
  return unless(answer, [403], `PATCH ${JSON.stringify(after)} of a role that gathers`);
}

/** Bindings to a role that one does not hold. */
const bindings: Record<string, Json> = {
  subjects: { subjects: [{ kind: 'User', apiGroup: group, name: 'attack-roles' }] },
  'no-subjects': { subjects: [] },
  labels: { metadata: { labels: { a: 'b' } } },
  annotations: { metadata: { annotations: { a: 'b' } } },
};

async function binds(target: Target, patch: Json): Promise<string | undefined> {
  await mayEdit(target);
  const [name, role] = [fresh(), await mighty(target)];
  await target.make(`${rbac}/clusterrolebindings`, {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', apiGroup: group, name: 'somebody' }],
  });
  const answer = await target.call({
    method: 'PATCH',
    path: `${rbac}/clusterrolebindings/${name}`,
    type: 'application/merge-patch+json',
    body: patch,
    as: editor,
  });
  return unless(answer, [403], `PATCH ${JSON.stringify(patch)} of a binding to a role not held`);
}

/** A right to escalate or bind some role by its name, used on another one. */
async function escalatesByName(
  target: Target,
  [kind, verb, resource]: [string, string, string],
): Promise<string | undefined> {
  const ns = await target.namespace();
  await target.grant('attack-named', [
    { apiGroups: [group], resources: ['*'], verbs: ['create', 'patch', 'update'] },
    { apiGroups: [group], resources: [resource], verbs: [verb], resourceNames: ['attack-mine'] },
  ]);
  const everything = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
  const place = resource === 'roles' ? `${rbac}/namespaces/${ns}/roles` : `${rbac}/${kind}`;
  const body =
    verb === 'bind'
      ? {
          apiVersion: `${group}/v1`,
          kind: 'ClusterRoleBinding',
          metadata: { name: 'attack-mine' },
          roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'cluster-admin' },
          subjects: [],
        }
      : {
          apiVersion: `${group}/v1`,
          kind: resource === 'roles' ? 'Role' : 'ClusterRole',
          metadata: { name: 'attack-mine' },
          rules: everything,
        };
  target.later(() => target.call({ method: 'DELETE', path: `${place}/attack-mine` }));
  return unless(
    await target.call({ method: 'POST', path: place, body, as: { user: 'attack-named' } }),
    [403],
    `POST ${place}`,
  );
}

/** The way as it was found: whoever may label roles makes every editor an administrator. */
const wholeWay: Attack = {
  name: 'editor-becomes-admin',
  async run(target) {
    const ns = await target.namespace();
    await mayEdit(target);
    const role = await mighty(target);
    await target.make(`${rbac}/namespaces/${ns}/rolebindings`, {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'e' },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'User', apiGroup: group, name: 'attack-roles' }],
    });
    await target.call({
      method: 'PATCH',
      path: `${rbac}/clusterroles/${role}`,
      type: 'application/merge-patch+json',
      body: { metadata: { labels: { [labelKey]: 'true' } } },
      as: editor,
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const rules = list(await target.must('GET', `${rbac}/clusterroles/edit`), 'rules');
    return rules.some((rule) => (rule['resources'] as string[] | undefined)?.includes('*'))
      ? 'edit grants every resource now'
      : undefined;
  },
};

export const attacks: Attack[] = [
  ...each('label-a-mighty-role', labels, labelsMighty),
  ...each('gathering-role', gathering, gathers),
  ...each('binding-to-a-role-not-held', bindings, binds),
  ...each<[string, string, string]>(
    'escalate-by-name',
    {
      role: ['roles', 'escalate', 'roles'],
      clusterrole: ['clusterroles', 'escalate', 'clusterroles'],
      bind: ['clusterrolebindings', 'bind', 'clusterroles'],
    },
    escalatesByName,
  ),
  wholeWay,
];
