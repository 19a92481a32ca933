import { equalAs, stringMap } from '../../api/equality.ts';
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
} from '../../api/generated/types/discovery-v1.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import { isReady } from '../pod-facts.ts';
import {
  addressesOf,
  findPort,
  hasServiceHostname,
  isHeadless,
  servesTraffic,
} from '../service-pods.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const sliceController = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
const zoneLabel = 'topology.kubernetes.io/zone';
/** kube-controller-manager's --max-endpoints-per-slice. */
export const maxPerSlice = 100;

export type AddressType = 'IPv4' | 'IPv6';

/** The part of a slice that a controller decides. */
export interface SliceBody {
  addressType: string;
  ports: EndpointPort[];
  endpoints: Endpoint[];
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface SlicePlan {
  create: SliceBody[];
  update: { slice: EndpointSlice; body: SliceBody }[];
  remove: EndpointSlice[];
}

/** Endpoints that offer the same ports. */
export interface PortGroup {
  addressType: string;
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

export function sliceLabels(service: Service): Record<string, string> {
  const {
    [serviceNameLabel]: _name,
    [managedByLabel]: _by,
    [headlessLabel]: _headless,
    ...own
  } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name!,
    [managedByLabel]: sliceController,
  };
}

export function addressTypesOf(service: Service): AddressType[] {
  const families = (service.spec.ipFamilies ?? []).filter(
    (f) => f === 'IPv4' || f === 'IPv6',
  ) as AddressType[];
  if (families.length > 0) return families;
  const { clusterIP } = service.spec;
  if (clusterIP && clusterIP !== 'None') return [clusterIP.includes(':') ? 'IPv6' : 'IPv4'];
  return ['IPv4', 'IPv6'];
}

/**
 * The endpoints of a service by the ports they offer. Pods on nodes that are not known are left out
 * unless readiness does not matter.
 */
export function portGroups(
  service: Service,
  pods: Iterable<Pod>,
  nodeOf: (name: string) => Node | undefined,
  addressType: AddressType,
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const pod of pods) {
    if (!servesTraffic(pod, true)) continue;
    const node = pod.spec.nodeName ? nodeOf(pod.spec.nodeName) : undefined;
    if (!node && !service.spec.publishNotReadyAddresses) continue;
    const addresses = addressesOf(pod).filter((a) => a.includes(':') === (addressType === 'IPv6'));
    if (addresses.length === 0) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { addressType, ports, endpoints: [] }));
    group.endpoints.push(endpointOf(service, pod, node, addresses));
  }
  return [...groups.values()];
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const p of service.spec.ports ?? []) {
    const port = findPort(pod, p);
    if (port !== undefined)
      ports.push({
        name: p.name ?? '',
        protocol: p.protocol ?? 'TCP',
        port,
        ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
      });
  }
  return ports;
}

function endpointOf(
  service: Service,
  pod: Pod,
  node: Node | undefined,
  addresses: string[],
): Endpoint {
  const serving = isReady(pod);
  const terminating = Boolean(pod.metadata.deletionTimestamp);
  const zone = node?.metadata.labels?.[zoneLabel];
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses,
    conditions: {
      ready: Boolean(service.spec.publishNotReadyAddresses) || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hasServiceHostname(pod, service) ? { hostname: pod.spec.hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...hintsOf(service, pod.spec.nodeName, zone),
  };
}

/** Which clients an endpoint is for, where the Service says how near its traffic is to stay. */
function hintsOf(
  { spec }: Service,
  nodeName: string | undefined,
  zone: string | undefined,
): Pick<Endpoint, 'hints'> {
  const near = spec.trafficDistribution;
  const sameNode = near === 'PreferSameNode';
  const sameZone = sameNode || near === 'PreferSameZone' || near === 'PreferClose';
  const hints = {
    ...(sameZone && zone ? { forZones: [{ name: zone }] } : {}),
    ...(sameNode && nodeName ? { forNodes: [{ name: nodeName }] } : {}),
  };
  return Object.keys(hints).length > 0 ? { hints } : {};
}

/**
 * What to write so that `existing` slices hold exactly `groups`: endpoints stay in the slice they
 * are in, new ones fill slices with room before a new slice is made. A service without endpoints
 * keeps one empty slice for each address type.
 */
export function planSlices(
  existing: EndpointSlice[],
  groups: PortGroup[],
  o: {
    addressTypes: string[];
    labels: Record<string, string>;
    annotations?: Record<string, string>;
    owner: OwnerReference;
    placeholder: boolean;
  },
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const usable = existing.filter(
    (s) =>
      o.addressTypes.includes(s.addressType) &&
      s.metadata.ownerReferences?.some((r) => r.uid === o.owner.uid),
  );
  const left = new Set(usable);
  plan.remove.push(...existing.filter((s) => !left.has(s)));
  for (const group of groups) {
    const own = usable.filter(
      (s) => left.has(s) && s.addressType === group.addressType && samePorts(s.ports, group.ports),
    );
    for (const slice of own) left.delete(slice);
    planGroup(plan, own, group, o);
  }
  const empty = [...left];
  for (const addressType of o.addressTypes) {
    const placeholder = {
      addressType,
      ports: [],
      endpoints: [],
      labels: o.labels,
      annotations: o.annotations,
    };
    const stale = empty.filter((s) => s.addressType === addressType);
    const needed =
      o.placeholder && !groups.some((g) => g.addressType === addressType && g.endpoints.length > 0);
    const kept = needed
      ? stale.find(
          (s) =>
            !s.ports?.length &&
            !s.endpoints?.length &&
            equalAs(stringMap, s.metadata.labels, o.labels),
        )
      : undefined;
    plan.remove.push(...stale.filter((s) => s !== kept));
    if (needed && !kept) plan.create.push(placeholder);
  }
  return plan;
}

function planGroup(
  plan: SlicePlan,
  own: EndpointSlice[],
  group: PortGroup,
  o: { labels: Record<string, string>; annotations?: Record<string, string> },
): void {
  const { addressType, ports } = group;
  const wanted = new Map(group.endpoints.map((e) => [endpointKey(e), e]));
  const bodies = own.map((slice) => {
    const endpoints: Endpoint[] = [];
    for (const present of slice.endpoints ?? []) {
      const next = wanted.get(endpointKey(present));
      if (!next || endpoints.length >= maxPerSlice) continue;
      wanted.delete(endpointKey(present));
      endpoints.push(next);
    }
    return { slice, endpoints };
  });
  const rest = [...wanted.values()];
  for (const body of [...bodies].sort((a, b) => b.endpoints.length - a.endpoints.length)) {
    body.endpoints.push(...rest.splice(0, maxPerSlice - body.endpoints.length));
  }
  while (rest.length > 0)
    plan.create.push({ addressType, ports, endpoints: rest.splice(0, maxPerSlice), ...o });
  for (const { slice, endpoints } of bodies) {
    if (endpoints.length === 0) plan.remove.push(slice);
    else if (
      !equalAs('[]@discovery.v1.Endpoint', slice.endpoints, endpoints) ||
      !equalAs(stringMap, slice.metadata.labels, o.labels) ||
      (o.annotations && !equalAs(stringMap, slice.metadata.annotations, o.annotations))
    ) {
      plan.update.push({ slice, body: { addressType, ports, endpoints, ...o } });
    }
  }
}

function endpointKey(e: Endpoint): string {
  return `${e.targetRef?.uid ?? ''}|${(e.addresses ?? []).join(',')}|${e.hostname ?? ''}`;
}

function samePorts(a: EndpointPort[] | undefined, b: EndpointPort[]): boolean {
  const text = (ports: EndpointPort[]): string[] =>
    ports
      .map((p) => [p.name ?? '', p.protocol ?? 'TCP', p.port ?? '', p.appProtocol ?? ''].join('/'))
      .sort();
  return equalAs('[]string', text(a ?? []), text(b));
}
