import type { Server } from '../server.ts';
import { anonymous } from '../authn/authenticator.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Query, RequestInfo } from './request-info.ts';

/**
 * Parts of a query that say what was asked; others may hold what nobody should read in a log:
 * commands of exec, tokens in proxied paths.
 */
const told = new Set([
  'watch',
  'resourceVersion',
  'resourceVersionMatch',
  'labelSelector',
  'fieldSelector',
  'limit',
  'timeoutSeconds',
  'timeout',
  'allowWatchBookmarks',
  'sendInitialEvents',
  'dryRun',
  'fieldManager',
  'force',
  'fieldValidation',
  'propagationPolicy',
  'container',
  'follow',
  'tailLines',
  'pretty',
]);

interface Asked {
  info: RequestInfo;
  user: UserInfo;
}

/**
 * One line of a request, with --debug: who asked what, what became of it and how long it took;
 * never a header, a body or a secret.
 */
export function logRequest(
  server: Server,
  { info, user }: Asked,
  status: number,
  ms: number,
): void {
  server.core.log.debug('request', {
    method: info.method,
    path: pathOf(info),
    user: user === anonymous ? 'system:anonymous' : user.name,
    status,
    ms: Math.round(ms * 10) / 10,
  });
}

function pathOf({ path, query, prefix, subresource }: RequestInfo): string {
  const proxied = prefix === 'proxy' || subresource === 'proxy';
  const shown = proxied ? path.replace(/\/proxy(\/.*)?$/, '/proxy') : path;
  return proxied ? shown : `${shown}${queryOf(query)}`;
}

function queryOf(query: Query): string {
  const parts: string[] = [];
  for (const [key, values] of query)
    if (told.has(key)) for (const value of values) parts.push(`${key}=${value}`);
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}
