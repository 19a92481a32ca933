import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import type { Endpoints, ObjectReference, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { DialTarget } from '../../io/dial.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import type { Outward } from './outward.ts';
import { podWay } from './pod-way.ts';
import { isProxyable } from './reachable.ts';

/** An address behind a service, and the pod that it is said to belong to. */
export interface Spot {
  host: string;
  port: number;
  /** Where it is said to run. */
  node?: string | undefined;
  pod?: { namespace: string; name: string };
}

/**
 * The ready endpoints of a service's port, from its slices or else its Endpoints. Somebody may have
 * written them by hand.
 */
export async function endpointsOf(
  server: Outward,
  namespace: string,
  name: string,
  port: string,
): Promise<Spot[]> {
  const slices = (
    await lookupAll<EndpointSlice>(server.core, registryPrefix(refs.endpointSlices, namespace))
  ).filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
  const out: Spot[] = [];
  for (const slice of slices) {
    for (const one of slice.ports ?? []) {
      if ((one.name ?? '') !== port || !one.port) continue;
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        for (const host of endpoint.addresses)
          out.push({ host, port: one.port, node: endpoint.nodeName, ...podOf(endpoint.targetRef) });
      }
    }
  }
  if (out.length) return out;
  const endpoints = await lookup<Endpoints>(
    server.core,
    registryKey(refs.endpoints, namespace, name),
  );
  for (const subset of endpoints?.subsets ?? []) {
    for (const one of subset.ports ?? [])
      if ((one.name ?? '') === port)
        for (const address of subset.addresses ?? [])
          out.push({
            host: address.ip,
            port: one.port,
            node: address.nodeName,
            ...podOf(address.targetRef),
          });
  }
  return out;
}

const podOf = (ref: ObjectReference | undefined): Pick<Spot, 'pod'> =>
  ref?.kind === 'Pod' ? { pod: { namespace: ref.namespace ?? '', name: ref.name ?? '' } } : {};

/** Why a service that an administrator named cannot be called now. */
export class NoEndpoint extends Error {
  readonly reason: 'ServiceNotFound' | 'ServicePortError' | 'MissingEndpoints';
  constructor(reason: NoEndpoint['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Where webhooks, conversions and aggregated APIs are called: any endpoint of a service, or its
 * externalName, as an administrator named the service. But whoever owns the service's namespace
 * writes the endpoints, so the server's own loopback and the like are not among them.
 */
export async function calledService(
  server: Outward,
  namespace: string,
  name: string,
  port: number,
): Promise<DialTarget> {
  const service = await lookup<Service>(server.core, registryKey(refs.services, namespace, name));
  if (!service) throw new NoEndpoint('ServiceNotFound', `service "${name}" not found`);
  if (service.spec?.type === 'ExternalName')
    return { host: service.spec.externalName ?? '', port, mayReach: isProxyable };
  const served = (service.spec?.ports ?? []).find((one) => one.port === port);
  if (!served)
    throw new NoEndpoint('ServicePortError', `no service port ${port} found for service "${name}"`);
  const spots = (await endpointsOf(server, namespace, name, served.name ?? '')).filter((spot) =>
    isProxyable(spot.host),
  );
  const spot = spots[server.core.random.int(spots.length)];
  if (!spot)
    throw new NoEndpoint('MissingEndpoints', `no endpoints available for service "${name}"`);
  return {
    host: spot.host,
    port: spot.port,
    mayReach: isProxyable,
    ...(await podWay(server, spot)),
  };
}
