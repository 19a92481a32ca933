import { listenHttps, type HttpsListener } from '../io/https-server.ts';
import { builtinScheme } from '../api/scheme.ts';
import { AdmissionChain } from './admission/chain.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { addDefaultPlugins } from './admission/default-plugins.ts';
import { AuditedClient } from './audit/in-process.ts';
import { startAudit } from './audit/start.ts';
import { Authenticator } from './authn/authenticator.ts';
import type { Configured } from './authn/jwt/configured.ts';
import { BootstrapTokens } from './authn/bootstrap-tokens.ts';
import { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { CertificateAuthenticator } from './authn/x509.ts';
import { Authorization } from './authz/authorization.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { objectOf } from './registry/stored.ts';
import { bootCluster, type BootedCluster } from './bootstrap/boot.ts';
import { Definitions } from './crd/definitions.ts';
import { addDocumentPaths } from './discovery/paths.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
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
import { namesakes } from '../pki/certificate.ts';
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
  /**
   * Shows renewed certificates from now on: to new clients, to kubelets, and to aggregated API
   * servers.
   */
  renew(own: RenewedIdentities): void;
  /**
   * This server is reached by another address from now on: the `kubernetes` Service leads there.
   */
  readvertise(address: string): Promise<void>;
  close(): Promise<void>;
}

export interface RenewedIdentities {
  tls: { key: string; cert: string };
  kubeletClient: { cert: string; key: string };
  frontProxy: { cert: string; key: string };
}

/**
 * Starts the API server: resources, policy objects, then the port. Resolves when /readyz would say
 * ok.
 */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  // Most servers know no issuers but themselves, and then load nothing of it.
  const configured =
    options.authenticationConfig || options.oidc
      ? await (await import('./authn/jwt/configured.ts')).configuredAuthentication(options)
      : undefined;
  const server = assemble(options, configured);
  const authorization = options.authorization
    ? await (
        await import('./authz/configured.ts')
      ).configuredAuthorization(server, options.authorization)
    : undefined;
  if (options.audit)
    server.audit = await startAudit(options.audit, { ...options, scheme: server.scheme });
  const paths: Paths = { exact: new Map(), below: [] };
  setPaths(server, paths);
  addHealthPaths(paths);
  addMetricsPath(paths);
  addDocumentPaths(server, paths);
  server.started.add('documents');
  addSubresources(server);
  const stops = await startParts(server);
  const aggregator = new Aggregator(server);
  server.remoteResources = () => aggregator.resources();
  server.delegateUpgrade = (exchange, socket, head) =>
    aggregator.delegateUpgrade(exchange, socket, head);
  paths.delegate = (_server, exchange) => aggregator.delegate(exchange);
  await aggregator.start();
  server.started.add('aggregation');
  stops.push(
    () => aggregator.stop(),
    () => configured?.stop(),
    () => authorization?.stop(),
  );
  const listener = await listenHttps('apiserver', {
    host: options.listen.host,
    port: options.listen.port,
    ...options.tls,
    ca: clientAuthorities(options),
    onHandshakeFailed: () => options.clock.look(),
    onRequest: makeListener(server, paths),
    onUpgrade: (request, socket, head) => void serveUpgrade(server, request, socket, head),
  });
  server.port = listener.port;
  server.know = ({ request, real }) =>
    listener.know(request, { name: real.name, bounded: !real.groups.includes('system:masters') });
  const cluster = await bootCluster(server);
  server.started.add('objects');
  server.flowControl.maintain();
  server.ready = true;
  return handle(server, { listener, stops, cluster });
}

function assemble(
  options: ApiServerOptions,
  configured: Configured | undefined,
): Server & { shutdown: Set<() => void> } {
  const { clock, random } = options;
  const now = (): number => clock.now();
  const scheme = builtinScheme();
  // Whatever reads below here sees JSON, even where a kube-apiserver wrote protobuf.
  const store = new KubeValuesStore(options.store, { scheme, log: options.log });
  const resources = new ResourceTable();
  for (const resource of builtinResources({
    scheme,
    now: () => timestamp(clock),
    eventTtlSeconds: options.eventTtlSeconds,
  }))
    resources.add(resource);
  const tokens = new ServiceAccountTokens({ ...options.serviceAccount, now });
  const rbac = new RbacAuthorizer({ store, clock, log: options.log });
  const nodes = new NodeAuthorizer({
    store,
    clock,
    log: options.log,
    objectOf,
    rules: () => rbac.rulesOfRole({ kind: 'ClusterRole', name: 'system:node' }, '') ?? [],
  });
  const authorization = new Authorization([nodes, rbac]);
  const { authorize } = authorization;
  const core: Core = {
    store,
    clock,
    random,
    log: options.log,
    resources,
    admission: new AdmissionChain(),
    hooks: new WriteHooks(),
    authorize,
  };
  const shutdown = new Set<() => void>();
  const authenticator = new Authenticator({
    store,
    tokens,
    certificates: new CertificateAuthenticator(options.clientCa, now),
    ...(options.requestHeader
      ? {
          frontProxy: {
            certificates: new CertificateAuthenticator(options.requestHeader.ca, now),
            allowedNames: options.requestHeader.allowedNames ?? [],
          },
        }
      : {}),
    bootstrap: new BootstrapTokens(store, now),
    staticTokens: options.staticTokens ?? {},
    // Nobody without a name beside an authorizer that does not look (kubeapiserver/options
    // ApplyAuthorization).
    anonymous:
      (options.anonymous ?? true) && !options.authorization?.modes?.includes('AlwaysAllow'),
    ...(configured && { configured }),
  });
  const server: Server & { shutdown: Set<() => void> } = {
    options,
    core,
    tokens,
    authenticator,
    rbac,
    nodes,
    shutdown,
    authorization,
    authorize,
    subresources: new Subresources(),
    virtual: new Map(),
    lateAdmission: [],
    metrics: new Metrics(),
    flowControl: new FlowControl(core, options.flowControl ?? {}),
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
    know: () => true,
    port: 0,
    ready: false,
    started: new Set(),
  };
  return server;
}

async function startParts(server: Server): Promise<(() => void)[]> {
  await server.rbac.start();
  await server.nodes.start();
  server.started.add('caches');
  await server.flowControl.start();
  const stopAdmission = await addDefaultPlugins(server);
  server.started.add('admission');
  const definitions = new Definitions(server);
  await definitions.start();
  server.started.add('definitions');
  return [
    () => server.rbac.stop(),
    () => server.nodes.stop(),
    () => server.flowControl.stop(),
    stopAdmission,
    () => definitions.stop(),
  ];
}

/**
 * Whose certificates clients may show. The authenticator judges them, by one authority or the
 * other.
 */
function clientAuthorities({ clientCa, requestHeader, clock, random }: ApiServerOptions): string {
  return namesakes([clientCa, requestHeader?.ca ?? ''].join('\n'), { nowMs: clock.now(), random });
}

interface Running {
  listener: HttpsListener;
  stops: (() => void)[];
  cluster: BootedCluster;
}

function handle(
  server: Server & { shutdown?: Set<() => void> },
  { listener, stops, cluster }: Running,
): ApiServer {
  return {
    port: listener.port,
    server,
    inProcess: (user) =>
      server.audit
        ? new AuditedClient(server, server.audit, user)
        : new InProcessClient(server, user),
    renew: ({ tls, kubeletClient, frontProxy }) => {
      const { options } = server;
      options.kubeletClient = { ...options.kubeletClient, ...kubeletClient };
      if (options.requestHeader)
        options.requestHeader = {
          ...options.requestHeader,
          clientCert: frontProxy.cert,
          clientKey: frontProxy.key,
        };
      listener.renew({ ...tls, ca: clientAuthorities(options) });
    },
    readvertise: async (address) => {
      if (address === server.options.advertiseAddress) return;
      server.options.advertiseAddress = address;
      await cluster.readvertise();
    },
    close: async () => {
      server.stopping = true;
      await cluster.leave();
      for (const stop of server.shutdown ?? []) stop();
      for (const stop of stops) stop();
      await listener.close();
      await server.audit?.close();
    },
  };
}
