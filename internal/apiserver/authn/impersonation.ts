import { badRequest, forbidden } from '../../api/status.ts';
import { denialText, type AccessRequest, type Authorize } from '../authz/authorizer.ts';
import type { UserInfo } from './user.ts';

type Headers = Record<string, string | string[] | undefined>;

const listOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : value.split(/,\s*/);
const oneOf = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value[0] : value) ?? '';

/**
 * The user a request wants to be taken for, once the real one may do that; undefined when it does
 * not ask (filters/impersonation.go).
 */
export async function impersonated(
  headers: Headers,
  real: UserInfo,
  authorize: Authorize,
): Promise<UserInfo | undefined> {
  const name = oneOf(headers['impersonate-user']);
  const groups = listOf(headers['impersonate-group']);
  const uid = oneOf(headers['impersonate-uid']);
  const extra = extraOf(headers);
  const hasExtra = Object.keys(extra).length > 0;
  if (!name) {
    if (groups.length || uid || hasExtra) {
      const list = (values: readonly string[]): string =>
        `[]string{${values.map((one) => JSON.stringify(one)).join(', ')}}`;
      const named = groups.length ? list(groups) : '[]string(nil)';
      const more = hasExtra
        ? `map[string][]string{${Object.entries(extra)
            .map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`)
            .join(', ')}}`
        : 'map[string][]string(nil)';
      throw badRequest(
        `requested &user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${named}, ` +
          `Extra:${more}} without impersonating a user name`,
      );
    }
    return undefined;
  }
  const ask = async (request: Omit<AccessRequest, 'user' | 'verb'>): Promise<void> => {
    const full = { version: 'v1', ...request, verb: 'impersonate', user: real };
    const { allowed, reason, error } = await authorize(full);
    if (!allowed)
      throw forbidden(
        { group: request.group ?? '', resource: request.resource ?? '' },
        request.name ?? '',
        denialText(full, [error, reason].filter(Boolean).join(': ')),
      );
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (account)
    await ask({ group: '', resource: 'serviceaccounts', namespace: account[1], name: account[2] });
  else await ask({ group: '', resource: 'users', name });
  for (const group of groups) await ask({ group: '', resource: 'groups', name: group });
  if (uid) await ask({ group: 'authentication.k8s.io', resource: 'uids', name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values)
      await ask({
        group: 'authentication.k8s.io',
        resource: 'userextras',
        subresource: key,
        name: value,
      });
  }
  const all = [...groups];
  if (account && groups.length === 0)
    all.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  const anonymous = name === 'system:anonymous';
  const standing = anonymous ? 'system:unauthenticated' : 'system:authenticated';
  if (!all.includes('system:authenticated') && !all.includes('system:unauthenticated'))
    all.push(standing);
  return { name, groups: all, ...(uid ? { uid } : {}), ...(hasExtra ? { extra } : {}) };
}

/** Whether a request impersonates at all. */
export function asksForOther(headers: Headers): boolean {
  return Object.keys(headers).some(
    (key) =>
      key === 'impersonate-user' ||
      key === 'impersonate-group' ||
      key === 'impersonate-uid' ||
      key.startsWith(extraPrefix),
  );
}

const extraPrefix = 'impersonate-extra-';

function extraOf(headers: Headers): Record<string, string[]> {
  return extraHeaders(headers, extraPrefix);
}

/** What headers with a prefix say of a user, by key. */
export function extraHeaders(headers: Headers, prefix: string): Record<string, string[]> {
  const found = Object.entries(headers).filter(
    ([key, value]) => key.startsWith(prefix) && value !== undefined,
  );
  return Object.fromEntries(
    found.map(([key, value]) => [
      unescaped(key.slice(prefix.length)),
      Array.isArray(value) ? value : [value ?? ''],
    ]),
  );
}

/** A key with a bad escape is used unchanged. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
