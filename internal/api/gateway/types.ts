import type { Condition, ObjectMeta } from '../generated/types/meta-v1.ts';
import type { LabelSelector } from '../generated/types/meta-v1.ts';
import type { ResourceRef } from '../object.ts';

/** What is read and written of the Gateway API; its definitions check the rest. */
export const gatewayGroup = 'gateway.networking.k8s.io';
/** What our GatewayClasses name as their controller. */
export const gatewayController = 'skiff/gateway';

const kind = (resource: string, name: string, more: Partial<ResourceRef> = {}): ResourceRef => ({
  group: gatewayGroup,
  version: 'v1',
  resource,
  kind: name,
  namespaced: true,
  ...more,
});
export const gatewayRefs = {
  classes: kind('gatewayclasses', 'GatewayClass', { namespaced: false }),
  gateways: kind('gateways', 'Gateway'),
  httpRoutes: kind('httproutes', 'HTTPRoute'),
  grpcRoutes: kind('grpcroutes', 'GRPCRoute'),
  grants: kind('referencegrants', 'ReferenceGrant', { version: 'v1beta1' }),
  tlsRoutes: kind('tlsroutes', 'TLSRoute'),
  tcpRoutes: kind('tcproutes', 'TCPRoute'),
  backendTlsPolicies: kind('backendtlspolicies', 'BackendTLSPolicy'),
} as const;

export interface GatewayClass {
  metadata: ObjectMeta;
  spec: { controllerName: string; parametersRef?: object };
  status?: { conditions?: Condition[]; supportedFeatures?: { name: string }[] };
}

/** Names another object; group and kind have defaults by their place. */
export interface Reference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
}

export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: { mode?: string; certificateRefs?: Reference[]; options?: Record<string, string> };
  allowedRoutes?: {
    namespaces?: { from?: string; selector?: LabelSelector };
    kinds?: { group?: string; kind: string }[];
  };
}

export interface Gateway {
  metadata: ObjectMeta;
  spec: {
    gatewayClassName: string;
    listeners: Listener[];
    addresses?: { type?: string; value?: string }[];
    infrastructure?: { parametersRef?: object };
  };
  status?: {
    addresses?: { type?: string; value: string }[];
    conditions?: Condition[];
    listeners?: ListenerStatus[];
  };
}

export interface ListenerStatus {
  name: string;
  supportedKinds: { group?: string; kind: string }[];
  attachedRoutes: number;
  conditions: Condition[];
}

export interface ParentReference extends Reference {
  sectionName?: string;
  port?: number;
}

export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions?: Condition[];
}

interface NamedValue {
  name: string;
  value: string;
}
export interface HeaderFilter {
  set?: NamedValue[];
  add?: NamedValue[];
  remove?: string[];
}
export interface PathModifier {
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}
export interface RouteFilter {
  type: string;
  requestHeaderModifier?: HeaderFilter;
  responseHeaderModifier?: HeaderFilter;
  requestRedirect?: {
    scheme?: string;
    hostname?: string;
    port?: number;
    statusCode?: number;
    path?: PathModifier;
  };
  urlRewrite?: { hostname?: string; path?: PathModifier };
  requestMirror?: {
    backendRef: Reference & { port?: number };
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
}

export interface BackendRef extends Reference {
  port?: number;
  weight?: number;
  filters?: RouteFilter[];
}

/** Type is `Exact` where nothing is said. */
export interface ValueMatch extends NamedValue {
  type?: string;
}

export interface HttpMatch {
  path?: { type?: string; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}
export interface GrpcMatch {
  method?: { type?: string; service?: string; method?: string };
  headers?: ValueMatch[];
}

interface Rule<M> {
  matches?: M[];
  filters?: RouteFilter[];
  backendRefs?: BackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
}
interface RouteOf<M> {
  metadata: ObjectMeta;
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: Rule<M>[] };
  status?: { parents?: RouteParentStatus[] };
}
export type HttpRoute = RouteOf<HttpMatch>;
export type GrpcRoute = RouteOf<GrpcMatch>;

/** A TLSRoute, or a TCPRoute, which has no hostnames: where connections go. */
export interface StreamRoute {
  metadata: ObjectMeta;
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules?: { backendRefs?: BackendRef[] }[];
  };
  status?: { parents?: RouteParentStatus[] };
}

export interface ReferenceGrant {
  metadata: ObjectMeta;
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}

export interface PolicyAncestorStatus {
  ancestorRef: ParentReference;
  controllerName: string;
  conditions?: Condition[];
}
export interface BackendTlsPolicy {
  metadata: ObjectMeta;
  spec: {
    targetRefs: { group: string; kind: string; name: string; sectionName?: string }[];
    validation: {
      hostname: string;
      caCertificateRefs?: Reference[];
      wellKnownCACertificates?: string;
      subjectAltNames?: { type: string; hostname?: string; uri?: string }[];
    };
    options?: Record<string, string>;
  };
  status?: { ancestors?: PolicyAncestorStatus[] };
}

/** All of the Gateway API that there is. */
export interface GatewayObjects {
  classes: Iterable<GatewayClass>;
  gateways: Iterable<Gateway>;
  httpRoutes: Iterable<HttpRoute>;
  grpcRoutes: Iterable<GrpcRoute>;
  tlsRoutes: Iterable<StreamRoute>;
  tcpRoutes: Iterable<StreamRoute>;
  backendTlsPolicies: Iterable<BackendTlsPolicy>;
  grants: Iterable<ReferenceGrant>;
}
