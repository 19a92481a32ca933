import { isHostname } from './hostnames.ts';
import type { HeaderFilter, PathModifier, RouteFilter } from './types.ts';

/** A path that takes the place of the whole path, or of the elements that were matched. */
export interface NewPath {
  text: string;
  /** How many elements it stands for; undefined: all. */
  elements: number | undefined;
}
interface Headers {
  set: [name: string, value: string][];
  add: [name: string, value: string][];
  remove: string[];
}
export interface Redirect {
  code: number;
  scheme: 'http' | 'https' | undefined;
  host: string | undefined;
  port: number | undefined;
  path: NewPath | undefined;
}
/** What is done to a request and its answer on the way. */
export interface Changes {
  request: Headers;
  answer: Headers;
  host: string | undefined;
  path: NewPath | undefined;
  redirect: Redirect | undefined;
}

const noHeaders = (): Headers => ({ set: [], add: [], remove: [] });

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const value = /^[\t\x20-\x7e\u{80}-\u{10ffff}]*$/u;
const path = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]{0,1023}$/;
/** These say where a message ends or who it is for: changed they would split one into two. */
const framing = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export const isHeaderName = (name: string): boolean => token.test(name);
export const isHeaderValue = (text: string): boolean => value.test(text);

/**
 * Filters as what is to be done; `elements` of the path are what their rule matched, undefined
 * where it matched no prefix. What cannot be done is said by `cannot`.
 */
export function changesOf(
  filters: readonly RouteFilter[],
  elements: number | undefined,
  cannot: (why: string) => void,
): Changes {
  const changes: Changes = {
    request: noHeaders(),
    answer: noHeaders(),
    host: undefined,
    path: undefined,
    redirect: undefined,
  };
  const newPath = (modifier: PathModifier | undefined): NewPath | undefined => {
    if (!modifier) return undefined;
    const isPrefix = modifier.type === 'ReplacePrefixMatch';
    const text = (isPrefix ? modifier.replacePrefixMatch : modifier.replaceFullPath) ?? '';
    if (isPrefix && elements === undefined) return void cannot('no prefix is matched to replace');
    if (!path.test(text === '' ? '/' : text)) return void cannot('a new path is not one');
    return { text: text === '' ? '/' : text, elements: isPrefix ? elements : undefined };
  };
  const newHost = (host: string | undefined): string | undefined => {
    if (host === undefined || (isHostname(host) && !host.startsWith('*'))) return host;
    return void cannot('a new hostname is not one');
  };
  for (const filter of filters)
    switch (filter.type) {
      case 'RequestHeaderModifier':
        addHeaders(changes.request, filter.requestHeaderModifier, cannot);
        break;
      case 'ResponseHeaderModifier':
        addHeaders(changes.answer, filter.responseHeaderModifier, cannot);
        break;
      case 'URLRewrite':
        changes.host = newHost(filter.urlRewrite?.hostname);
        changes.path = newPath(filter.urlRewrite?.path);
        break;
      case 'RequestRedirect': {
        const { scheme, hostname, port, statusCode = 302, path: to } = filter.requestRedirect ?? {};
        if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
          cannot('a redirect has a scheme that there is not');
        else
          changes.redirect = {
            code: statusCode,
            scheme,
            host: newHost(hostname),
            port,
            path: newPath(to),
          };
        break;
      }
      default:
        cannot(`filter ${filter.type} is not carried out`);
    }
  return changes;
}

function addHeaders(
  to: Headers,
  { set = [], add = [], remove = [] }: HeaderFilter = {},
  cannot: (why: string) => void,
): void {
  const isGood = (name: string, text: string): boolean => {
    const why = framing.has(name.toLowerCase())
      ? `header ${name} is not to be changed`
      : !isHeaderName(name) || !isHeaderValue(text)
        ? 'a header has characters that are not allowed'
        : undefined;
    if (why !== undefined) cannot(why);
    return why === undefined;
  };
  for (const one of set) if (isGood(one.name, one.value)) to.set.push([one.name, one.value]);
  for (const one of add) if (isGood(one.name, one.value)) to.add.push([one.name, one.value]);
  for (const name of remove) if (isGood(name, '')) to.remove.push(name);
}
