import { parseFieldSelector, type FieldTerm } from '../../api/field-selectors.ts';

/**
 * What a request asks for, read from method and path alone (apiserver
 * endpoints/request/requestinfo.go).
 */
export interface RequestInfo {
  method: string;
  path: string;
  query: Query;
  isResource: boolean;
  /**
   * get, list, watch, create, update, patch, delete, deletecollection; `shell` for a terminal on a
   * node; the lower-case method for other paths.
   */
  verb: string;
  group: string;
  version: string;
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  /** The resource and what follows it. */
  parts: string[];
  /**
   * The old prefix of the path: `/api/v1/watch/...` counts as `watch` whatever the method,
   * `/api/v1/proxy/...` as `proxy`.
   */
  prefix: '' | 'watch' | 'proxy';
  /** The path leads into a namespace: `/api/v1/namespaces/a/...`. */
  scoped: boolean;
}

export type Query = ReadonlyMap<string, readonly string[]>;

const emptyQuery: Query = new Map();

const decode = (text: string): string => {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
};

export function parseQuery(text: string): Query {
  if (text === '') return emptyQuery;
  const query = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const eq = pair.indexOf('=');
    const key = decode(eq < 0 ? pair : pair.slice(0, eq));
    const value = eq < 0 ? '' : decode(pair.slice(eq + 1));
    const values = query.get(key);
    if (values) values.push(value);
    else query.set(key, [value]);
  }
  return query;
}

export function first(query: Query, key: string): string | undefined {
  return query.get(key)?.[0];
}

/** Go's strconv.ParseBool as Kubernetes' query conversion reads it: present and not false. */
export function flag(query: Query, key: string): boolean {
  const value = first(query, key)?.toLowerCase();
  return value !== undefined && value !== 'false' && value !== '0';
}

const methodVerbs = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

const namespaceSubresources = new Set(['status', 'finalize']);

export function readRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = parseQuery(mark < 0 ? '' : url.slice(mark + 1));
  const info: RequestInfo = {
    method,
    path,
    query,
    isResource: false,
    verb: method.toLowerCase(),
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
    prefix: '',
    scoped: false,
  };
  // Decoded first and split then: an encoded slash is a slash to whoever authorizes and to whoever
  // serves.
  const segments = decodePath(path).replace(/^\//, '').split('/');
  if (segments.at(-1) === '') segments.pop();
  const core = segments[0] === 'api';
  if (!core && segments[0] !== 'apis') return info;
  const at = core ? 2 : 3;
  if (segments.length <= at) return info;
  info.isResource = true;
  info.group = core ? '' : (segments[1] ?? '');
  info.version = segments[at - 1] ?? '';
  info.verb = methodVerbs.get(method) ?? '';
  let rest = segments.slice(at);
  const [head] = rest;
  if ((head === 'watch' || head === 'proxy') && rest.length > 1) {
    rest = rest.slice(1);
    info.prefix = info.verb = head;
  }
  return place(info, rest);
}

function place(info: RequestInfo, segments: string[]): RequestInfo {
  let rest = segments;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    info.namespace = rest[1] ?? '';
    info.scoped = rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '');
    if (info.scoped) rest = rest.slice(2);
  }
  info.resource = rest[0] ?? '';
  info.name = rest[1] ?? '';
  info.subresource = info.prefix === 'proxy' ? '' : (rest[2] ?? '');
  info.parts = rest;
  if (info.name === '' && info.verb === 'get') {
    info.verb = flag(info.query, 'watch') ? 'watch' : 'list';
    info.name = selectedName(first(info.query, 'fieldSelector') ?? '');
  }
  // The right to do everything to nodes by the usual verbs must not make anybody root on them.
  const { group, version, resource, subresource, prefix } = info;
  if (`${group}/${version}/${resource}/${subresource}/${prefix}` === '/v1/nodes/shell/')
    info.verb = 'shell';
  // A collection that is deleted has no name, whatever its selector says: a right to some names is
  // no right to it.
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection';
  return info;
}

/**
 * The terms of a selector; none when it cannot be read: then the request fails later, and gains
 * nothing here.
 */
export function fieldTerms(fieldSelector: string): readonly FieldTerm[] {
  if (fieldSelector === '') return [];
  try {
    return parseFieldSelector(fieldSelector).terms;
  } catch {
    return [];
  }
}

/** `fieldSelector=metadata.name=x` counts as a name for authorization. */
export function selectedName(fieldSelector: string): string {
  const name =
    fieldTerms(fieldSelector).find(
      (term) => term.field === 'metadata.name' && term.operator === '=',
    )?.value ?? '';
  return /^(?!\.\.?$)[^/%]*$/.test(name) ? name : '';
}

function decodePath(path: string): string {
  return path.includes('%') && isDecodable(path) ? decodeURIComponent(path) : path;
}

/** Whether all escapes of a path are such: another path is not a request at all. */
export function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    return decodeURIComponent(path) !== '';
  } catch {
    return false;
  }
}
