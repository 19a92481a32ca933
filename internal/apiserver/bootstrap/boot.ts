import { addressIn } from '../../base/addresses.ts';
import {
  ensureLocalServices,
  ensureMetricsService,
  removeMetricsService,
} from '../aggregation/local-services.ts';
import { metricsRoles } from '../metricsapi/roles.ts';
import type { Server } from '../server.ts';
import { defaultServiceCidr } from '../services/service-ranges.ts';
import { ensureAuthenticationConfig } from './authentication-config.ts';
import { ensureKubernetesService, type ServerAddress } from './kubernetes-service.ts';
import { LiveServers } from './live-servers.ts';
import {
  flowControlObjects,
  namespaceObjects,
  policyObjects,
  priorityClassObjects,
  tokenTracking,
} from './objects.ts';
import { timestamp } from '../registry/call.ts';
import { ensure } from './reconcile.ts';
import { ensureServiceCidr, startServiceAllocation } from '../services/start.ts';

export interface BootedCluster {
  /** The address in the options has changed. */
  readvertise(): Promise<void>;
  /** Takes this server's leave. */
  leave(): Promise<void>;
}

/** What a cluster has after its first start, made sure of at every start. */
export async function bootCluster(server: Server): Promise<BootedCluster> {
  const { core, options } = server;
  await ensure(core, namespaceObjects());
  const stopAllocation = await startServiceAllocation(server);
  const own = (): ServerAddress => ({
    address: options.advertiseAddress,
    port: options.advertisePort ?? server.life.port,
  });
  const clusterIp = addressIn(options.serviceCidr ?? defaultServiceCidr, 1);
  let live = options.sharedStore ? new LiveServers({ core, clusterIp, own: own() }) : undefined;
  const lead = (): Promise<void> =>
    live
      ? live.start()
      : ensureKubernetesService(core, { clusterIp, port: own().port, servers: [own()] });
  await Promise.all([
    ensure(core, [...policyObjects(), ...priorityClassObjects(), ...flowControlObjects()]),
    ensureServiceCidr(server),
    ensure(core, [tokenTracking(timestamp(core.clock))]),
    ensureLocalServices(server),
    options.metricsApi ? ensureMetricsService(server) : removeMetricsService(server),
    options.metricsApi ? ensure(core, metricsRoles()) : undefined,
    ensureAuthenticationConfig(server),
    lead(),
  ]);
  return {
    readvertise: async () => {
      await live?.leave();
      live = live && new LiveServers({ core, clusterIp, own: own() });
      await lead();
    },
    leave: async () => {
      stopAllocation();
      await live?.leave();
    },
  };
}
