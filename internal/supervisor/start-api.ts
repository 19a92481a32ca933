import { createApiServer, type ApiServer } from '../apiserver/api-server.ts';
import { MetricSet } from '../base/metrics/metric-set.ts';
import { buildInfo } from '../io/assets.ts';
import type { ServerIdentities } from '../pki/authorities.ts';
import { apiServerFiles } from './api-server-files.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import type { handshakeAnswers } from './handshake.ts';
import type { NodeFacts } from './node-facts.ts';
import { gitVersion } from './release.ts';
import type { Tunnels } from './tunnels.ts';

/** The address that clients and nodes are told. */
export const advertised = (config: ServerConfig, facts: NodeFacts): string =>
  config.advertiseAddress ?? facts.externalIps[0] ?? facts.ip;

interface ApiParts {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  identities: ServerIdentities;
  datastore: Datastore;
  besides: ReturnType<typeof handshakeAnswers>;
  tunnels: Tunnels;
}

/** The API server as the configuration wants it. */
export async function startApi({
  config,
  doors,
  facts,
  identities,
  datastore,
  besides,
  tunnels,
}: ApiParts): Promise<ApiServer> {
  const { version, build } = buildInfo();
  const own = config.apiServer ?? {};
  return await createApiServer({
    store: datastore.store,
    sharedStore: datastore.shared,
    besides,
    besidesUpgrade: (request, socket) => tunnels.take(request, socket),
    tunnelOf: (node) => tunnels.of(node),
    podTunnels: ['pod', 'cluster'].find((mode) => mode === config.egressMode) as
      | 'pod'
      | 'cluster'
      | undefined,
    clock: doors.clock,
    log: doors.log.named('apiserver'),
    random: doors.random,
    dial: doors.dial,
    listen: { host: config.bindAddress, port: config.httpsListenPort },
    tls: identities.apiServer,
    clientCa: identities.clientCa.cert,
    serverCa: identities.serverCa.cert,
    serviceAccount: {
      signingKey: identities.serviceKey,
      issuer: own.serviceAccountIssuer ?? `https://kubernetes.default.svc.${config.clusterDomain}`,
      audiences: own.audiences,
    },
    anonymous: own.anonymousAuth,
    flowControl: own.flowControl,
    audit: own.audit,
    denyExternalIps: own.denyExternalIps,
    ...(await apiServerFiles(own, doors)),
    eventTtlSeconds: own.eventTtlSeconds,
    defaultTolerations: {
      notReadySeconds: own.notReadyTolerationSeconds,
      unreachableSeconds: own.unreachableTolerationSeconds,
    },
    kubeletClient: { ...identities.kubeletClient, ca: identities.serverCa.cert },
    requestHeader: {
      ca: identities.requestHeaderCa.cert,
      clientCert: identities.authProxy.cert,
      clientKey: identities.authProxy.key,
      allowedNames: ['system:auth-proxy'],
    },
    advertiseAddress: advertised(config, facts),
    ...(config.advertisePort !== undefined && { advertisePort: config.advertisePort }),
    serviceCidr: config.serviceCidr,
    nodePortRange: config.nodePortRange,
    carriedOutElsewhere: [...config.disable, ...(config.disableControllers ? ['controllers'] : [])],
    metricsApi: !config.disable.includes('metrics-server'),
    disableShell: config.disableShell,
    logRequests: config.debug,
    metrics: new MetricSet(),
    version: { gitVersion: gitVersion(version), gitCommit: build },
  });
}
