import type { PolicyRule } from './authorizer.ts';

/**
 * Verbs, groups, resources and names multiply: a role of 2 MB may grant billions of single things.
 * What is not looked at counts as not covered.
 */
const mostParts = 20_000;
const mostShown = 1_000;

/**
 * Whether `owner` rules cover every single thing that `wanted` grants; returns what they do not
 * cover (rbac validation.Covers), or the first of it.
 */
export function uncovered(
  owner: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] {
  const missing: PolicyRule[] = [];
  let parts = 0;
  for (const rule of wanted) {
    // Most often one rule holds all of it.
    if (!grants(rule) || owner.some((own) => covers(own, rule))) continue;
    for (const one of breakDown(rule)) {
      if (++parts > mostParts) return missing.length > 0 ? missing : [one];
      if (owner.some((own) => covers(own, one))) continue;
      missing.push(one);
      if (missing.length >= mostShown) return missing;
    }
  }
  return missing;
}

/** A rule without verbs, or of nothing, is still to be validated; it grants nothing. */
function grants(rule: PolicyRule): boolean {
  return (
    Boolean(rule.verbs?.length) &&
    Boolean(rule.nonResourceURLs?.length || (rule.apiGroups?.length && rule.resources?.length))
  );
}

/** One rule per verb, group, resource and name. */
function* breakDown(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        if (!rule.resourceNames?.length)
          yield { verbs: [verb], apiGroups: [group], resources: [resource] };
        for (const name of rule.resourceNames ?? [])
          yield { verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] };
      }
    }
  }
}

const hasAll = (
  have: readonly string[] | undefined,
  want: readonly string[] | undefined,
): boolean => (want ?? []).every((one) => (have ?? []).includes('*') || (have ?? []).includes(one));

function covers(owner: PolicyRule, one: PolicyRule): boolean {
  if (!hasAll(owner.verbs, one.verbs)) return false;
  if (one.nonResourceURLs) {
    return one.nonResourceURLs.every((url) =>
      (owner.nonResourceURLs ?? []).some(
        (have) =>
          have === '*' || have === url || (have.endsWith('*') && url.startsWith(have.slice(0, -1))),
      ),
    );
  }
  if (!hasAll(owner.apiGroups, one.apiGroups)) return false;
  const resourceOk = (one.resources ?? []).every((want) =>
    (owner.resources ?? []).some(
      (have) =>
        have === '*' ||
        have === want ||
        (have.startsWith('*/') &&
          want.includes('/') &&
          want.slice(want.indexOf('/')) === have.slice(1)),
    ),
  );
  if (!resourceOk) return false;
  if (!owner.resourceNames?.length) return true;
  return (
    Boolean(one.resourceNames?.length) &&
    (one.resourceNames ?? []).every((name) => owner.resourceNames?.includes(name))
  );
}

/**
 * As Kubernetes prints a rule it refuses: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`.
 */
export function ruleText(rule: PolicyRule): string {
  const parts: string[] = [];
  const put = (name: string, list: readonly string[] | undefined): void => {
    if (list?.length) parts.push(`${name}:[${list.map((one) => JSON.stringify(one)).join(' ')}]`);
  };
  put('APIGroups', rule.apiGroups);
  put('Resources', rule.resources);
  put('ResourceNames', rule.resourceNames);
  put('NonResourceURLs', rule.nonResourceURLs);
  put('Verbs', rule.verbs);
  return `{${parts.join(', ')}}`;
}

/** Joins rules that differ in one list only, as upstream does before it prints them. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const byKey = new Map<string, { rule: PolicyRule; verbs: Set<string> }>();
  for (const rule of rules) {
    const key = JSON.stringify([
      rule.apiGroups,
      rule.resources,
      rule.resourceNames,
      rule.nonResourceURLs,
    ]);
    const known = byKey.get(key);
    if (known) for (const verb of rule.verbs) known.verbs.add(verb);
    else byKey.set(key, { rule, verbs: new Set(rule.verbs) });
  }
  return [...byKey.values()].map(({ rule, verbs }) => ({ ...rule, verbs: [...verbs] }));
}
