import { addressIn } from '../../base/addresses.ts';
import { timeOf } from '../../api/times.ts';
import { messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import { StoreError } from '../../store/errors.ts';
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
import type { Core } from '../registry/core.ts';
import { ensure } from './reconcile.ts';
import { ensureServiceCidr, startServiceAllocation } from '../services/start.ts';

/** How soon a disk that failed to write is tried again. */
const retryMs = 5_000;

export interface BootedCluster {
  /** The address in the options has changed. */
  readvertise(): Promise<void>;
  /** Removes this server's Lease. */
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
  const clusterIp = addressIn((options.serviceCidr ?? defaultServiceCidr).split(',')[0] ?? '', 1);
  let live = options.sharedStore ? new LiveServers({ core, clusterIp, own: own() }) : undefined;
  const leadAlone = (): Promise<void> =>
    ensureKubernetesService(core, { clusterIp, port: own().port, servers: [own()] });
  const make = async (): Promise<unknown> =>
    await Promise.all([
      ensure(core, [...policyObjects(), ...priorityClassObjects(), ...flowControlObjects()]),
      ensureServiceCidr(server),
      ensure(core, [tokenTracking(timeOf(core.clock.now()))]),
      ensureLocalServices(server),
      options.metricsApi ? ensureMetricsService(server) : removeMetricsService(server),
      options.metricsApi ? ensure(core, metricsRoles()) : undefined,
      ensureAuthenticationConfig(server),
      live ? undefined : leadAlone(),
    ]);
  const [stopMaking] = await Promise.all([nowOrLater(core, make), live?.start()]);
  return {
    readvertise: async () => {
      await live?.leave();
      live = live && new LiveServers({ core, clusterIp, own: own() });
      await (live ? live.start() : leadAlone());
    },
    leave: async () => {
      stopMaking();
      stopAllocation();
      await live?.leave();
    },
  };
}

/**
 * A disk that takes no change holds no server up: what is there is served, what is missing (after
 * an upgrade) or has another address is made when it can be. Returns how to stop.
 */
async function nowOrLater(
  { clock, log }: Pick<Core, 'clock' | 'log'>,
  make: () => Promise<unknown>,
): Promise<() => void> {
  let stopped = false;
  let timer: Timer | undefined;
  const attempt = async (): Promise<void> => {
    try {
      await make();
    } catch (error) {
      if (!(error instanceof StoreError && ['READ_ONLY', 'NO_SPACE'].includes(error.code)))
        throw error;
      if (stopped) return;
      if (timer === undefined)
        log.warn('what every cluster has is made when the datastore takes changes again', {
          error: error.message,
        });
      timer = clock.after('apiserver.boot', retryMs, later);
    }
  };
  const later = (): void =>
    void attempt().catch((error: unknown) =>
      log.error('what every cluster has could not be made', { error: messageOf(error) }),
    );
  await attempt();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
