import { asObject, fieldsOf, type KubeObject } from '../../api/object.ts';
import * as table from '../generated/bootstrap-policy.ts';
import type { BindingRow, RoleRow, RuleRow } from '../authz/bootstrap-rows.ts';

/** An object the server makes sure of, and whether it also keeps its content. */
export interface Wanted {
  group: string;
  version: string;
  resource: string;
  object: KubeObject;
  /** `create`: only made when missing. `reconcile`: missing rules and subjects are added. */
  how: 'create' | 'reconcile';
}

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const rbacMeta = {
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
};

const metaOf = (row: {
  name: string;
  ns?: string;
  labels?: Record<string, string>;
}): KubeObject['metadata'] =>
  ({
    name: row.name,
    ...(row.ns ? { namespace: row.ns } : {}),
    labels: { ...rbacMeta.labels, ...row.labels },
    annotations: { ...rbacMeta.annotations },
  }) as KubeObject['metadata'];

function ruleOf(row: RuleRow): object {
  return {
    verbs: row.v,
    ...(row.g ? { apiGroups: row.g } : {}),
    ...(row.r ? { resources: row.r } : {}),
    ...(row.n ? { resourceNames: row.n } : {}),
    ...(row.u ? { nonResourceURLs: row.u } : {}),
  };
}

function roleOf(row: RoleRow): Wanted {
  const kind = row.ns ? 'Role' : 'ClusterRole';
  const aggregate = row.aggregate
    ? {
        aggregationRule: {
          clusterRoleSelectors: row.aggregate.map((matchLabels) => ({ matchLabels })),
        },
      }
    : {};
  const object = {
    kind,
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: metaOf(row),
    rules: row.rules?.map(ruleOf) ?? null,
    ...aggregate,
  };
  return {
    ...rbac,
    resource: row.ns ? 'roles' : 'clusterroles',
    object: object as KubeObject,
    how: 'reconcile',
  };
}

function subjectOf(text: string): object {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  const name = text.slice(colon + 1);
  if (kind !== 'ServiceAccount') return { kind, apiGroup: 'rbac.authorization.k8s.io', name };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, name: account, namespace };
}

function bindingOf(row: BindingRow): Wanted {
  const kind = row.ns ? 'RoleBinding' : 'ClusterRoleBinding';
  const slash = row.role.indexOf('/');
  const object = {
    kind,
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: metaOf(row),
    ...(row.subjects.length ? { subjects: row.subjects.map(subjectOf) } : {}),
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: row.role.slice(0, slash),
      name: row.role.slice(slash + 1),
    },
  };
  return {
    ...rbac,
    resource: row.ns ? 'rolebindings' : 'clusterrolebindings',
    object: object as KubeObject,
    how: 'reconcile',
  };
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export function namespaceObjects(): Wanted[] {
  return systemNamespaces.map((name) => ({
    group: '',
    version: 'v1',
    resource: 'namespaces',
    how: 'create',
    object: { kind: 'Namespace', apiVersion: 'v1', metadata: { name } as KubeObject['metadata'] },
  }));
}

export function policyObjects(): Wanted[] {
  const aggregated = aggregateRules();
  return [
    ...[...table.clusterRoles, ...table.controllerRoles, ...table.namespaceRoles]
      .map(roleOf)
      .map((wanted) => {
        const rules = aggregated.get(wanted.object.metadata.name ?? '');
        if (rules) fieldsOf(wanted.object)['rules'] = rules;
        return wanted;
      }),
    ...[
      ...table.clusterRoleBindings,
      ...table.controllerRoleBindings,
      ...table.namespaceRoleBindings,
    ].map(bindingOf),
  ];
}

/**
 * admin, edit and view are sums of others; they are right from the start, not only once the
 * aggregation controller runs.
 */
function aggregateRules(): Map<string, object[]> {
  const out = new Map<string, object[]>();
  const rulesOf = (name: string): RuleRow[] => {
    const row = table.clusterRoles.find((one) => one.name === name);
    if (!row?.aggregate) return row?.rules ?? [];
    const parts = table.clusterRoles.filter((one) =>
      row.aggregate?.some((labels) =>
        Object.entries(labels).every(([k, v]) => one.labels?.[k] === v),
      ),
    );
    return parts.flatMap((one) => rulesOf(one.name));
  };
  for (const row of table.clusterRoles)
    if (row.aggregate) out.set(row.name, distinct(rulesOf(row.name)).map(ruleOf));
  return out;
}

function distinct(rules: RuleRow[]): RuleRow[] {
  const seen = new Map(rules.map((rule) => [JSON.stringify(rule), rule]));
  return [...seen.values()];
}

export function priorityClassObjects(): Wanted[] {
  return table.priorityClasses.map((row) => ({
    group: 'scheduling.k8s.io',
    version: 'v1',
    resource: 'priorityclasses',
    how: 'create',
    object: {
      kind: 'PriorityClass',
      apiVersion: 'scheduling.k8s.io/v1',
      metadata: { name: row.name } as KubeObject['metadata'],
      value: row.value,
      ...(row.globalDefault ? { globalDefault: true } : {}),
      description:
        row.name === 'system-node-critical'
          ? 'Used for system critical pods that must not be moved from their current node.'
          : 'Used for system critical pods that must run in the cluster, but can be moved to ' +
            'another node if necessary.',
      preemptionPolicy: row.preemptionPolicy,
    } as KubeObject,
  }));
}

const flow = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1' } as const;

export function flowControlObjects(): Wanted[] {
  const annotations = table.flowControl.annotation;
  const levels = table.flowControl.priorityLevels.map((row): Wanted => {
    const limitResponse =
      row.response === 'Queue'
        ? {
            type: 'Queue',
            queuing: {
              queues: row.queues,
              handSize: row.handSize,
              queueLengthLimit: row.queueLengthLimit,
            },
          }
        : { type: 'Reject' };
    const shares = {
      nominalConcurrencyShares: row.nominalConcurrencyShares,
      lendablePercent: row.lendablePercent,
    };
    const spec =
      row.type === 'Exempt'
        ? { type: 'Exempt', exempt: shares }
        : { type: 'Limited', limited: { ...shares, limitResponse } };
    const object = {
      kind: 'PriorityLevelConfiguration',
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      metadata: { name: row.name, annotations },
      spec,
    };
    return {
      ...flow,
      resource: 'prioritylevelconfigurations',
      how: 'create',
      object: object as KubeObject,
    };
  });
  const schemas = table.flowControl.flowSchemas.map((row): Wanted => {
    const rules = [
      {
        subjects: row.subjects.map(flowSubject),
        ...(row.resourceRules.length
          ? {
              resourceRules: row.resourceRules.map((r) => ({
                verbs: r.v,
                apiGroups: r.g,
                resources: r.r,
                ...(r.cs ? { clusterScope: true } : {}),
                ...(r.ns ? { namespaces: r.ns } : {}),
              })),
            }
          : {}),
        ...(row.nonResourceRules.length
          ? {
              nonResourceRules: row.nonResourceRules.map((r) => ({
                verbs: r.v,
                nonResourceURLs: r.u,
              })),
            }
          : {}),
      },
    ];
    const spec = {
      priorityLevelConfiguration: { name: row.priorityLevel },
      matchingPrecedence: row.matchingPrecedence,
      ...(row.distinguisher ? { distinguisherMethod: { type: row.distinguisher } } : {}),
      rules,
    };
    const object = {
      kind: 'FlowSchema',
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      metadata: { name: row.name, annotations },
      spec,
    };
    return { ...flow, resource: 'flowschemas', how: 'create', object: object as KubeObject };
  });
  return [...levels, ...schemas];
}

function flowSubject(text: string): object {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  const name = text.slice(colon + 1);
  if (kind === 'Group') return { kind, group: { name } };
  if (kind === 'User') return { kind, user: { name } };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, serviceAccount: { namespace, name: account } };
}

/** Since when uses of legacy service-account tokens are noted: the cleaner of such tokens asks. */
export function tokenTracking(now: string): Wanted {
  const metadata = {
    name: 'kube-apiserver-legacy-service-account-token-tracking',
    namespace: 'kube-system',
  } as KubeObject['metadata'];
  return {
    group: '',
    version: 'v1',
    resource: 'configmaps',
    how: 'create',
    object: asObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata,
      data: { since: now.slice(0, 10) },
    }),
  };
}
