import { ensureLocalServices } from '../aggregation/local-services.ts';
import type { Server } from '../server.ts';
import { defaultServiceCidr, firstAddress } from '../registry/ip-range.ts';
import { ensureAuthenticationConfig } from './authentication-config.ts';
import { ensureKubernetesService } from './kubernetes-service.ts';
import { LiveServers } from './live-servers.ts';
import { flowControlObjects, namespaceObjects, policyObjects, priorityClassObjects, tokenTracking } from './objects.ts';
import { timestamp } from '../registry/call.ts';
import { ensure } from './reconcile.ts';
import { ensureServiceCidr, startServiceAllocation } from '../services/start.ts';

/** What a cluster has after its first start, made sure of at every start. Returns how this server takes its leave. */
export async function bootCluster(server: Server): Promise<() => Promise<void>> {
  const { core, options } = server;
  await ensure(core, namespaceObjects());
  const stopAllocation = await startServiceAllocation(server);
  const own = { address: options.advertiseAddress, port: options.advertisePort ?? server.port };
  const clusterIp = firstAddress(options.serviceCidr ?? defaultServiceCidr);
  const live = options.sharedStore ? new LiveServers({ core, clusterIp, own }) : undefined;
  await Promise.all([
    ensure(core, [...policyObjects(), ...priorityClassObjects(), ...flowControlObjects()]),
    ensureServiceCidr(server),
    ensure(core, [tokenTracking(timestamp(core.clock))]),
    ensureLocalServices(server),
    ensureAuthenticationConfig(server),
    live ? live.start() : ensureKubernetesService(core, { clusterIp, port: own.port, servers: [own] }),
  ]);
  return async () => {
    stopAllocation();
    await live?.leave();
  };
}
