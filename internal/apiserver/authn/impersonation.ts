import { setField } from '../../api/codec/json-text.ts';
import { badRequest, forbidden } from '../../api/status.ts';
import { denialText, type AccessRequest } from '../authz/authorizer.ts';
import type { UserInfo } from '../options.ts';

type Headers = Record<string, string | string[] | undefined>;
type Allows = (request: AccessRequest) => boolean;

const listOf = (value: string | string[] | undefined): string[] => (value === undefined ? [] : Array.isArray(value) ? value : value.split(/,\s*/));
const oneOf = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? '';

/** The user a request wants to be taken for, once the real one may do that; undefined when it does not ask (filters/impersonation.go). */
export function impersonated(headers: Headers, real: UserInfo, allows: Allows): UserInfo | undefined {
  const name = oneOf(headers['impersonate-user']);
  const groups = listOf(headers['impersonate-group']);
  const uid = oneOf(headers['impersonate-uid']);
  const extra = extraOf(headers);
  const hasExtra = Object.keys(extra).length > 0;
  if (!name) {
    if (groups.length || uid || hasExtra) {
      const list = groups.map((group) => JSON.stringify(group)).join(', ');
      throw badRequest(`requested &user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:[]string{${list}}, Extra:map[string][]string(nil)} without impersonating a user name`);
    }
    return undefined;
  }
  const ask = (request: Omit<AccessRequest, 'user' | 'verb'>): void => {
    const full = { ...request, verb: 'impersonate', user: real };
    if (!allows(full)) throw forbidden({ group: request.group ?? '', resource: request.resource ?? '' }, request.name ?? '', denialText(full));
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (account) ask({ group: '', resource: 'serviceaccounts', namespace: account[1], name: account[2] });
  else ask({ group: '', resource: 'users', name });
  for (const group of groups) ask({ group: '', resource: 'groups', name: group });
  if (uid) ask({ group: 'authentication.k8s.io', resource: 'uids', name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) ask({ group: 'authentication.k8s.io', resource: 'userextras', subresource: key, name: value });
  }
  const all = [...groups];
  if (account && groups.length === 0) all.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  const anonymous = name === 'system:anonymous';
  const standing = anonymous ? 'system:unauthenticated' : 'system:authenticated';
  if (!all.includes('system:authenticated') && !all.includes('system:unauthenticated')) all.push(standing);
  return { name, groups: all, ...(uid ? { uid } : {}), ...(hasExtra ? { extra } : {}) };
}

function extraOf(headers: Headers): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [key, value] of Object.entries(headers)) {
    if (!key.startsWith('impersonate-extra-') || value === undefined) continue;
    setField(extra, extraKey(key.slice('impersonate-extra-'.length)), Array.isArray(value) ? value : [value]);
  }
  return extra;
}

/** Keys of extra values are escaped as parts of a path; what is no such text counts as it stands. */
export function extraKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
