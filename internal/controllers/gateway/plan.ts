import { no, yes, isTrue, type Said } from '../../api/gateway/conditions.ts';
import {
  planGateways,
  type GatewayView,
  type PlannedGateway,
  type PlannedRoute,
} from '../../api/gateway/plan.ts';
import {
  gatewayController,
  gatewayGroup,
  gatewayRefs,
  type Gateway,
  type ListenerStatus,
  type ParentReference,
  type RouteParentStatus,
} from '../../api/gateway/types.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import type { Condition } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { timeOf } from '../../api/times.ts';
import type { Plan, Write, Written } from '../kit/write.ts';
import { servedAddresses } from '../node-addresses.ts';

export interface GatewayControllerView extends GatewayView {
  nodes: readonly Node[];
  nowMs: number;
}

/** What can be asked for beyond the core, in the words of the Gateway API. */
export const supportedFeatures = [
  'BackendTLSPolicy',
  'GRPCRoute',
  'GRPCRouteNamedRouteRule',
  'Gateway',
  'GatewayAddressEmpty',
  'GatewayHTTPListenerIsolation',
  'GatewayPort8080',
  'HTTPRoute',
  'HTTPRouteBackendProtocolH2C',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteDestinationPortMatching',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror',
  'HTTPRouteRequestMultipleMirrors',
  'HTTPRouteRequestPercentageMirror',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'ReferenceGrant',
  'TCPRoute',
  'TLSRoute',
  'TLSRouteModeMixed',
  'TLSRouteModeTerminate',
];

const mostAncestors = 16;
const routeRefs = {
  HTTPRoute: gatewayRefs.httpRoutes,
  GRPCRoute: gatewayRefs.grpcRoutes,
  TLSRoute: gatewayRefs.tlsRoutes,
  TCPRoute: gatewayRefs.tcpRoutes,
} as const;

/** What is said of all objects of the Gateway API that are ours. */
export function planGatewayStatus(view: GatewayControllerView): Plan {
  const plan = planGateways(view);
  const writes: Write[] = [];
  const put = (
    ref: ResourceRef,
    object: Written & { status?: object },
    status: Record<string, unknown>,
  ): void => {
    const now = (object.status ?? {}) as Record<string, unknown>;
    if (Object.entries(status).every(([key, value]) => jsonEqual(now[key], value))) return;
    const { resourceVersion } = object.metadata;
    // Others write statuses of routes, too.
    const body = { metadata: { resourceVersion }, status };
    const patch = { type: 'merge' as const, body };
    writes.push({ verb: 'patch', ref, object, patch, subresource: 'status', quiet: ['Conflict'] });
  };
  const stamped = (object: Written, said: readonly Said[], before: readonly Condition[] = []) =>
    stamp(said, before, { generation: object.metadata.generation, nowMs: view.nowMs });
  for (const { gatewayClass, accepted } of plan.classes)
    put(gatewayRefs.classes, gatewayClass, {
      conditions: stamped(gatewayClass, [accepted], gatewayClass.status?.conditions),
      supportedFeatures: supportedFeatures.map((name) => ({ name })),
    });
  const addresses = addressesOf(view.nodes);
  for (const one of plan.gateways) {
    const { gateway } = one;
    const { status } = gateway;
    put(gatewayRefs.gateways, gateway, {
      addresses: wantedAddresses(gateway, addresses).map((value) => ({ type: 'IPAddress', value })),
      conditions: stamped(gateway, [one.accepted, programmed(one, addresses)], status?.conditions),
      listeners: listenerStatuses(one, stamped),
    });
  }
  for (const { route, parents } of plan.routes) {
    const ref = routeRefs[route.kind];
    const before = route.route.status?.parents ?? [];
    if (parents.length === 0 && !before.some(isOurs)) continue;
    put(ref, route.route, { parents: parentStatuses(before, parents, route.route, stamped) });
  }
  for (const { policy, conditions, ancestors } of plan.policies) {
    const before = policy.status?.ancestors ?? [];
    const others = before.filter(({ controllerName }) => controllerName !== gatewayController);
    if (ancestors.length === 0 && before.length === others.length) continue;
    // There is room for so many.
    const own = ancestors.slice(0, mostAncestors - others.length).map((gateway) => {
      const { namespace = '', name = '' } = gateway.metadata;
      const ref = { group: gatewayGroup, kind: 'Gateway', namespace, name };
      const old = before.find(
        (one) =>
          one.controllerName === gatewayController &&
          one.ancestorRef.namespace === namespace &&
          one.ancestorRef.name === name,
      );
      const said = stamped(policy, conditions, old?.conditions);
      return { ancestorRef: ref, controllerName: gatewayController, conditions: said };
    });
    put(gatewayRefs.backendTlsPolicies, policy, { ancestors: [...others, ...own] });
  }
  return { steps: [{ pace: 'together', writes }] };
}

type Stamp = (object: Written, said: readonly Said[], before?: readonly Condition[]) => Condition[];

/** Conditions of others stay where they are. */
function stamp(
  said: readonly Said[],
  before: readonly Condition[],
  { generation, nowMs }: { generation: number | undefined; nowMs: number },
): Condition[] {
  const ours = said.map((one): Condition => {
    const old = before.find(({ type }) => type === one.type);
    const lastTransitionTime = old?.status === one.status ? old.lastTransitionTime : timeOf(nowMs);
    return { ...one, observedGeneration: generation ?? 0, lastTransitionTime };
  });
  const others = before.filter(({ type }) => !said.some((one) => one.type === type));
  return [...ours, ...others.filter(({ type }) => !ownTypes.has(type))];
}
const ownTypes = new Set(['PartiallyInvalid', 'ResolvedRefs']);

/** Nodes on which HAProxy does not run answer no requests. */
const addressesOf = (nodes: readonly Node[]): string[] =>
  servedAddresses(
    nodes.filter(
      ({ status }) =>
        !status?.conditions?.some((c) => c.type === 'IngressDown' && c.status === 'True'),
    ),
  );

/** Those that the Gateway asks for, or all. */
function wantedAddresses({ spec }: Gateway, addresses: readonly string[]): string[] {
  const asked = (spec.addresses ?? []).flatMap(({ value }) => value ?? []);
  return asked.length === 0 ? [...addresses] : addresses.filter((one) => asked.includes(one));
}

function programmed({ gateway, accepted, listeners }: PlannedGateway, addresses: string[]): Said {
  if (accepted.status === 'False') return no('Programmed', 'Invalid', 'it is not accepted');
  const asked = (gateway.spec.addresses ?? []).flatMap(({ value }) => value ?? []);
  const odd = asked.filter((one) => !addresses.includes(one));
  if (odd.length > 0)
    return no('Programmed', 'AddressNotUsable', `no node that serves has ${odd.join(', ')}`);
  if (addresses.length === 0)
    return no('Programmed', 'AddressNotAssigned', 'no node serves: see their conditions');
  if (!listeners.some(({ conditions }) => isTrue(conditions, 'Programmed')))
    return no('Programmed', 'Invalid', 'no listener can be served');
  return yes('Programmed');
}

const listenerStatuses = ({ gateway, listeners }: PlannedGateway, stamped: Stamp) =>
  listeners.map(({ listener, kinds, attachedRoutes, conditions }): ListenerStatus => {
    const before = gateway.status?.listeners?.find(({ name }) => name === listener.name);
    return {
      name: listener.name,
      supportedKinds: kinds,
      attachedRoutes,
      conditions: stamped(gateway, conditions, before?.conditions),
    };
  });

const isOurs = ({ controllerName }: RouteParentStatus): boolean =>
  controllerName === gatewayController;

function parentStatuses(
  before: readonly RouteParentStatus[],
  parents: PlannedRoute['parents'],
  route: Written,
  stamped: Stamp,
): RouteParentStatus[] {
  const text = ({ group, kind, namespace, name, sectionName, port }: ParentReference): string =>
    JSON.stringify([group, kind, namespace, name, sectionName, port]);
  const ours = parents.map(({ parentRef, conditions }): RouteParentStatus => {
    const old = before.find((one) => isOurs(one) && text(one.parentRef) === text(parentRef));
    return {
      parentRef,
      controllerName: gatewayController,
      conditions: stamped(route, conditions, old?.conditions),
    };
  });
  return [...before.filter((one) => !isOurs(one)), ...ours];
}
