import { equalAs, stringMap } from '../../api/equality.ts';
import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Pod,
  Service,
} from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { nothing, say, type Plan, type Write } from '../kit/write.ts';
import { isReady } from '../pod-facts.ts';
import {
  addressesOf,
  compareIps,
  findPort,
  hasServiceHostname,
  isHeadless,
  servesTraffic,
} from '../service-pods.ts';

export interface EndpointsView {
  service: Service | undefined;
  present: Endpoints | undefined;
  /** The pods that the service selects. */
  pods: Pod[];
}

/** The one object a service with a selector has; none for a service that is gone. */
export function planEndpoints({ service, present, pods }: EndpointsView): Plan {
  const ref = refs.endpoints;
  if (!service) return present ? { steps: [{ verb: 'delete', ref, object: present }] } : nothing;
  if (!service.spec.selector || service.spec.type === 'ExternalName') return nothing;
  const { subsets, truncated } = truncate(subsetsOf(service, pods));
  const labels = {
    ...service.metadata.labels,
    [managedByLabel]: managedBy,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  };
  const { [overCapacityAnnotation]: wasTruncated, ...annotations } =
    present?.metadata.annotations ?? {};
  if (
    present &&
    equalAs('[]@core.v1.EndpointSubset', present.subsets, subsets) &&
    equalAs(stringMap, present.metadata.labels, labels) &&
    Boolean(wasTruncated) === truncated
  )
    return nothing;
  const { namespace, name } = service.metadata;
  const metadata = {
    ...(present?.metadata ?? { name, namespace }),
    labels,
    annotations: {
      ...annotations,
      ...(truncated ? { [overCapacityAnnotation]: 'truncated' } : {}),
    },
  };
  const object = { metadata, subsets };
  const what = `${namespace}/${name}`;
  const write: Write = present
    ? {
        verb: 'update',
        ref,
        object,
        failed: (error) =>
          say(
            present,
            'Warning',
            'FailedToUpdateEndpoint',
            `Failed to update endpoint ${what}: ${error}`,
          ),
      }
    : {
        verb: 'create',
        ref,
        object,
        failed: (error) =>
          say(
            service,
            'Warning',
            'FailedToCreateEndpoint',
            `Failed to create endpoint for service ${what}: ${error}`,
          ),
      };
  return { steps: [{ ...write, quiet: ['Conflict', 'AlreadyExists'] }] };
}

export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const managedBy = 'endpoint-controller';
const headlessLabel = 'service.kubernetes.io/headless';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** More addresses than this an Endpoints object does not hold. */
const maxAddresses = 1000;

interface Entry {
  address: EndpointAddress;
  ready: boolean;
  ports: EndpointPort[];
}

/** The subsets of a service: addresses that offer the same ports stand together. */
function subsetsOf(service: Service, pods: Iterable<Pod>): EndpointSubset[] {
  const ipv6 = (service.spec.ipFamilies?.[0] ?? 'IPv4') === 'IPv6';
  const groups = new Map<string, { ports: EndpointPort[]; entries: Entry[] }>();
  for (const pod of pods) {
    const entry = entryOf(service, pod, ipv6);
    if (!entry) continue;
    const key = JSON.stringify(entry.ports);
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { ports: entry.ports, entries: [] }));
    group.entries.push(entry);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subsetOf(group));
}

function entryOf(service: Service, pod: Pod, ipv6: boolean): Entry | undefined {
  const publish = service.spec.publishNotReadyAddresses ?? false;
  if (!servesTraffic(pod, publish)) return undefined;
  const ip = addressesOf(pod).find((a) => a.includes(':') === ipv6);
  if (!ip) return undefined;
  const ports: EndpointPort[] = [];
  for (const p of service.spec.ports ?? []) {
    const port = findPort(pod, p);
    if (port === undefined) continue;
    ports.push({
      ...(p.name ? { name: p.name } : {}),
      port,
      protocol: p.protocol ?? 'TCP',
      ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
    });
  }
  const declared = service.spec.ports?.length ?? 0;
  if (ports.length === 0 && (declared > 0 || !isHeadless(service))) return undefined;
  ports.sort((a, b) =>
    (a.name ?? '') < (b.name ?? '') ? -1 : (a.name ?? '') > (b.name ?? '') ? 1 : a.port - b.port,
  );
  const { namespace, name, uid } = pod.metadata;
  const address: EndpointAddress = {
    ip,
    ...(hasServiceHostname(pod, service) ? { hostname: pod.spec.hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
  return { address, ready: publish || isReady(pod), ports };
}

function subsetOf({ ports, entries }: { ports: EndpointPort[]; entries: Entry[] }): EndpointSubset {
  const sorted = [...entries].sort((a, b) => compareIps(a.address.ip, b.address.ip));
  const ready = sorted.filter((e) => e.ready).map((e) => e.address);
  const notReady = sorted.filter((e) => !e.ready).map((e) => e.address);
  return {
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

/** Cuts what is beyond the capacity of one object, not-ready addresses first. */
function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const total = subsets.reduce(
    (n, s) => n + (s.addresses?.length ?? 0) + (s.notReadyAddresses?.length ?? 0),
    0,
  );
  if (total <= maxAddresses) return { subsets, truncated: false };
  let left = maxAddresses;
  const ready = subsets.map((s) => {
    const addresses = (s.addresses ?? []).slice(0, left);
    left -= addresses.length;
    return { ...s, addresses };
  });
  const cut = ready.map((s) => {
    const notReadyAddresses = (s.notReadyAddresses ?? []).slice(0, left);
    left -= notReadyAddresses.length;
    return { ...s, notReadyAddresses };
  });
  return { subsets: cut, truncated: true };
}
