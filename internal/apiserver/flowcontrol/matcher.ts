import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/types/flowcontrol-v1.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../authn/user.ts';

const hasOrAll = (list: readonly string[], value: string): boolean =>
  list.includes(value) || list.includes('*');

function subjectMatches(subject: Subject, user: UserInfo): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === '*' || subject.user?.name === user.name;
    case 'Group':
      return subject.group?.name === '*' || user.groups.includes(subject.group?.name ?? '');
    case 'ServiceAccount': {
      const { namespace = '', name = '' } = subject.serviceAccount ?? {};
      const prefix = `system:serviceaccount:${namespace}:`;
      return name === '*' ? user.name.startsWith(prefix) : user.name === prefix + name;
    }
    default:
      return false;
  }
}

function resourceMatches(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  if (!hasOrAll(rule.verbs, info.verb) || !hasOrAll(rule.apiGroups, info.group)) return false;
  if (
    !rule.resources.includes('*') &&
    !rule.resources.includes(
      info.subresource ? `${info.resource}/${info.subresource}` : info.resource,
    )
  )
    return false;
  return info.namespace === ''
    ? rule.clusterScope === true
    : hasOrAll(rule.namespaces ?? [], info.namespace);
}

/** A trailing star stands for everything below. */
const pathMatches = (urls: readonly string[], path: string): boolean =>
  urls.some(
    (url) =>
      url === '*' || url === path || (url.endsWith('/*') && path.startsWith(url.slice(0, -1))),
  );

function ruleMatches(rule: PolicyRulesWithSubjects, info: RequestInfo): boolean {
  if (info.isResource) {
    for (const one of rule.resourceRules ?? []) if (resourceMatches(one, info)) return true;
    return false;
  }
  for (const one of rule.nonResourceRules ?? [])
    if (hasOrAll(one.verbs, info.verb) && pathMatches(one.nonResourceURLs, info.path)) return true;
  return false;
}

/** A FlowSchema's order: lower precedence first, then the name. */
export function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  return (
    (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0) ||
    ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)
  );
}

/** More users than this are not remembered at once. */
const maxUsers = 2000;

interface Remembered<T> {
  groups: readonly string[];
  rules: { rule: PolicyRulesWithSubjects; of: T }[];
}

/** Finds what a request belongs to among schemas in order, each standing for a `T`. */
export class Matcher<T> {
  readonly #schemas: readonly { schema: FlowSchema; of: T }[];
  readonly #fallback: T;
  #users = new Map<string, Remembered<T>>();

  /** `schemas` in the order of precedence; what matches none is `fallback`. */
  constructor(schemas: readonly { schema: FlowSchema; of: T }[], fallback: T) {
    this.#schemas = schemas;
    this.#fallback = fallback;
  }

  find(user: UserInfo, info: RequestInfo): T {
    for (const { rule, of } of this.#rulesOf(user)) if (ruleMatches(rule, info)) return of;
    return this.#fallback;
  }

  /** The rules that name a user do not depend on the request. */
  #rulesOf(user: UserInfo): Remembered<T>['rules'] {
    const known = this.#users.get(user.name);
    if (known && sameGroups(known.groups, user.groups)) return known.rules;
    const rules: Remembered<T>['rules'] = [];
    for (const { schema, of } of this.#schemas) {
      for (const rule of schema.spec?.rules ?? [])
        if (rule.subjects.some((subject) => subjectMatches(subject, user)))
          rules.push({ rule, of });
    }
    if (this.#users.size >= maxUsers) this.#users = new Map();
    this.#users.set(user.name, { groups: user.groups, rules });
    return rules;
  }
}

function sameGroups(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
