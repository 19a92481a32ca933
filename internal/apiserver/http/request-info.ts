import { table } from '../../base/own.ts';
/** What a request asks for, read from method and path alone (apiserver endpoints/request/requestinfo.go). */
export interface RequestInfo {
  method: string;
  path: string;
  query: Query;
  isResource: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; the lower-case method for other paths. */
  verb: string;
  group: string;
  version: string;
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  /** Path segments after resource, for proxies. */
  parts: string[];
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
  const value = first(query, key);
  return value !== undefined && value !== 'false' && value !== '0';
}

const methodVerbs: Record<string, string> = table({ POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' });

const namespaceSubresources = new Set(['status', 'finalize']);

export function readRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = parseQuery(mark < 0 ? '' : url.slice(mark + 1));
  const info: RequestInfo = {
    method, path, query, isResource: false, verb: method.toLowerCase(),
    group: '', version: '', namespace: '', resource: '', subresource: '', name: '', parts: [],
  };
  const segments = path.split('/');
  segments.shift();
  if (segments.at(-1) === '') segments.pop();
  const core = segments[0] === 'api';
  if (!core && segments[0] !== 'apis') return info;
  const at = core ? 2 : 3;
  if (segments.length <= at) return info;
  info.isResource = true;
  info.group = core ? '' : (segments[1] ?? '');
  info.version = segments[at - 1] ?? '';
  info.verb = methodVerbs[method] ?? '';
  let rest = segments.slice(at).map(decodeSegment);
  if (rest[0] === 'watch' && rest.length > 1) {
    rest = rest.slice(1);
    info.verb = 'watch';
  } else if (rest[0] === 'proxy' && rest.length > 1) {
    rest = rest.slice(1);
    info.verb = 'proxy';
  }
  return place(info, rest);
}

function place(info: RequestInfo, segments: string[]): RequestInfo {
  let rest = segments;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    info.namespace = rest[1] ?? '';
    if (rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '')) rest = rest.slice(2);
  }
  info.resource = rest[0] ?? '';
  info.name = rest[1] ?? '';
  info.subresource = rest[2] ?? '';
  info.parts = rest;
  if (info.name === '' && info.verb === 'get') {
    info.verb = flag(info.query, 'watch') ? 'watch' : 'list';
    nameFromSelector(info);
  } else if (info.name === '' && info.verb === 'delete') {
    info.verb = 'deletecollection';
    nameFromSelector(info);
  } else if (info.verb === 'watch') nameFromSelector(info);
  else if (info.verb === 'get' && info.subresource === '' && flag(info.query, 'watch')) info.verb = 'watch';
  return info;
}

function nameFromSelector(info: RequestInfo): void {
  if (!info.name) info.name = selectedName(first(info.query, 'fieldSelector') ?? '');
}

/** `fieldSelector=metadata.name=x` counts as a name for authorization. */
export function selectedName(fieldSelector: string): string {
  for (const term of fieldSelector.split(',')) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term);
    if (match?.[1] && /^[^/%]+$/.test(match[1])) return match[1];
  }
  return '';
}

function decodeSegment(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
