import type { ScalePaths } from '../api/strategy/scale.ts';
import type { Scheme } from '../api/scheme.ts';
import type { AdmissionPlugin } from './admission/chain.ts';
import type { Authorization } from './authz/authorization.ts';
import type { Authorize } from './authz/authorizer.ts';
import type { NodeAuthorizer } from './authz/node.ts';
import type { RbacAuthorizer } from './authz/rbac.ts';
import type { Authenticator } from './authn/authenticator.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import type { Auditor } from './audit/auditor.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import type { Metrics } from './http/metrics.ts';
import type { Exchange } from './http/exchange.ts';
import type { ApiServerOptions } from './options.ts';
import type { Core } from './registry/call.ts';
import type { Spoken } from './registry/spoken.ts';
import type { DiscoveredResource, ServedResource } from './registry/resource.ts';
import type { Subresources } from './subresources/subresources.ts';
import type { Bookmarks } from './watch/bookmarks.ts';
import type { EventEncoder } from './watch/encoder.ts';

export type VirtualHandler = (
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
) => Promise<void> | void;

/**
 * Parts of the server in the order of their start: what authorizers and admission keep in memory,
 * admission, resource definitions, documents, other servers' APIs, the objects of every cluster.
 */
export type StartedPart =
  | 'caches'
  | 'admission'
  | 'definitions'
  | 'documents'
  | 'aggregation'
  | 'objects';

/** The running server as its parts see each other. */
export interface Server {
  options: ApiServerOptions;
  core: Core;
  tokens: ServiceAccountTokens;
  authenticator: Authenticator;
  rbac: RbacAuthorizer;
  nodes: NodeAuthorizer;
  authorization: Authorization;
  /** `authorization.authorize`. */
  authorize: Authorize;
  subresources: Subresources;
  /** Resources that are not stored: reviews, bindings, componentstatuses. By `group/resource`. */
  virtual: Map<string, VirtualHandler>;
  /** Webhooks and policies: after the built-in plug-ins, before quota. */
  lateAdmission: AdmissionPlugin[];
  metrics: Metrics;
  flowControl: FlowControl;
  /** Undefined without a policy. */
  audit?: Auditor;
  bookmarks: Bookmarks;
  encoder: EventEncoder;
  scheme: Scheme;
  addCustomScale(resource: ServedResource, paths: ScalePaths | undefined): void;
  spoken: Spoken;
  /** Called once when the server stops; returns how to leave. */
  onShutdown(fn: () => void): () => void;
  /** What other servers answer for, as far as they do. */
  remoteResources(): DiscoveredResource[];
  /** Tells the listener whose connection a request came by; false when he has too many. */
  know(exchange: Exchange): boolean;
  port: number;
  ready: boolean;
  /** What has been started; the health checks look here. */
  started: Set<StartedPart>;
  stopping?: boolean;
  /** Upgrades that another server answers for. */
  delegateUpgrade?: (
    exchange: Exchange,
    socket: import('node:stream').Duplex,
    head: Buffer,
  ) => Promise<void> | undefined;
}
