import type { FieldTerm } from '../../api/field-selectors.ts';
import type { Requirement } from '../../api/selector-requirement.ts';
import type { UserInfo } from '../authn/user.ts';

/**
 * One question to an authorizer (authorization.k8s.io ResourceAttributes or NonResourceAttributes).
 */
export interface AccessRequest {
  user: UserInfo;
  verb: string;
  /** Non-resource requests have only `path`. */
  path?: string;
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  /** What a list, a watch or the deletion of a collection says of fields; all must hold. */
  fields?: readonly FieldTerm[];
  /**
   * What it says of labels: the text of the selector, read only by who wants it, or what a review
   * listed.
   */
  labels?: string | readonly Requirement[];
}

export interface Decision {
  allowed: boolean;
  /** A refusal that no other authorizer is asked about; a plain "not allowed" is no opinion. */
  denied?: true;
  reason: string;
  /**
   * What went wrong while it was decided: a webhook that did not answer, a condition that failed.
   */
  error?: string;
}

/** A promise only where a webhook is asked: all other questions are answered at once. */
export type Authorize = (request: AccessRequest) => Decision | Promise<Decision>;

export interface PolicyRule {
  verbs: readonly string[];
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
  nonResourceURLs?: readonly string[];
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));

/** rbac/v1 rule evaluation (registry/rbac/validation and plugin/pkg/auth/authorizer/rbac). */
export function ruleAllows(rule: PolicyRule, request: AccessRequest): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  if (request.path !== undefined) return pathMatches(rule.nonResourceURLs, request.path);
  return (
    has(rule.apiGroups, request.group ?? '') &&
    resourceMatches(rule, request) &&
    nameMatches(rule, request.name ?? '')
  );
}

function pathMatches(urls: readonly string[] | undefined, path: string): boolean {
  return (urls ?? []).some(
    (url) =>
      url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );
}

function resourceMatches(rule: PolicyRule, request: AccessRequest): boolean {
  const resources = rule.resources ?? [];
  const resource = request.resource ?? '';
  const full = request.subresource ? `${resource}/${request.subresource}` : resource;
  for (const one of resources) {
    if (one === '*' || one === full) return true;
    if (request.subresource && one === `*/${request.subresource}`) return true;
  }
  return false;
}

function nameMatches(rule: PolicyRule, name: string): boolean {
  return !rule.resourceNames?.length || rule.resourceNames.includes(name);
}

/**
 * `User "u" cannot get resource "pods" in API group "" in the namespace "n"`, and why when an
 * authorizer says so.
 */
export function denialText(request: AccessRequest, reason = ''): string {
  const user = JSON.stringify(request.user.name);
  const why = reason ? `: ${reason}` : '';
  if (request.path !== undefined)
    return `User ${user} cannot ${request.verb} path ${JSON.stringify(request.path)}${why}`;
  const resource = request.subresource
    ? `${request.resource}/${request.subresource}`
    : (request.resource ?? '');
  const where = request.namespace
    ? ` in the namespace ${JSON.stringify(request.namespace)}`
    : ' at the cluster scope';
  return (
    `User ${user} cannot ${request.verb} resource ${JSON.stringify(resource)} in API group ` +
    `${JSON.stringify(request.group ?? '')}${where}${why}`
  );
}
