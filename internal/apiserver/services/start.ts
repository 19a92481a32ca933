import type { Service, ServiceSpec } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { lookupAll } from '../admission/lookup.ts';
import { defaultServiceCidr } from '../registry/ip-range.ts';
import { ensure } from '../bootstrap/reconcile.ts';
import type { Server } from '../server.ts';
import { IpAddressRecords } from './ip-address-records.ts';
import { IpAllocator, PortAllocator } from './ip-allocator.ts';
import { ipsOf, portsOf, serviceHook } from './service-hook.ts';

export const defaultNodePorts = { from: 30000, to: 32767 };

/** Learns from the stored services what is taken, then lets the services' hook hand out the rest. */
export async function startServiceAllocation(server: Server): Promise<void> {
  const { core, options } = server;
  const ips = new IpAllocator(options.serviceCidr ?? defaultServiceCidr, core.random);
  const ports = new PortAllocator(options.nodePortRange ?? defaultNodePorts, core.random);
  for (const service of await lookupAll<Service>(core, '/registry/services/specs/')) {
    const spec = service.spec as ServiceSpec;
    for (const ip of ipsOf(spec)) {
      const why = ips.take(ip);
      if (why) core.log.warn('a stored service has an address it cannot have', { service: `${service.metadata.namespace}/${service.metadata.name}`, ip, why });
    }
    for (const port of portsOf(spec)) ports.take(port);
  }
  core.hooks.add('', 'services', serviceHook({ ips, ports, records: new IpAddressRecords(core) }));
}

/** The ServiceCIDR object of the range from configuration. */
export async function ensureServiceCidr(server: Server): Promise<void> {
  const object = {
    kind: 'ServiceCIDR', apiVersion: 'networking.k8s.io/v1', metadata: { name: 'kubernetes', finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
    spec: { cidrs: [server.options.serviceCidr ?? defaultServiceCidr] },
    status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(server.core.clock.now()).toISOString().replace(/\.\d+Z/, 'Z'), reason: '', message: 'Kubernetes Service CIDR is ready' }] },
  };
  await ensure(server.core, [{ group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs', how: 'create', object: object as unknown as KubeObject }]);
}
