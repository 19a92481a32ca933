import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../generated/types/rbac-v1.ts';
import type { LabelSelector } from '../generated/types/meta-v1.ts';
import { dns1123Subdomain, pathSegmentName } from '../names.ts';
import { semanticEqual } from '../loose.ts';
import { selectorFromObject } from '../selectors.ts';
import { checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const group = 'rbac.authorization.k8s.io';

function checkRules(
  problems: Problems,
  rules: readonly PolicyRule[] | undefined,
  namespaced: boolean,
): void {
  (rules ?? []).forEach((rule, i) => {
    const path = `rules[${i}]`;
    if (!rule.verbs?.length)
      problems.required(`${path}.verbs`, 'verbs must contain at least one value');
    if (rule.nonResourceURLs?.length) {
      if (namespaced)
        problems.invalid(
          `${path}.nonResourceURLs`,
          rule.nonResourceURLs,
          'namespaced rules cannot apply to non-resource URLs',
        );
      if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length)
        problems.invalid(
          `${path}.nonResourceURLs`,
          rule.nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        );
      return;
    }
    if (!rule.apiGroups?.length)
      problems.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
    if (!rule.resources?.length)
      problems.required(`${path}.resources`, 'resource rules must supply at least one resource');
  });
}

export const role: Rule<Role> = {
  name: pathSegmentName,
  spec: (problems, object) => checkRules(problems, object.rules, true),
  updates: ['object', 'metadata'],
};

function isSelector(selector: LabelSelector): boolean {
  try {
    selectorFromObject(selector);
    return true;
  } catch {
    return false;
  }
}

export const clusterRole: Rule<ClusterRole> = {
  name: pathSegmentName,
  spec(problems, object) {
    checkRules(problems, object.rules, false);
    const aggregation = object.aggregationRule;
    if (!aggregation) return;
    const path = 'aggregationRule.clusterRoleSelectors';
    if (!aggregation.clusterRoleSelectors?.length)
      problems.required(
        path,
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      );
    (aggregation.clusterRoleSelectors ?? []).forEach((selector, i) => {
      checkLabelSelector(problems, selector, `${path}[${i}]`);
      if (!isSelector(selector)) problems.invalid(`${path}[${i}]`, null, 'invalid label selector.');
    });
  },
  updates: ['object', 'metadata'],
};

function checkSubject(
  problems: Problems,
  subject: Subject,
  namespaced: boolean,
  path: string,
): void {
  const { kind, name, apiGroup = '', namespace } = subject;
  if (!name) problems.required(`${path}.name`);
  if (kind === 'ServiceAccount') {
    if (name) problems.check(`${path}.name`, name, dns1123Subdomain);
    if (apiGroup) problems.notSupported(`${path}.apiGroup`, apiGroup, ['']);
    if (!namespaced && !namespace) problems.required(`${path}.namespace`);
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== group) problems.notSupported(`${path}.apiGroup`, apiGroup, [group]);
  } else problems.notSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']);
}

function binding(namespaced: boolean): Rule<RoleBinding | ClusterRoleBinding> {
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  return {
    name: pathSegmentName,
    spec(problems, { roleRef, subjects }) {
      if (roleRef?.apiGroup !== group)
        problems.notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [group]);
      if (!kinds.includes(roleRef?.kind))
        problems.notSupported('roleRef.kind', roleRef?.kind ?? '', kinds);
      if (!roleRef?.name) problems.required('roleRef.name');
      else problems.check('roleRef.name', roleRef.name, pathSegmentName);
      (subjects ?? []).forEach((subject, i) =>
        checkSubject(problems, subject, namespaced, `subjects[${i}]`),
      );
    },
    updates: ['object', 'metadata', 'change'],
    change(problems, { roleRef }, old) {
      if (!semanticEqual(roleRef, old.roleRef))
        problems.invalid(
          'roleRef',
          { APIGroup: roleRef.apiGroup, Kind: roleRef.kind, Name: roleRef.name },
          'cannot change roleRef',
        );
    },
  };
}

export const roleBinding = binding(true);
export const clusterRoleBinding = binding(false);
