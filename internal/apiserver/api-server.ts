import { listenHttps, type HttpsListener } from '../io/https-server.ts';
import { builtinScheme } from '../api/scheme.ts';
import { AdmissionChain } from './admission/chain.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { addDefaultPlugins } from './admission/default-plugins.ts';
import { Authenticator } from './authn/authenticator.ts';
import { BootstrapTokens } from './authn/bootstrap-tokens.ts';
import { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { CertificateAuthenticator } from './authn/x509.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { objectOf } from './registry/stored.ts';
import { bootCluster } from './bootstrap/boot.ts';
import { Definitions } from './crd/definitions.ts';
import { addDocumentPaths } from './discovery/paths.ts';
import { addMetricsPath, Metrics } from './http/metrics.ts';
import { addHealthPaths } from './http/health.ts';
import { makeListener, type Paths } from './http/serve.ts';
import { InProcessClient } from './in-process.ts';
import type { ApiServerOptions, UserInfo } from './options.ts';
import { setPaths } from './paths.ts';
import { serveUpgrade } from './proxy/upgrade.ts';
import { timestamp, type Core } from './registry/call.ts';
import { KubeValuesStore } from './registry/kube-values.ts';
import { Spoken } from './registry/spoken.ts';
import { builtinResources } from './registry/builtin-resources.ts';
import { ResourceTable } from './registry/resource-table.ts';
import { WriteHooks } from './registry/write-hooks.ts';
import type { Server } from './server.ts';
import { addCustomScale } from './subresources/scale.ts';
import { addSubresources } from './subresources/add-subresources.ts';
import { Subresources } from './subresources/subresources.ts';
import { Bookmarks } from './watch/bookmarks.ts';
import { EventEncoder } from './watch/encoder.ts';

export interface ApiServer {
  readonly port: number;
  /** The internals, for tests. */
  readonly server: Server;
  inProcess(user: UserInfo): InProcessClient;
  /** Serves new connections with a renewed certificate. */
  renewCertificate(tls: { key: string; cert: string }): void;
  close(): Promise<void>;
}

/** Starts the API server: resources, policy objects, then the port. Resolves when /readyz would say ok. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const server = assemble(options);
  const paths: Paths = { exact: new Map(), below: [] };
  setPaths(server, paths);
  addHealthPaths(paths);
  addMetricsPath(paths);
  addDocumentPaths(server, paths);
  addSubresources(server);
  const stops = await startParts(server);
  const aggregator = new Aggregator(server);
  server.remoteResources = () => aggregator.resources();
  server.delegateUpgrade = (exchange, socket, head) => aggregator.delegateUpgrade(exchange, socket, head);
  paths.delegate = (_server, exchange) => aggregator.delegate(exchange);
  await aggregator.start();
  stops.push(() => aggregator.stop());
  const listener = await listenHttps('apiserver', {
    host: options.listen.host,
    port: options.listen.port,
    ...options.tls,
    ca: [options.clientCa, options.requestHeader?.ca ?? ''].join('\n'),
    onRequest: makeListener(server, paths),
    onUpgrade: (request, socket, head) => void serveUpgrade(server, request, socket, head),
  });
  server.port = listener.port;
  const leave = await bootCluster(server);
  server.ready = true;
  return handle(server, { listener, stops, leave });
}

function assemble(options: ApiServerOptions): Server & { shutdown: Set<() => void> } {
  const { clock, random } = options;
  const now = (): number => clock.now();
  const scheme = builtinScheme();
  // Whatever reads below here sees JSON, even where a kube-apiserver wrote protobuf.
  const store = new KubeValuesStore(options.store, { scheme, log: options.log });
  const resources = new ResourceTable();
  for (const resource of builtinResources({ scheme, now: () => timestamp(clock), eventTtlSeconds: options.eventTtlSeconds })) resources.add(resource);
  const core: Core = { store, clock, random, log: options.log, resources, admission: new AdmissionChain(), hooks: new WriteHooks() };
  const tokens = new ServiceAccountTokens({ ...options.serviceAccount, now });
  const rbac = new RbacAuthorizer(store);
  const nodes = new NodeAuthorizer({ store, objectOf, rules: () => rbac.rulesOfRole({ kind: 'ClusterRole', name: 'system:node' }, '') ?? [] });
  const shutdown = new Set<() => void>();
  const authenticator = new Authenticator({
    store, tokens,
    certificates: new CertificateAuthenticator(options.clientCa, now),
    ...(options.requestHeader ? { frontProxy: { certificates: new CertificateAuthenticator(options.requestHeader.ca, now), allowedNames: options.requestHeader.allowedNames ?? [] } } : {}),
    bootstrap: new BootstrapTokens(store, now),
    staticTokens: options.staticTokens ?? {},
    anonymous: options.anonymous ?? true,
  });
  const server: Server & { shutdown: Set<() => void> } = {
    options, core, tokens, authenticator, rbac, nodes, shutdown,
    authorize: (request) => {
      const byNode = nodes.authorize(request);
      return byNode.allowed ? byNode : rbac.authorize(request);
    },
    subresources: new Subresources(),
    virtual: new Map(),
    lateAdmission: [],
    metrics: new Metrics(),
    bookmarks: new Bookmarks(clock),
    encoder: new EventEncoder(),
    scheme,
    spoken: new Spoken(scheme),
    addCustomScale: (resource, paths) => addCustomScale(server, resource, paths),
    onShutdown: (fn) => {
      shutdown.add(fn);
      return () => shutdown.delete(fn);
    },
    remoteResources: () => [],
    port: 0,
    ready: false,
  };
  return server;
}

async function startParts(server: Server): Promise<(() => void)[]> {
  await server.rbac.start();
  await server.nodes.start();
  const stopAdmission = await addDefaultPlugins(server);
  const definitions = new Definitions(server);
  await definitions.start();
  return [() => server.rbac.stop(), () => server.nodes.stop(), stopAdmission, () => definitions.stop()];
}

interface Running {
  listener: HttpsListener;
  stops: (() => void)[];
  leave(): Promise<void>;
}

function handle(server: Server & { shutdown?: Set<() => void> }, { listener, stops, leave }: Running): ApiServer {
  return {
    port: listener.port,
    server,
    inProcess: (user) => new InProcessClient(server, user),
    renewCertificate: (tls) => listener.renew({ ...tls, ca: [server.options.clientCa, server.options.requestHeader?.ca ?? ''].join('\n') }),
    close: async () => {
      await leave();
      for (const stop of server.shutdown ?? []) stop();
      for (const stop of stops) stop();
      await listener.close();
    },
  };
}
