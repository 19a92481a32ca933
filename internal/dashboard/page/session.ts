import { createContext } from 'preact';
import { json } from './api.ts';

interface Rule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

export interface Session {
  user: string;
  groups: string[];
  /** The chosen namespace; undefined: all of them. */
  namespace: string | undefined;
  rights: Rights;
}

export const SessionContext = createContext<Session>({
  user: '',
  groups: [],
  namespace: undefined,
  rights: { may: () => false },
});

/**
 * What RBAC lets this user do in a namespace. It decides what the page offers; the server decides
 * again at each call. `subject` is `resource.group`, or `resource.group/subresource`.
 */
export interface Rights {
  may(verb: string, group: string, resource: string): boolean;
}

export async function whoAmI(): Promise<{ user: string; groups: string[] }> {
  const { status } = await json<{
    status?: { userInfo?: { username?: string; groups?: string[] } };
  }>('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    method: 'POST',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  return { user: status?.userInfo?.username ?? '', groups: status?.userInfo?.groups ?? [] };
}

export async function rightsIn(namespace: string): Promise<Rights> {
  const { status } = await json<{ status?: { resourceRules?: Rule[]; incomplete?: boolean } }>(
    '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    {
      method: 'POST',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectRulesReview',
        spec: { namespace },
      },
    },
  );
  return rightsOf(status?.resourceRules ?? [], status?.incomplete ?? false);
}

/** An authorizer that cannot list its rules leaves the list incomplete: then all is offered. */
export function rightsOf(rules: readonly Rule[], incomplete: boolean): Rights {
  const has = (list: string[] = [], word: string): boolean =>
    list.includes('*') || list.includes(word);
  return {
    may: (verb, group, resource) => {
      const subresource = resource.includes('/') ? `*/${resource.split('/')[1]}` : resource;
      return (
        incomplete ||
        rules.some(
          (rule) =>
            has(rule.verbs, verb) &&
            has(rule.apiGroups, group) &&
            (has(rule.resources, resource) || rule.resources?.includes(subresource) === true),
        )
      );
    },
  };
}
