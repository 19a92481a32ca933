import type { Ip, Port } from '../../base/addresses.ts';
import type { Service } from '../generated/types/core-v1.ts';
import { elementsOf } from '../ingress/routes.ts';
import { portTarget, type Target } from '../ingress/targets.ts';
import type { BackendTls, BackendTlsChoice } from './backend-tls.ts';
import { no, type Said } from './conditions.ts';
import { changesOf, type Changes } from './filters.ts';
import { mayRefer } from './grants.ts';
import { grpcMatch, httpMatch, type Match } from './matches.ts';
import {
  gatewayGroup,
  type BackendRef,
  type GrpcRoute,
  type HttpRoute,
  type ReferenceGrant,
  type RouteFilter,
  type StreamRoute,
} from './types.ts';

export type RequestRoute =
  | { kind: 'HTTPRoute'; route: HttpRoute }
  | { kind: 'GRPCRoute'; route: GrpcRoute };
export type Route = RequestRoute | { kind: 'TLSRoute' | 'TCPRoute'; route: StreamRoute };

/** Who gets a share of connections. */
export type StreamBackend = Pick<Backend, 'weight' | 'target'>;

/** With TLS, and with a check of who answers, where a policy says so. */
export type GatewayTarget = Target & { tls?: BackendTls };

export interface Backend {
  weight: number;
  /** Undefined: what is named cannot be had, and its share of requests is refused. */
  target: GatewayTarget | undefined;
  changes: Changes;
}

/** Who gets a copy of requests, and of how many: `share` in 0..1. */
export interface Mirror {
  ip: Ip;
  port: Port;
  share: number;
}

/** What is done with a request that a match fits. */
export interface Action {
  changes: Changes;
  mirrors: Mirror[];
  timeoutMs: number | undefined;
  backends: Backend[];
}

export interface FoundRule {
  match: Match;
  action: Action;
}

export interface FoundRules {
  rules: FoundRule[];
  /** Why a reference of a backend does not lead anywhere: the first. */
  unresolved: Said | undefined;
  /** What is asked for and not done, in words. */
  unsupported: string[];
}

export interface RuleView {
  grants: readonly ReferenceGrant[];
  service(namespace: string, name: string): Service | undefined;
  backendTls(namespace: string, service: string, port: string | undefined): BackendTlsChoice;
}

/** A match and its action are sent as one line each. */
const longest = 8_000;
/** As HTTPRoute's own default; what one with no matches has. */
const anyMatch = [{}];

/** Where the connections of a route go. Its definition lets it have one rule. */
export function streamBackends(
  { kind, route }: Route,
  view: RuleView,
): { backends: StreamBackend[] } & Pick<FoundRules, 'unresolved'> {
  let unresolved: Said | undefined;
  const say = (said: Said): void => void (unresolved ??= said);
  const backends = (route.spec.rules?.[0]?.backendRefs ?? []).map((ref) => ({
    weight: ref.weight ?? 1,
    target: backendTarget({ kind, route } as Route, ref, view, say),
  }));
  return { backends, unresolved };
}

/** The rules of a route, each match for itself, in the order of the route. */
export function rulesOf({ kind, route }: RequestRoute, view: RuleView): FoundRules {
  const found: FoundRules = { rules: [], unresolved: undefined, unsupported: [] };
  const say = (said: Said): void => void (found.unresolved ??= said);
  for (const [i, rule] of (route.spec.rules ?? []).entries()) {
    const before = found.unsupported.length;
    const cannot = (why: string): void => void found.unsupported.push(`rule ${i}: ${why}`);
    const matches =
      kind === 'HTTPRoute'
        ? (route.spec.rules?.[i]?.matches ?? anyMatch).map((one) => httpMatch(one, cannot))
        : (route.spec.rules?.[i]?.matches ?? anyMatch).map((one) => grpcMatch(one, cannot));
    const { request, backendRequest } = rule.timeouts ?? {};
    const timeoutMs = shorter(durationMs(request), durationMs(backendRequest));
    const made: FoundRule[] = [];
    const filters = (rule.filters ?? []).filter(({ type }) => type !== 'RequestMirror');
    const mirrors = (rule.filters ?? []).flatMap(({ requestMirror }) =>
      requestMirror ? mirrorOf({ kind, route } as Route, requestMirror, view, { say, cannot }) : [],
    );
    for (const match of matches) {
      const elements = match.path.type === 'prefix' ? elementsOf(match.path.text) : undefined;
      const changes = changesOf(filters, elements, cannot);
      const backends = (rule.backendRefs ?? []).map((ref) => ({
        weight: ref.weight ?? 1,
        target: backendTarget({ kind, route } as Route, ref, view, say),
        changes: changesOf(ref.filters ?? [], elements, cannot),
      }));
      const action = { changes, mirrors, timeoutMs, backends };
      if (JSON.stringify(match).length > longest || JSON.stringify(action).length > longest)
        cannot('it is too long');
      made.push({ match, action });
    }
    if (found.unsupported.length === before) found.rules.push(...made);
  }
  return found;
}

/** A copy is sent by the script, which speaks HTTP/1.1 to one address. */
function mirrorOf(
  of: Route,
  mirror: NonNullable<RouteFilter['requestMirror']>,
  view: RuleView,
  { say, cannot }: { say: (said: Said) => void; cannot: (why: string) => void },
): Mirror[] {
  const { backendRef, percent, fraction } = mirror;
  const target = backendTarget(of, backendRef, view, say);
  if (!target) return [];
  if ('pool' in target || target.tls || target.protocol !== 'h1' || target.ip.includes(':')) {
    cannot(`requests are not mirrored to a Service like ${backendRef.name}`);
    return [];
  }
  const { numerator, denominator = 100 } = fraction ?? { numerator: percent ?? 100 };
  return [{ ip: target.ip, port: target.port, share: numerator / denominator }];
}

function backendTarget(
  { kind, route }: Route,
  ref: BackendRef,
  view: RuleView,
  say: (said: Said) => void,
): GatewayTarget | undefined {
  const { group = '', kind: named = 'Service', name, port: number } = ref;
  const from = { group: gatewayGroup, kind, namespace: route.metadata.namespace ?? '' };
  const namespace = ref.namespace ?? from.namespace;
  const bad = (reason: string, why: string): undefined => void say(no('ResolvedRefs', reason, why));
  if (group !== '' || named !== 'Service')
    return bad('InvalidKind', `${named} ${name} is not a Service`);
  if (!mayRefer(view.grants, from, { group, kind: named, namespace, name }))
    return bad('RefNotPermitted', `no ReferenceGrant lets Service ${namespace}/${name} be used`);
  const service = view.service(namespace, name);
  if (!service) return bad('BackendNotFound', `Service ${namespace}/${name} is not there`);
  const port = (service.spec.ports ?? []).find((one) => one.port === number);
  if (!port) return bad('BackendNotFound', `Service ${namespace}/${name} has no port ${number}`);
  const target = portTarget(service, port, { sticky: false });
  if (typeof target === 'string') return bad('UnsupportedProtocol', target);
  if (kind !== 'HTTPRoute' && kind !== 'GRPCRoute') return target;
  const tls = view.backendTls(namespace, name, port.name);
  if (tls === 'refused') return undefined;
  // gRPC is HTTP/2 whatever the port says.
  const isGrpc = kind === 'GRPCRoute' && (target.protocol === 'h1' || tls !== undefined);
  return { ...target, ...(isGrpc && { protocol: 'h2c' }), ...(tls && { tls }) };
}

const units = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]);
/** A duration of the Gateway API (GEP-2257); `0s` is none. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(\d{1,5}(h|ms|m|s)){1,4}$/.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(h|ms|m|s)/g))
    ms += Number(count) * (units.get(unit ?? '') ?? 0);
  return ms === 0 ? undefined : ms;
}
const shorter = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
