import type { ClusterRole, RoleBinding } from '../../api/generated/types/rbac-v1.ts';
import { forbidden, notFound } from '../../api/status.ts';
import type { PolicyRule } from '../authz/authorizer.ts';
import { compact, ruleText, uncovered } from '../authz/escalation.ts';
import type { Server } from '../server.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';

const group = 'rbac.authorization.k8s.io';

/** Nobody hands out more than he holds, unless he may `escalate` or `bind` (registry/rbac policybased storage). */
export function rbacEscalation(server: Server): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ call, operation }) => call.resource.group === group && call.subresource === '' && (operation === 'CREATE' || operation === 'UPDATE') && !call.user.groups.includes('system:masters'),
    validate(attributes) {
      const { resource } = attributes.call.resource;
      if (resource === 'roles' || resource === 'clusterroles') checkRole(server, attributes);
      else checkBinding(server, attributes);
    },
  };
}

function allowed(server: Server, attributes: Attributes, verb: string, resource: string, name: string): boolean {
  return server.authorize({ user: attributes.call.user, verb, group, version: 'v1', resource, namespace: attributes.call.namespace, name }).allowed;
}

function checkRole(server: Server, attributes: Attributes): void {
  const { call, object, old } = attributes;
  const role = object as unknown as ClusterRole;
  const before = old as unknown as ClusterRole | undefined;
  const name = role.metadata.name ?? '';
  if (before && JSON.stringify(before.rules ?? []) === JSON.stringify(role.rules ?? []) && JSON.stringify(before.aggregationRule) === JSON.stringify(role.aggregationRule)) return;
  if (allowed(server, attributes, 'escalate', call.resource.resource, name)) return;
  if (role.aggregationRule && JSON.stringify(before?.aggregationRule) !== JSON.stringify(role.aggregationRule)) {
    refuseUnlessCovered(server, attributes, [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }], name);
  }
  refuseUnlessCovered(server, attributes, role.rules ?? [], name);
}

function checkBinding(server: Server, attributes: Attributes): void {
  const { call, object, old } = attributes;
  const binding = object as unknown as RoleBinding;
  const before = old as unknown as RoleBinding | undefined;
  if (before && JSON.stringify([before.subjects, before.roleRef]) === JSON.stringify([binding.subjects, binding.roleRef])) return;
  const resource = binding.roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  if (allowed(server, attributes, 'bind', resource, binding.roleRef.name)) return;
  const rules = server.rbac.rulesOfRole(binding.roleRef, call.namespace);
  if (!rules) throw notFound({ group, resource: binding.roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles' }, binding.roleRef.name);
  refuseUnlessCovered(server, attributes, rules, binding.metadata.name ?? '');
}

function refuseUnlessCovered(server: Server, attributes: Attributes, rules: readonly PolicyRule[], name: string): void {
  const { call } = attributes;
  const missing = uncovered(server.rbac.rulesFor(call.user, call.namespace), rules);
  if (missing.length === 0) return;
  const lines = compact(missing).map(ruleText).sort().join('\n');
  const why = `user ${JSON.stringify(call.user.name)} (groups=[${call.user.groups.map((one) => JSON.stringify(one)).join(' ')}]) is attempting to grant RBAC permissions not currently held:\n${lines}`;
  throw forbidden({ group, resource: call.resource.resource }, name, why);
}
