import { builtinScheme } from '../api/scheme.ts';
import { timeOf } from '../api/times.ts';
import { AdmissionChain } from './admission/chain.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import type { Auditor } from './audit/auditor.ts';
import { startAudit } from './audit/start.ts';
import { Authenticator } from './authn/authenticator.ts';
import { BootstrapTokens } from './authn/bootstrap-tokens.ts';
import type { Configured } from './authn/jwt/configured.ts';
import { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { CertificateAuthenticator } from './authn/x509.ts';
import { Authorization } from './authz/authorization.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { addDocumentPaths } from './discovery/paths.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
import { addHealthPaths } from './http/health.ts';
import { addMetricsPath } from './http/metrics-path.ts';
import { Metrics } from './http/metrics.ts';
import type { Paths } from './http/paths.ts';
import { metricsApi } from './metricsapi/metrics-api.ts';
import { routesOf } from './http/routes.ts';
import { Lifecycle } from './lifecycle.ts';
import type { ApiServerOptions } from './options.ts';
import { allConnections } from './proxy/add-connections.ts';
import { builtinResources } from './registry/builtin-resources.ts';
import type { Core } from './registry/core.ts';
import { KubeValuesStore } from './registry/kube-values.ts';
import { ResourceTable } from './registry/resource-table.ts';
import { UnstoredKinds } from './registry/unstored-kinds.ts';
import { objectOf } from './registry/stored.ts';
import { WriteHooks } from './registry/write-hooks.ts';
import type { Server } from './server.ts';
import { ownOperations } from './subresources/own-operations.ts';
import { Bookmarks } from './watch/bookmarks.ts';
import { ListCache } from './http/list-cache.ts';
import { EventEncoder } from './watch/encoder.ts';

/** Makes a server whole; nothing of it runs yet, and no port is open. */
export async function assemble(
  options: ApiServerOptions,
  configured: Configured | undefined,
): Promise<Server> {
  const { clock, log, random } = options;
  const scheme = builtinScheme();
  const audit: Auditor | undefined =
    options.audit && (await startAudit(options.audit, { ...options, scheme }));
  // Whatever reads below here sees JSON, even where a kube-apiserver wrote protobuf.
  const store = new KubeValuesStore(options.store, { scheme, log });
  const tokens = new ServiceAccountTokens({ ...options.serviceAccount, now: () => clock.now() });
  const rbac = new RbacAuthorizer({ store, clock, log });
  const nodes = new NodeAuthorizer({
    store,
    clock,
    log,
    objectOf,
    rules: () => rbac.rulesOfRole({ kind: 'ClusterRole', name: 'system:node' }, '') ?? [],
  });
  const authorization = new Authorization([nodes, rbac]);
  const { authorize } = authorization;
  const core: Core = {
    store,
    clock,
    random,
    log,
    resources: resourcesOf(options, scheme),
    admission: new AdmissionChain(),
    hooks: new WriteHooks(),
    authorize,
  };
  const authenticator = authenticatorOf(options, { store, tokens, configured });
  const unstored = new UnstoredKinds(scheme);
  return {
    options,
    core,
    tokens,
    authenticator,
    rbac,
    nodes,
    authorization,
    authorize,
    operations: ownOperations({ unstored, tokens, authenticator, authorization, authorize }),
    connections: allConnections(),
    routes: routesOf(pathsOf(scheme)),
    aggregator: new Aggregator({ core, options }, options.metricsApi ? [metricsApi()] : []),
    metrics: new Metrics(),
    flowControl: new FlowControl(core, options.flowControl ?? {}),
    audit,
    bookmarks: new Bookmarks(clock),
    encoder: new EventEncoder(),
    lists: new ListCache(clock),
    scheme,
    unstored,
    life: new Lifecycle(),
  };
}

function resourcesOf(
  { clock, eventTtlSeconds }: ApiServerOptions,
  scheme: Server['scheme'],
): ResourceTable {
  const resources = new ResourceTable();
  const now = (): string => timeOf(clock.now());
  for (const resource of builtinResources({ scheme, now, eventTtlSeconds }))
    resources.add(resource);
  return resources;
}

function pathsOf(scheme: Server['scheme']): Paths {
  const paths: Paths = { exact: new Map(), below: [] };
  addHealthPaths(paths);
  addMetricsPath(paths);
  addDocumentPaths(scheme, paths);
  return paths;
}

function authenticatorOf(
  options: ApiServerOptions,
  parts: { store: Core['store']; tokens: ServiceAccountTokens; configured: Configured | undefined },
): Authenticator {
  const { clientCa, requestHeader, staticTokens, anonymous, authorization } = options;
  const { store, tokens, configured } = parts;
  const now = (): number => options.clock.now();
  return new Authenticator({
    store,
    tokens,
    certificates: new CertificateAuthenticator(clientCa, now),
    ...(requestHeader
      ? {
          frontProxy: {
            certificates: new CertificateAuthenticator(requestHeader.ca, now),
            allowedNames: requestHeader.allowedNames ?? [],
          },
        }
      : {}),
    bootstrap: new BootstrapTokens(store, now),
    staticTokens: staticTokens ?? {},
    // Nobody without a name beside an authorizer that does not look (kubeapiserver/options
    // ApplyAuthorization).
    anonymous: (anonymous ?? true) && !authorization?.modes?.includes('AlwaysAllow'),
    ...(configured && { configured }),
  });
}
