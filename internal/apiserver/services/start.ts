import { refs } from '../../api/generated/refs.ts';
import { timeOf } from '../../api/times.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import type { Service, ServiceSpec } from '../../api/generated/types/core-v1.ts';
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { lookup, lookupAll } from '../admission/lookup.ts';
import { defaultServiceCidr } from './service-ranges.ts';
import { ensure, systemCall } from '../bootstrap/reconcile.ts';
import { updateObject } from '../registry/update.ts';
import type { Server } from '../server.ts';
import { IpAddressRecords } from './ip-address-records.ts';
import { IpAllocator, PortAllocator } from './ip-allocator.ts';
import { portsOf, serviceHook } from './service-hook.ts';
import { ipsOf } from './service-ips.ts';
import { ownName, ServiceRanges } from './service-ranges.ts';
import { SharedAllocations } from './shared-allocations.ts';

const defaultNodePorts = { from: 30000, to: 32767 };

/**
 * Learns from the stored services what is taken, then lets the services' hook hand out the rest.
 * Returns how to stop.
 */
export async function startServiceAllocation(server: Server): Promise<() => void> {
  const { core, options } = server;
  const ranges = new ServiceRanges(options.serviceCidr ?? defaultServiceCidr);
  await ranges.start(core);
  const ips = new IpAllocator(ranges, core.random);
  const ports = new PortAllocator(options.nodePortRange ?? defaultNodePorts, core.random);
  const records = new IpAddressRecords(core);
  await records.repair();
  core.hooks.add('networking.k8s.io', 'ipaddresses', {
    afterDelete: (_call, object) => records.restore(object as IPAddress),
  });
  if (options.sharedStore) {
    const shared = new SharedAllocations({
      core,
      ips,
      ports,
      holdings: { ips: ipsOf, ports: portsOf },
    });
    await shared.start();
    core.hooks.add('', 'services', serviceHook({ ips, ports, records, shared }));
    return () => {
      shared.stop();
      ranges.stop();
    };
  }
  for (const service of await lookupAll<Service>(core, registryPrefix(refs.services))) {
    const spec = service.spec as ServiceSpec;
    for (const ip of ipsOf(spec)) {
      if (!ips.hold(ip))
        core.log.warn('two stored services have the same address', {
          service: `${service.metadata.namespace}/${service.metadata.name}`,
          ip,
        });
    }
    for (const port of portsOf(spec)) ports.take(port);
  }
  core.hooks.add('', 'services', serviceHook({ ips, ports, records }));
  return () => ranges.stop();
}

/** The ServiceCIDR object of the range from configuration. */
export async function ensureServiceCidr(server: Server): Promise<void> {
  const object = {
    kind: 'ServiceCIDR',
    apiVersion: 'networking.k8s.io/v1',
    metadata: { name: ownName, finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
    spec: { cidrs: (server.options.serviceCidr ?? defaultServiceCidr).split(',') },
  };
  const at = { group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' };
  await ensure(server.core, [{ ...at, how: 'create', object: object as KubeObject }]);
  const stored = await lookup<ServiceCIDR>(
    server.core,
    registryKey(refs.serviceCidrs, '', ownName),
  );
  if (!stored || stored.status?.conditions?.some((one) => one.type === 'Ready')) return;
  const ready = {
    type: 'Ready',
    status: 'True',
    lastTransitionTime: timeOf(server.core.clock.now()),
    reason: '',
    message: 'Kubernetes Service CIDR is ready',
  };
  await updateObject(server.core, systemCall(server.core, at, '', ownName), {
    raw: true,
    make: (old) => ({ ...deepCopy(old as KubeObject), status: { conditions: [ready] } }),
  });
}
