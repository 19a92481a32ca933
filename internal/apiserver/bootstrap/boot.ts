import { ensureLocalServices } from '../aggregation/local-services.ts';
import type { Server } from '../server.ts';
import { defaultServiceCidr, firstAddress } from '../registry/ip-range.ts';
import { ensureAuthenticationConfig } from './authentication-config.ts';
import { ensureKubernetesService } from './kubernetes-service.ts';
import { flowControlObjects, namespaceObjects, policyObjects, priorityClassObjects, tokenTracking } from './objects.ts';
import { timestamp } from '../registry/call.ts';
import { ensure } from './reconcile.ts';
import { ensureServiceCidr, startServiceAllocation } from '../services/start.ts';

/** What a cluster has after its first start, made sure of at every start. */
export async function bootCluster(server: Server): Promise<void> {
  const { core, options } = server;
  await ensure(core, namespaceObjects());
  await startServiceAllocation(server);
  const port = options.advertisePort ?? server.port;
  await Promise.all([
    ensure(core, [...policyObjects(), ...priorityClassObjects(), ...flowControlObjects()]),
    ensureServiceCidr(server),
    ensure(core, [tokenTracking(timestamp(core.clock))]),
    ensureLocalServices(server),
    ensureAuthenticationConfig(server),
    ensureKubernetesService(core, { clusterIp: firstAddress(options.serviceCidr ?? defaultServiceCidr), address: options.advertiseAddress, port }),
  ]);
}


