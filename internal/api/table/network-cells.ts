import { joinHostPort } from '../../base/addresses.ts';
import type { Endpoints, Service, ServicePort } from '../generated/types/core-v1.ts';
import type { EndpointSlice } from '../generated/types/discovery-v1.ts';
import type {
  IPAddress,
  Ingress,
  IngressClass,
  NetworkPolicy,
  ServiceCIDR,
} from '../generated/types/networking-v1.ts';
import type { KubeObject } from '../object.ts';
import { formatSelector } from '../selectors.ts';
import { age, labelsText, nameOf, withMore } from './cell.ts';
import type { Cell } from './cell.ts';

const as = <T>(object: KubeObject): T => object as T;

interface Balanced {
  ip?: string;
  hostname?: string;
}

function balancerText(ingress: readonly Balanced[] | undefined): string {
  return [...new Set((ingress ?? []).map((i) => i.ip || i.hostname || '').filter((s) => s !== ''))]
    .sort()
    .join(',');
}

function externalIp({ spec, status }: Service): string {
  const given = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return given.join(',') || '<none>';
    case 'LoadBalancer': {
      const balanced = balancerText(status?.loadBalancer?.ingress);
      return [...(balanced ? [balanced] : []), ...given].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function portsText(ports: readonly ServicePort[] | undefined): string {
  return (
    (ports ?? [])
      .map(({ port, nodePort, protocol = 'TCP' }) =>
        nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
      )
      .join(',') || '<none>'
  );
}

export function service(object: KubeObject, now: number): Cell[] {
  const own = as<Service>(object);
  return [
    nameOf(object),
    own.spec?.type ?? '',
    own.spec?.clusterIPs?.[0] ?? '<none>',
    externalIp(own),
    portsText(own.spec?.ports),
    age(object, now),
    labelsText(own.spec?.selector),
  ];
}

/** `ip:port` of the first three addresses. */
function endpointsText({ subsets }: Endpoints): string {
  if (!subsets?.length) return '<none>';
  const all = subsets.flatMap((subset) => {
    const ips = (subset.addresses ?? []).map((a) => a.ip);
    if (!subset.ports?.length) return ips;
    return subset.ports.flatMap((port) => ips.map((ip) => `${joinHostPort(ip, port.port)}`));
  });
  return all.length === 0 ? '' : withMore(all);
}

export function endpoints(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), endpointsText(as<Endpoints>(object)), age(object, now)];
}

export function endpointSlice(object: KubeObject, now: number): Cell[] {
  const slice = as<EndpointSlice>(object);
  const ports = (slice.ports ?? []).map((p) =>
    p.port !== undefined ? String(p.port) : (p.name ?? '*'),
  );
  return [
    nameOf(object),
    slice.addressType ?? '',
    withMore(ports),
    withMore((slice.endpoints ?? []).flatMap((e) => e.addresses ?? [])),
    age(object, now),
  ];
}

export function ingress(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<Ingress>(object);
  const rules = spec?.rules ?? [];
  // Rules without a host count among those that are not shown, as upstream counts them.
  const hosts: string[] = [];
  let more = false;
  for (const rule of rules) {
    if (hosts.length === 3) more = true;
    if (!more && rule.host) hosts.push(rule.host);
  }
  const hostsText =
    hosts.length === 0
      ? '*'
      : more
        ? `${hosts.join(',')} + ${rules.length - 3} more...`
        : hosts.join(',');
  return [
    nameOf(object),
    spec?.ingressClassName ?? '<none>',
    hostsText,
    balancerText(status?.loadBalancer?.ingress),
    spec?.tls?.length ? '80, 443' : '80',
    age(object, now),
  ];
}

export function ingressClass(object: KubeObject, now: number): Cell[] {
  const { spec } = as<IngressClass>(object);
  const isDefault =
    object.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
  const ref = spec?.parameters;
  const parameters = ref
    ? `${ref.kind}${ref.apiGroup === undefined ? '' : `.${ref.apiGroup}`}/${ref.name}`
    : '<none>';
  return [
    `${nameOf(object)}${isDefault ? ' (default)' : ''}`,
    spec?.controller ?? '',
    parameters,
    age(object, now),
  ];
}

export function networkPolicy(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    formatSelector(as<NetworkPolicy>(object).spec?.podSelector ?? {}),
    age(object, now),
  ];
}

export function serviceCidr(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), (as<ServiceCIDR>(object).spec?.cidrs ?? []).join(','), age(object, now)];
}

export function ipAddress(object: KubeObject, now: number): Cell[] {
  const ref = as<IPAddress>(object).spec?.parentRef;
  if (!ref) return [nameOf(object), '<none>', age(object, now)];
  const resource = `${ref.resource ?? ''}${ref.group ? `.${ref.group}` : ''}`.toLowerCase();
  return [
    nameOf(object),
    [resource, ...(ref.namespace ? [ref.namespace] : []), ref.name ?? ''].join('/'),
    age(object, now),
  ];
}
