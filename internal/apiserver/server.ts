import type { Scheme } from '../api/scheme.ts';
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Authorization } from './authz/authorization.ts';
import type { Authorize } from './authz/authorizer.ts';
import type { NodeAuthorizer } from './authz/node.ts';
import type { RbacAuthorizer } from './authz/rbac.ts';
import type { Authenticator } from './authn/authenticator.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import type { Auditor } from './audit/auditor.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import type { ListCache } from './http/list-cache.ts';
import type { Metrics } from './http/metrics.ts';
import type { Exchange } from './http/exchange.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Operations } from './operations/operation.ts';
import type { ApiServerOptions } from './options.ts';
import type { Core } from './registry/core.ts';
import type { DiscoveredResource, ServedResource } from './registry/resource.ts';
import type { UnstoredKinds } from './registry/unstored-kinds.ts';
import type { Bookmarks } from './watch/bookmarks.ts';
import type { EventEncoder } from './watch/encoder.ts';

/**
 * A server as its parts see each other. Made whole by `assemble`; what changes later is inside of
 * its parts, and in `life`.
 */
export interface Server {
  readonly options: ApiServerOptions;
  readonly core: Core;
  readonly tokens: ServiceAccountTokens;
  readonly authenticator: Authenticator;
  readonly rbac: RbacAuthorizer;
  readonly nodes: NodeAuthorizer;
  readonly authorization: Authorization;
  /** `authorization.authorize`. */
  readonly authorize: Authorize;
  /** What the generic registry does not do alone. */
  readonly operations: Operations;
  /** Proxies to kubelets, pods and services. */
  readonly connections: {
    find(group: string, resource: string, subresource: string): Connect | undefined;
  };
  /** Documents and probes, by their paths. */
  readonly routes: Routes;
  /** What is served by other servers. */
  readonly aggregator: Delegates;
  readonly metrics: Metrics;
  readonly flowControl: FlowControl;
  /** Undefined without a policy. */
  readonly audit: Auditor | undefined;
  readonly bookmarks: Bookmarks;
  readonly encoder: EventEncoder;
  readonly lists: ListCache;
  readonly scheme: Scheme;
  readonly unstored: UnstoredKinds;
  readonly life: Lifecycle;
}

/** Answers for a document, a probe, or an API that is not the registry's. */
export type PathHandler = (server: Server, exchange: Exchange) => Promise<void> | void;

/** Answers a request by passing bytes between its connection and another one. */
export type Connect = (
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
) => Promise<void> | void;

export interface Routes {
  /** The handler of a document or probe, or nothing. */
  find(path: string): PathHandler | undefined;
  /** The paths that are served exactly. */
  readonly exact: readonly string[];
}

/** Group versions that the registry does not answer for. */
export interface Delegates {
  start(): Promise<void>;
  stop(): void;
  resources(): DiscoveredResource[];
  /** Lines for /metrics. */
  metrics(): string[];
  /** The handler of a path, when it is not the registry. */
  delegate(exchange: Exchange): PathHandler | undefined;
  delegateUpgrade(exchange: Exchange, socket: Duplex, head: Buffer): Promise<void> | undefined;
}
