import type { ClusterRole, RoleBinding } from '../../api/generated/types/rbac-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { ApiError, forbidden, notFound } from '../../api/status.ts';
import { own, table } from '../../base/own.ts';
import type { PolicyRule } from '../authz/authorizer.ts';
import { compact, ruleText, uncovered } from '../authz/escalation.ts';
import type { Server } from '../server.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';

const group = 'rbac.authorization.k8s.io';

/**
 * Nobody grants more rights than their own, unless they may `escalate` or `bind` (registry/rbac
 * policybased storage).
 */
export function rbacEscalation(server: Server): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ call, operation }) =>
      call.resource.group === group &&
      call.subresource === '' &&
      (operation === 'CREATE' || operation === 'UPDATE') &&
      !call.user.groups.includes('system:masters'),
    // As upstream's storage does: when every plug-in that may change the object has, and before it
    // is validated.
    admit(attributes) {
      const { resource } = attributes.call.resource;
      return resource === 'roles' || resource === 'clusterroles'
        ? checkRole(server, attributes)
        : checkBinding(server, attributes);
    },
  };
}

async function allowed(
  server: Server,
  attributes: Attributes,
  verb: string,
  resource: string,
  name: string,
): Promise<boolean> {
  return (
    await server.authorize({
      user: attributes.call.user,
      verb,
      group,
      version: '*',
      resource,
      namespace: attributes.call.namespace,
      name,
    })
  ).allowed;
}

/**
 * What the garbage collector changes so that an object may go; everything else of a role grants
 * something, its labels too.
 */
const collectorFields = [
  'ownerReferences',
  'finalizers',
  'managedFields',
  'resourceVersion',
  'generation',
];

function onlyForCollector({ object, old }: Attributes): boolean {
  if (!object || !old) return false;
  const rest = (one: KubeObject): KubeObject => ({
    ...one,
    metadata: Object.fromEntries(
      Object.entries(one.metadata).filter(([key]) => !collectorFields.includes(key)),
    ) as KubeObject['metadata'],
  });
  return jsonEqual(rest(object), rest(old));
}

const everything: PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** Checked whatever changes: a label decides what other roles gather from this one. */
async function checkRole(server: Server, attributes: Attributes): Promise<void> {
  const { call, object, old } = attributes;
  const role = object as ClusterRole;
  const before = old as ClusterRole | undefined;
  // A create names no object yet: the right to escalate named roles does not cover it.
  if (
    (await allowed(
      server,
      attributes,
      'escalate',
      call.resource.resource,
      before ? call.name : '',
    )) ||
    onlyForCollector(attributes)
  )
    return;
  refuseUnlessCovered(server, attributes, role.rules ?? []);
  if (!role.aggregationRule && !before?.aggregationRule) return;
  if (uncovered(server.rbac.heldRules(call.user, ''), everything).length)
    throw forbidden(
      { group, resource: call.resource.resource },
      nameIn(attributes),
      'must have cluster-admin privileges to use the aggregationRule',
    );
}

const roleKinds: Readonly<Record<string, string>> = table({
  Role: 'roles',
  ClusterRole: 'clusterroles',
});

async function checkBinding(server: Server, attributes: Attributes): Promise<void> {
  const { call, object } = attributes;
  const binding = object as RoleBinding;
  if (onlyForCollector(attributes)) return;
  const { kind = '', name = '' } = (binding.roleRef ?? {}) as Partial<RoleBinding['roleRef']>;
  const resource = own(roleKinds, kind);
  if (resource && (await allowed(server, attributes, 'bind', resource, name))) return;
  if (!resource) throw new ApiError('', `unsupported role reference kind: ${JSON.stringify(kind)}`);
  const rules = server.rbac.rulesOfRole(binding.roleRef, call.namespace);
  if (!rules) throw notFound({ group, resource: call.resource.resource }, name);
  refuseUnlessCovered(server, attributes, rules);
}

/** The name that was asked for. */
const nameIn = ({ object, generatedName }: Attributes): string =>
  generatedName ? '' : (object?.metadata.name ?? '');

function refuseUnlessCovered(
  server: Server,
  attributes: Attributes,
  rules: readonly PolicyRule[],
): void {
  const { call } = attributes;
  const missing = uncovered(server.rbac.heldRules(call.user, call.namespace), rules);
  if (missing.length === 0) return;
  const lines = compact(missing).map(ruleText).sort().join('\n');
  const why =
    `user ${JSON.stringify(call.user.name)} ` +
    `(groups=[${call.user.groups.map((one) => JSON.stringify(one)).join(' ')}]) is attempting ` +
    `to grant RBAC permissions not currently held:\n${lines}`;
  throw forbidden({ group, resource: call.resource.resource }, nameIn(attributes), why);
}
