import type {
  MatchResources,
  NamedRuleWithOperations,
  RuleWithOperations,
} from '../generated/types/admissionregistration-v1.ts';
import { pathSegmentName } from '../names.ts';
import { checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';

export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];

/** `*` must be the only item. */
function checkStar(
  problems: Problems,
  values: readonly string[],
  field: string,
  what: string,
): void {
  if (values.length === 0) problems.required(field);
  if (values.length > 1 && values.includes('*'))
    problems.invalid(field, values, `if '*' is present, must not specify other ${what}`);
}

export function checkOperations(problems: Problems, rule: RuleWithOperations, path: string): void {
  checkStar(problems, rule.operations ?? [], `${path}.operations`, 'operations');
  (rule.operations ?? []).forEach((operation, i) => {
    if (!operations.includes(operation))
      problems.notSupported(`${path}.operations[${i}]`, operation, operations);
  });
  checkStar(problems, rule.apiGroups ?? [], `${path}.apiGroups`, 'API groups');
  checkStar(problems, rule.apiVersions ?? [], `${path}.apiVersions`, 'API versions');
  (rule.apiVersions ?? []).forEach(
    (version, i) => !version && problems.required(`${path}.apiVersions[${i}]`),
  );
  checkResources(problems, rule.resources ?? [], `${path}.resources`);
  if (rule.scope !== undefined && !scopes.includes(rule.scope))
    problems.notSupported(`${path}.scope`, rule.scope, scopes);
}

function checkResources(problems: Problems, resources: readonly string[], path: string): void {
  if (resources.length === 0) problems.required(path);
  const [allSubresources, allResources] = [new Set<string>(), new Set<string>()];
  let plain = false;
  resources.forEach((name, i) => {
    const at = `${path}[${i}]`;
    if (!name) return problems.required(at);
    const slash = name.indexOf('/');
    if (slash < 0) {
      plain = name !== '*';
      return;
    }
    const [resource, subresource] = [name.slice(0, slash), name.slice(slash + 1)];
    if (allSubresources.has(resource))
      problems.invalid(at, name, `if '${resource}/*' is present, must not specify ${name}`);
    if (allResources.has(subresource))
      problems.invalid(at, name, `if '*/${subresource}' is present, must not specify ${name}`);
    if (subresource === '*') allSubresources.add(resource);
    if (resource === '*') allResources.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*'))
    problems.invalid(path, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes('*') && plain)
    problems.invalid(
      path,
      resources,
      "if '*' is present, must not specify other resources without subresources",
    );
}

function checkNamedRule(problems: Problems, rule: NamedRuleWithOperations, path: string): void {
  (rule.resourceNames ?? []).forEach((name, i, all) => {
    problems.check(`${path}.resourceNames[${i}]`, name, pathSegmentName);
    if (all.indexOf(name) < i) problems.duplicate(`${path}.resourceNames[${i}]`, name);
  });
  checkOperations(problems, rule, path);
}

export function checkMatchResources(problems: Problems, match: MatchResources, path: string): void {
  if (match.matchPolicy === undefined) problems.required(`${path}.matchPolicy`);
  else if (!matchPolicies.includes(match.matchPolicy))
    problems.notSupported(`${path}.matchPolicy`, match.matchPolicy, matchPolicies);
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (!match[field]) problems.required(`${path}.${field}`);
    else checkLabelSelector(problems, match[field], `${path}.${field}`);
  }
  for (const list of ['resourceRules', 'excludeResourceRules'] as const)
    (match[list] ?? []).forEach((rule, i) =>
      checkNamedRule(problems, rule, `${path}.${list}[${i}]`),
    );
}
