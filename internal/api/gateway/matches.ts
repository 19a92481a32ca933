import { decodedPath } from '../ingress/routes.ts';
import { isHeaderName, isHeaderValue } from './filters.ts';
import type { GrpcMatch, HttpMatch, ValueMatch } from './types.ts';

/** What a request has to be. */
export interface Match {
  /** `suffix`: two elements, of which this is the second. */
  path: { type: 'exact' | 'prefix' | 'suffix'; text: string };
  method: string | undefined;
  headers: [name: string, value: string][];
  query: [name: string, value: string][];
}

type Cannot = (why: string) => void;

const methods = /^[A-Z]{1,16}$/;

export function httpMatch(match: HttpMatch, cannot: Cannot): Match {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const text = decodedPath(value);
  if (type !== 'Exact' && type !== 'PathPrefix') cannot(`path type ${type} is not matched`);
  if (text === undefined) cannot('the path is not one of a URL');
  if (match.method !== undefined && !methods.test(match.method))
    cannot('the method is not an HTTP method');
  return {
    path: { type: type === 'Exact' ? 'exact' : 'prefix', text: text ?? '/' },
    method: match.method,
    headers: valuesOf('header', match.headers, cannot).map(([name, to]) => [
      name.toLowerCase(),
      to,
    ]),
    query: valuesOf('query parameter', match.queryParams, cannot),
  };
}

const serviceName = /^[A-Za-z0-9_.-]{1,1024}$/;

/** A call of gRPC is a POST to `/SERVICE/METHOD`. */
export function grpcMatch(match: GrpcMatch, cannot: Cannot): Match {
  const { type = 'Exact', service, method } = match.method ?? {};
  if (type !== 'Exact') cannot(`method type ${type} is not matched`);
  for (const name of [service, method])
    if (name !== undefined && !serviceName.test(name)) cannot('a method is not one');
  const path = service
    ? method
      ? ({ type: 'exact', text: `/${service}/${method}` } as const)
      : ({ type: 'prefix', text: `/${service}` } as const)
    : method
      ? ({ type: 'suffix', text: `/${method}` } as const)
      : ({ type: 'prefix', text: '/' } as const);
  const headers = valuesOf('header', match.headers, cannot).map(([name, to]): [string, string] => [
    name.toLowerCase(),
    to,
  ]);
  return { path, method: undefined, headers, query: [] };
}

/** The first of a name counts. */
function valuesOf(
  what: string,
  matches: readonly ValueMatch[] | undefined,
  cannot: Cannot,
): [string, string][] {
  const found = new Map<string, [string, string]>();
  for (const { type = 'Exact', name, value } of matches ?? []) {
    if (type !== 'Exact') cannot(`${what} type ${type} is not matched`);
    if (!isHeaderName(name) || !isHeaderValue(value))
      cannot(`a ${what} has characters that are not allowed`);
    const key = what === 'header' ? name.toLowerCase() : name;
    if (!found.has(key)) found.set(key, [name, value]);
  }
  return [...found.values()];
}

/** Of two matches that a request fits the one that says more comes first (negative: `a`). */
export function compareMatches(a: Match, b: Match): number {
  const weights = (match: Match): number[] => [
    match.path.type === 'exact' ? 2 : match.path.type === 'suffix' ? 0.5 : length(match) && 1,
    length(match),
    match.method === undefined ? 0 : 1,
    match.headers.length,
    match.query.length,
  ];
  const [left, right] = [weights(a), weights(b)];
  for (const [i, weight] of left.entries())
    if (weight !== right[i]) return (right[i] ?? 0) - weight;
  return 0;
}
const length = ({ path }: Match): number => path.text.replace(/\/+$/, '').length;
