import type { ServicePort, ServiceSpec } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';

const hasClusterIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName';
const hasNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer';
const hasHealthPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
const isExternal = (spec: ServiceSpec): boolean =>
  hasNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
const isBalanced = (spec: ServiceSpec): boolean => spec.type === 'LoadBalancer';

/**
 * A client that leaves out what the server allocated keeps it; a change of type lets go what the
 * new type does not have.
 */
export function serviceUpdate(object: KubeObject, old: KubeObject): void {
  const was = (fieldsOf(old)['spec'] as ServiceSpec | undefined) ?? {};
  const spec: ServiceSpec = { ...(fieldsOf(object)['spec'] as ServiceSpec | undefined) };
  fieldsOf(object)['spec'] = spec;
  keepAllocated(spec, was);
  dropForType(spec, was);
  if (spec.type !== 'LoadBalancer')
    fieldsOf(object)['status'] = {
      ...(fieldsOf(object)['status'] as Dict | undefined),
      loadBalancer: {},
    };
}

function keepAllocated(spec: ServiceSpec, was: ServiceSpec): void {
  if (hasClusterIp(was) && hasClusterIp(spec)) {
    if (!spec.clusterIP && was.clusterIP) spec.clusterIP = was.clusterIP;
    if (!spec.clusterIPs?.length && was.clusterIPs?.length) spec.clusterIPs = was.clusterIPs;
  }
  if (hasNodePorts(was) && hasNodePorts(spec))
    spec.ports = withNodePorts(spec.ports ?? [], was.ports ?? []);
  if (
    hasHealthPort(was) &&
    hasHealthPort(spec) &&
    !spec.healthCheckNodePort &&
    was.healthCheckNodePort
  )
    spec.healthCheckNodePort = was.healthCheckNodePort;
}

const portsOf = (ports: readonly ServicePort[]): Set<number> =>
  new Set(ports.flatMap((p) => (p.nodePort ? [p.nodePort] : [])));

function withNodePorts(ports: readonly ServicePort[], was: readonly ServicePort[]): ServicePort[] {
  const both = portsOf(was).intersection(portsOf(ports));
  const byName = new Map(was.map((p) => [p.name ?? '', p.nodePort]));
  return ports.map((port) => {
    const known = port.nodePort ? undefined : byName.get(port.name ?? '');
    return known && !both.has(known) ? { ...port, nodePort: known } : port;
  });
}

function dropForType(spec: ServiceSpec, was: ServiceSpec): void {
  if (hasClusterIp(was) && !hasClusterIp(spec)) {
    if (
      semanticEqual([spec.clusterIP ?? '', spec.clusterIPs], [was.clusterIP ?? '', was.clusterIPs])
    ) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    dropIfSame(spec, was, 'ipFamilies');
    dropIfSame(spec, was, 'ipFamilyPolicy');
    dropIfSame(spec, was, 'internalTrafficPolicy');
  }
  if (
    hasNodePorts(was) &&
    !hasNodePorts(spec) &&
    portsOf(spec.ports ?? []).isSubsetOf(portsOf(was.ports ?? []))
  ) {
    spec.ports = (spec.ports ?? []).map(({ nodePort: _gone, ...port }) => port);
  }
  if (hasHealthPort(was) && !hasHealthPort(spec)) dropIfSame(spec, was, 'healthCheckNodePort');
  if (isBalanced(was) && !isBalanced(spec)) {
    if (spec.allocateLoadBalancerNodePorts !== undefined)
      dropIfSame(spec, was, 'allocateLoadBalancerNodePorts');
    dropIfSame(spec, was, 'loadBalancerClass');
  }
  if (isExternal(was) && !isExternal(spec)) dropIfSame(spec, was, 'externalTrafficPolicy');
}

function dropIfSame(spec: ServiceSpec, was: ServiceSpec, field: keyof ServiceSpec): void {
  if (semanticEqual(spec[field], was[field])) delete spec[field];
}
