import { BackendTlsPolicies, type BackendTlsView, type FoundPolicy } from './backend-tls.ts';
import { isTrue, no, yes, type Said } from './conditions.ts';
import { covers, intersection, isHostname } from './hostnames.ts';
import {
  allowsNamespace,
  gatewayKey,
  listenersOf,
  passesThrough,
  type FoundListener,
  type ListenerView,
  type Transport,
} from './listeners.ts';
import { compareMatches, type Match } from './matches.ts';
import {
  rulesOf,
  streamBackends,
  type Action,
  type FoundRules,
  type Route,
  type RuleView,
  type StreamBackend,
} from './rules.ts';
import {
  gatewayController,
  gatewayGroup,
  type Gateway,
  type GatewayClass,
  type GatewayObjects,
  type ParentReference,
} from './types.ts';

export interface GatewayView
  extends
    GatewayObjects,
    BackendTlsView,
    Omit<ListenerView, 'grants'>,
    Omit<RuleView, 'grants' | 'backendTls'> {
  labelsOf(namespace: string): Record<string, string> | undefined;
}

/** A match, where requests come to it, and what is done then. */
export interface Entry {
  port: number;
  /** '' for any, `*.` for one label or more. */
  host: string;
  /** Hosts that another listener has. */
  except: string[];
  match: Match;
  action: Action;
}

/** What is done with a connection that asks for a name, before any request is read. */
export interface Stream {
  port: number;
  /** '' for any, `*.` for one label or more. */
  host: string;
  /** It is passed on as it comes; its TLS is ended here; or requests are in it, as in any other. */
  mode: 'pass' | 'end' | 'requests';
  backends: StreamBackend[];
}

export interface PlannedRoute {
  route: Route;
  /** For each of its parents that are ours. */
  parents: { parentRef: ParentReference; conditions: Said[] }[];
}
export interface PlannedGateway {
  gateway: Gateway;
  accepted: Said;
  /** `attachedRoutes` counts routes, not rules. */
  listeners: (FoundListener & { attachedRoutes: number })[];
}

/** All that follows from the objects: what is served, and what is said of them. */
export interface GatewayPlan {
  classes: { gatewayClass: GatewayClass; accepted: Said }[];
  gateways: PlannedGateway[];
  routes: PlannedRoute[];
  policies: FoundPolicy[];
  /** For each port and host in the order in which they are tried. */
  entries: Entry[];
  /** One for a name of a port. */
  streams: Stream[];
  ports: Map<number, Transport>;
  certificates: { port: number; namespace: string; secret: string; hosts: string[] }[];
}

const ageOf = ({ metadata }: Gateway | Route['route']): string =>
  `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;
const byAge = <T extends Gateway | Route['route']>(all: Iterable<T>): T[] =>
  [...all].sort((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1));

const classAccepted = ({ spec }: GatewayClass): Said =>
  spec.parametersRef
    ? no('Accepted', 'InvalidParameters', 'parameters are not read')
    : yes('Accepted');

/** The Gateways that are ours to serve, the oldest first. */
export function ourGateways({ classes, gateways }: Pick<GatewayObjects, 'classes' | 'gateways'>) {
  const ours = new Set(
    [...classes]
      .filter((one) => one.spec.controllerName === gatewayController)
      .filter((one) => classAccepted(one).status === 'True')
      .map((one) => one.metadata.name),
  );
  return byAge(gateways).filter(({ spec }) => ours.has(spec.gatewayClassName));
}

export function planGateways(view: GatewayView): GatewayPlan {
  const grants = [...view.grants];
  const ours = ourGateways(view);
  const policies = new BackendTlsPolicies(view);
  const listeners = listenersOf(ours, { ...view, grants });
  const attached = new Map<FoundListener, Set<Route>>();
  const plan: GatewayPlan = {
    classes: [...view.classes]
      .filter(({ spec }) => spec.controllerName === gatewayController)
      .map((gatewayClass) => ({ gatewayClass, accepted: classAccepted(gatewayClass) })),
    gateways: [],
    routes: [],
    policies: policies.found,
    entries: [],
    streams: [],
    ports: new Map(),
    certificates: [],
  };
  const all: Route[] = [
    ...byAge(view.httpRoutes).map((route): Route => ({ kind: 'HTTPRoute', route })),
    ...byAge(view.grpcRoutes).map((route): Route => ({ kind: 'GRPCRoute', route })),
    ...byAge(view.tlsRoutes).map((route): Route => ({ kind: 'TLSRoute', route })),
    ...byAge(view.tcpRoutes).map((route): Route => ({ kind: 'TCPRoute', route })),
  ];
  const streams = new StreamTable();
  for (const route of all) {
    const found = foundRules(route, {
      grants,
      service: view.service,
      backendTls: (...of) => policies.of(...of),
    });
    const parents: PlannedRoute['parents'] = [];
    for (const parentRef of route.route.spec.parentRefs ?? []) {
      const gateway = parentOf(route, parentRef, ours);
      if (!gateway) continue;
      const candidates = listeners.filter((one) => one.gateway === gateway);
      const { accepted, bound } = attach(route, parentRef, candidates, view);
      const conditions = conditionsOf(accepted, found);
      if (isTrue(conditions, 'Accepted')) {
        for (const [namespace, name] of servicesOf(route))
          policies.reached(gateway, namespace, name);
        for (const { listener, hosts } of bound) {
          attached.set(listener, (attached.get(listener) ?? new Set()).add(route));
          if (!listener.serves) continue;
          if ('backends' in found) streams.add(listener, hosts, found.backends, candidates);
          else plan.entries.push(...entriesOf(listener, hosts, found, candidates));
        }
      }
      parents.push({ parentRef, conditions });
    }
    plan.routes.push({ route, parents });
  }
  plan.streams = streams.all();
  // All are in the order of their age: what is equal stays so.
  plan.entries.sort((a, b) => compareMatches(a.match, b.match));
  for (const gateway of ours) {
    const own = listeners.filter((one) => one.gateway === gateway);
    plan.gateways.push({
      gateway,
      accepted: acceptance(gateway, own),
      listeners: own.map((one) => ({ ...one, attachedRoutes: attached.get(one)?.size ?? 0 })),
    });
  }
  for (const { serves, transport, listener, secrets, hostname } of listeners) {
    if (!serves || !transport) continue;
    plan.ports.set(listener.port, transport);
    for (const { namespace, name } of secrets)
      plan.certificates.push({
        port: listener.port,
        namespace,
        secret: name,
        hosts: hostname === '' ? [] : [hostname],
      });
  }
  return plan;
}

type Found = FoundRules | (Pick<FoundRules, 'unresolved'> & { backends: StreamBackend[] });
const foundRules = (route: Route, view: RuleView): Found =>
  route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute'
    ? rulesOf(route, view)
    : streamBackends(route, view);

/** The Services that policies may be about: whether they are had does not matter. */
const servicesOf = ({ kind, route }: Route): [string, string][] =>
  kind === 'HTTPRoute' || kind === 'GRPCRoute'
    ? (route.spec.rules ?? [])
        .flatMap((rule) => rule.backendRefs ?? [])
        .map(({ namespace, name }) => [namespace ?? route.metadata.namespace ?? '', name])
    : [];

function parentOf(
  { route }: Route,
  { group = gatewayGroup, kind = 'Gateway', namespace, name }: ParentReference,
  ours: readonly Gateway[],
): Gateway | undefined {
  if (group !== gatewayGroup || kind !== 'Gateway') return undefined;
  const key = `${namespace ?? route.metadata.namespace}/${name}`;
  return ours.find((one) => gatewayKey(one) === key);
}

interface Bound {
  listener: FoundListener;
  hosts: string[];
}

function attach(
  { kind, route }: Route,
  { sectionName, port }: ParentReference,
  candidates: readonly FoundListener[],
  view: GatewayView,
): { accepted: Said; bound: Bound[] } {
  const refused = (reason: string, why: string) => ({
    accepted: no('Accepted', reason, why),
    bound: [],
  });
  const named = candidates.filter(
    ({ listener }) =>
      (sectionName === undefined || listener.name === sectionName) &&
      (port === undefined || listener.port === port),
  );
  if (named.length === 0) return refused('NoMatchingParent', 'the Gateway has no such listener');
  const allowed = named.filter(
    (one) =>
      one.kinds.some((known) => known.kind === kind) &&
      allowsNamespace(one, route.metadata.namespace ?? '', (name) => view.labelsOf(name)),
  );
  if (allowed.length === 0)
    return refused('NotAllowedByListeners', 'no listener takes such routes of this namespace');
  const bound = allowed.flatMap((listener): Bound[] => {
    const names = route.spec.hostnames ?? [];
    const wanted = names.length > 0 ? names : [''];
    const hosts = wanted
      .map((host) => host.toLowerCase())
      .filter((host) => host === '' || isHostname(host))
      .map((host) => intersection(listener.hostname, host))
      .filter((host) => host !== undefined);
    return hosts.length > 0 ? [{ listener, hosts: [...new Set(hosts)] }] : [];
  });
  if (bound.length === 0)
    return refused('NoMatchingListenerHostname', 'no listener has one of its hostnames');
  return { accepted: yes('Accepted'), bound };
}

function conditionsOf(accepted: Said, found: Found): Said[] {
  const resolved = found.unresolved ?? yes('ResolvedRefs');
  if ('backends' in found) return [accepted, resolved];
  const { rules, unsupported } = found;
  const why = unsupported.join('; ').slice(0, 1000);
  if (why === '') return [accepted, resolved];
  if (accepted.status === 'True' && rules.length === 0)
    return [no('Accepted', 'UnsupportedValue', why), resolved];
  const partly = yes('PartiallyInvalid', 'UnsupportedValue', `Dropped Rule: ${why}`);
  return [accepted, resolved, partly];
}

/** The hosts that listeners of the same Gateway name more closely: they are theirs. */
const closerHosts = (
  { listener, hostname }: FoundListener,
  siblings: readonly FoundListener[],
): string[] =>
  siblings
    .filter((one) => one.serves && one.listener.port === listener.port)
    .map((one) => one.hostname)
    .filter((name) => name !== hostname && covers(hostname, name));

/** The oldest route has a name; a name that no route has leads where any other connection does. */
class StreamTable {
  readonly #taken = new Map<string, Stream>();
  readonly #others = new Map<string, Stream>();

  add(
    of: FoundListener,
    hosts: readonly string[],
    backends: StreamBackend[],
    siblings: readonly FoundListener[],
  ): void {
    const { port } = of.listener;
    const mode = of.transport === 'tcp' || passesThrough(of.listener) ? 'pass' : 'end';
    const closer = closerHosts(of, siblings);
    for (const host of hosts) {
      if (closer.some((name) => covers(name, host))) continue;
      const key = `${port}/${host}`;
      if (!this.#taken.has(key)) this.#taken.set(key, { port, host, mode, backends });
      for (const name of closer.filter((one) => covers(host, one)))
        this.#others.set(`${port}/${name}`, { port, host: name, mode: 'requests', backends: [] });
    }
  }

  all(): Stream[] {
    return [...new Map([...this.#others, ...this.#taken]).values()];
  }
}

function entriesOf(
  one: FoundListener,
  hosts: readonly string[],
  { rules }: FoundRules,
  siblings: readonly FoundListener[],
): Entry[] {
  const { listener } = one;
  const closer = closerHosts(one, siblings);
  return hosts.flatMap((host) => {
    if (closer.some((name) => covers(name, host))) return [];
    const except = closer.filter((name) => covers(host, name));
    return rules.map((rule) => ({ port: listener.port, host, except, ...rule }));
  });
}

function acceptance({ spec }: Gateway, listeners: readonly FoundListener[]): Said {
  const { addresses = [], infrastructure } = spec;
  const odd = addresses.find(({ type = 'IPAddress' }) => type !== 'IPAddress');
  if (odd)
    return no('Accepted', 'UnsupportedAddress', `addresses of type ${odd.type} are not supported`);
  if (infrastructure?.parametersRef)
    return no('Accepted', 'InvalidParameters', 'parameters are not read');
  const bad = listeners.filter(({ conditions }) => !isTrue(conditions, 'Accepted'));
  const why = `not accepted: ${bad.map(({ listener }) => listener.name).join(', ')}`;
  if (bad.length === 0) return yes('Accepted');
  return bad.length === listeners.length
    ? no('Accepted', 'ListenersNotValid', why)
    : yes('Accepted', 'ListenersNotValid', why);
}
