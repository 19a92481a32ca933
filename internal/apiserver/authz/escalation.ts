import type { PolicyRule } from './authorizer.ts';

/** Whether `owner` rules cover every single thing that `wanted` grants; returns what they do not cover (rbac validation.Covers). */
export function uncovered(owner: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((one) => !owner.some((rule) => covers(rule, one)));
}

/** One rule per verb, group, resource and name. */
function breakDown(rule: PolicyRule): PolicyRule[] {
  const out: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) out.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        if (!rule.resourceNames?.length) out.push({ verbs: [verb], apiGroups: [group], resources: [resource] });
        for (const name of rule.resourceNames ?? []) out.push({ verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] });
      }
    }
  }
  return out;
}

const hasAll = (have: readonly string[] | undefined, want: readonly string[] | undefined): boolean =>
  (want ?? []).every((one) => (have ?? []).includes('*') || (have ?? []).includes(one));

function covers(owner: PolicyRule, one: PolicyRule): boolean {
  if (!hasAll(owner.verbs, one.verbs)) return false;
  if (one.nonResourceURLs) {
    return one.nonResourceURLs.every((url) =>
      (owner.nonResourceURLs ?? []).some((have) => have === '*' || have === url || (have.endsWith('*') && url.startsWith(have.slice(0, -1)))),
    );
  }
  if (!hasAll(owner.apiGroups, one.apiGroups)) return false;
  const resourceOk = (one.resources ?? []).every((want) =>
    (owner.resources ?? []).some((have) => have === '*' || have === want || (have.startsWith('*/') && want.includes('/') && want.slice(want.indexOf('/')) === have.slice(1))),
  );
  if (!resourceOk) return false;
  if (!owner.resourceNames?.length) return true;
  return Boolean(one.resourceNames?.length) && (one.resourceNames ?? []).every((name) => owner.resourceNames?.includes(name));
}

/** As Kubernetes prints a rule it refuses: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
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
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs]);
    const known = byKey.get(key);
    if (known) for (const verb of rule.verbs) known.verbs.add(verb);
    else byKey.set(key, { rule, verbs: new Set(rule.verbs) });
  }
  return [...byKey.values()].map(({ rule, verbs }) => ({ ...rule, verbs: [...verbs] }));
}
