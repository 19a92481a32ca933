import type { Node, Service } from '../../api/generated/types/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { parseIpv4, familyOf, parseIp, type Ip } from '../../base/addresses.ts';

/** Where names come from. Satisfied by mirrors. */
export interface Zone {
  domain: string;
  /** The address that this server answers on. */
  address: string;
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): Iterable<EndpointSlice>;
  hasNamespace(name: string): boolean;
  /** The service that has this cluster address. */
  serviceAt(ip: string): Service | undefined;
  /** Slices that hold this address. */
  slicesAt(ip: string): Iterable<EndpointSlice>;
  node(name: string): Node | undefined;
  /** What operators say of a name, before anybody else is asked; undefined: nothing. */
  told(name: string, type: string): DnsRecord[] | undefined;
}

export type DnsRecord =
  | { type: 'A' | 'AAAA'; name: string; data: Ip }
  | { type: 'CNAME' | 'PTR' | 'NS'; name: string; data: string }
  | { type: 'TXT'; name: string; data: string }
  | {
      type: 'SRV';
      name: string;
      data: { port: number; target: string; priority: number; weight: number };
    }
  /** The one SOA of the cluster's domain, whose values are the server's. */
  | { type: 'SOA'; name: string; data: string };

/** `elsewhere`: not a name of this cluster. `missing`: ours, and there is no such name. */
export type Lookup =
  | { kind: 'elsewhere' }
  | { kind: 'missing' }
  | { kind: 'found'; records: DnsRecord[]; additional?: DnsRecord[] };

/** The name is there, though it has no record: names stand below it (RFC 8020). */
const none: Lookup = { kind: 'found', records: [] };
const missing: Lookup = { kind: 'missing' };

/** Answers a question of the cluster's zones. `name` is lower case without the last dot. */
export function lookup(zone: Zone, name: string, type: string): Lookup {
  if (name.endsWith('.in-addr.arpa')) return reverse(zone, name, type);
  const suffix = `.${zone.domain}`;
  if (name === zone.domain)
    return found(
      type,
      [
        { type: 'SOA', name, data: zone.domain },
        { type: 'NS', name, data: `ns.dns${suffix}` },
      ],
      addresses(`ns.dns${suffix}`, [zone.address]),
    );
  if (!name.endsWith(suffix)) return nodeName(zone, name, type);
  const labels = name.slice(0, -suffix.length).split('.');
  if (name === `dns-version${suffix}`) return found(type, [{ type: 'TXT', name, data: '1.1.0' }]);
  const kind = labels.pop();
  if (kind === 'svc') return serviceName(zone, name, labels, type);
  if (kind === 'pod') return podName(zone, name, labels, type);
  if (name === `dns${suffix}`) return none;
  if (name === `ns.dns${suffix}`) return found(type, addresses(name, [zone.address]));
  return missing;
}

const found = (type: string, records: DnsRecord[], additional: DnsRecord[] = []): Lookup => ({
  kind: 'found',
  records: records.filter((r) => type === 'ANY' || r.type === type || r.type === 'CNAME'),
  additional,
});

/** What is not an address is left out: one bad endpoint takes no other's name away. */
const addresses = (name: string, ips: string[]): DnsRecord[] =>
  ips.flatMap((text) => {
    const ip = parseIp(text);
    return ip ? [{ type: familyOf(ip) === 6 ? 'AAAA' : 'A', name, data: ip }] : [];
  });

/** Node names resolve too, as users of a small cluster expect. */
function nodeName(zone: Zone, name: string, type: string): Lookup {
  const node = name.includes('.') ? undefined : zone.node(name);
  if (!node) return { kind: 'elsewhere' };
  const ips = (node.status.addresses ?? [])
    .filter((a) => a.type === 'InternalIP')
    .map((a) => a.address);
  return found(type, addresses(name, ips));
}

function podName(zone: Zone, name: string, labels: string[], type: string): Lookup {
  const namespace = labels.pop();
  if (namespace === undefined) return none;
  if (!zone.hasNamespace(namespace)) return missing;
  const dashed = labels.pop();
  if (dashed === undefined) return none;
  const ip = parseIpv4(dashed.replace(/-/g, '.'));
  if (labels.length > 0 || !ip) return missing;
  return found(type, [{ type: 'A', name, data: ip }]);
}

function serviceName(zone: Zone, name: string, labels: string[], type: string): Lookup {
  const namespace = labels.pop();
  if (namespace === undefined) return none;
  if (!zone.hasNamespace(namespace)) return missing;
  const serviceLabel = labels.pop();
  if (serviceLabel === undefined) return none;
  const service = zone.service(namespace, serviceLabel);
  if (!service) return missing;
  const own = `${serviceLabel}.${namespace}.svc.${zone.domain}`;
  if (service.spec.type === 'ExternalName') {
    return labels.length
      ? missing
      : {
          kind: 'found',
          records: [
            { type: 'CNAME', name, data: (service.spec.externalName ?? '').replace(/\.$/, '') },
          ],
        };
  }
  if (labels.length === 2 && labels[0]?.startsWith('_') && labels[1]?.startsWith('_')) {
    return portName(
      zone,
      service,
      own,
      { name, port: labels[0].slice(1), protocol: labels[1].slice(1) },
      type,
    );
  }
  if (labels.length > 1) return missing;
  if (labels[0]?.startsWith('_'))
    return hasProtocol(zone, service, labels[0].slice(1)) ? none : missing;
  // Every endpoint has a name below its service, with a cluster address or without: it is the one
  // that the reverse zone gives.
  if (headless(service) || labels.length)
    return headlessName(zone, service, { name, own, host: labels[0] }, type);
  const records = addresses(name, clusterIps(service));
  return found(
    type,
    type === 'SRV' ? servicePorts(service, name, own) : records,
    type === 'SRV' ? addresses(own, clusterIps(service)) : [],
  );
}

const headless = (service: Service): boolean =>
  service.spec.clusterIP === 'None' || !service.spec.clusterIP;
const clusterIps = (service: Service): string[] =>
  service.spec.clusterIPs ?? (service.spec.clusterIP ? [service.spec.clusterIP] : []);

function servicePorts(service: Service, name: string, own: string): DnsRecord[] {
  return (service.spec.ports ?? []).map((p) => srv(name, p.port, own));
}

const srv = (name: string, port: number, target: string): DnsRecord => ({
  type: 'SRV',
  name,
  data: { port, target, priority: 0, weight: 100 },
});

interface Member {
  host: string;
  ips: string[];
  slice: EndpointSlice;
}

/**
 * The endpoints that DNS shows: ready ones, or all where the service publishes those that are not.
 */
function members(zone: Zone, service: Service): Member[] {
  const { namespace = '', name = '' } = service.metadata;
  const all: Member[] = [];
  for (const slice of zone.slices(namespace, name)) {
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false && !service.spec.publishNotReadyAddresses) continue;
      all.push({ host: hostOf(endpoint), ips: endpoint.addresses ?? [], slice });
    }
  }
  return all;
}

/** An endpoint without a hostname is named by its address, as CoreDNS does: 10-42-0-7. */
const hostOf = (endpoint: Endpoint): string =>
  (endpoint.hostname || (endpoint.addresses?.[0] ?? '').replace(/[.:]/g, '-')).toLowerCase();

function headlessName(
  zone: Zone,
  service: Service,
  query: { name: string; own: string; host: string | undefined },
  type: string,
): Lookup {
  const all = members(zone, service);
  const chosen = query.host === undefined ? all : all.filter((m) => m.host === query.host);
  if (chosen.length === 0) return missing;
  const ips = [...new Set(chosen.flatMap((m) => m.ips))];
  if (type !== 'SRV') return found(type, addresses(query.name, ips));
  const records = chosen.flatMap((m) =>
    (m.slice.ports ?? []).map((p) => srv(query.name, p.port ?? 0, `${m.host}.${query.own}`)),
  );
  return found(
    type,
    unique(records),
    chosen.flatMap((m) => addresses(`${m.host}.${query.own}`, m.ips)),
  );
}

function portName(
  zone: Zone,
  service: Service,
  own: string,
  query: { name: string; port: string; protocol: string },
  type: string,
): Lookup {
  const matches = (p: { name?: string; protocol?: string }): boolean =>
    (p.name ?? '').toLowerCase() === query.port &&
    (p.protocol ?? 'TCP').toLowerCase() === query.protocol;
  if (!headless(service)) {
    const ports = (service.spec.ports ?? []).filter(matches);
    if (ports.length === 0) return missing;
    return found(
      type,
      ports.map((p) => srv(query.name, p.port, own)),
      addresses(own, clusterIps(service)),
    );
  }
  const chosen = members(zone, service).filter((m) => (m.slice.ports ?? []).some(matches));
  if (chosen.length === 0) return missing;
  const records = chosen.flatMap((m) =>
    (m.slice.ports ?? [])
      .filter(matches)
      .map((p) => srv(query.name, p.port ?? 0, `${m.host}.${own}`)),
  );
  return found(
    type,
    unique(records),
    chosen.flatMap((m) => addresses(`${m.host}.${own}`, m.ips)),
  );
}

/** `_tcp.web...` stands above `_http._tcp.web...`. */
function hasProtocol(zone: Zone, service: Service, protocol: string): boolean {
  const ports = headless(service)
    ? members(zone, service).flatMap((m) => m.slice.ports ?? [])
    : (service.spec.ports ?? []);
  return ports.some((p) => p.name && (p.protocol ?? 'TCP').toLowerCase() === protocol);
}

function unique(records: DnsRecord[]): DnsRecord[] {
  return [...new Map(records.map((r) => [JSON.stringify(r.data), r])).values()];
}

/**
 * The names of an address. Each of them leads back to it, so only what is shown under a name is
 * named here.
 */
function reverse(zone: Zone, name: string, type: string): Lookup {
  const ip = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
  if (parseIpv4(ip) !== ip) return { kind: 'elsewhere' };
  const service = zone.serviceAt(ip);
  const targets = new Set<string>();
  if (service)
    targets.add(`${service.metadata.name}.${service.metadata.namespace}.svc.${zone.domain}`);
  for (const slice of service ? [] : zone.slicesAt(ip)) {
    const { namespace = '', labels } = slice.metadata;
    const owner = zone.service(namespace, labels?.['kubernetes.io/service-name'] ?? '');
    if (!owner || owner.spec.type === 'ExternalName') continue;
    for (const m of members(zone, owner))
      if (m.ips.includes(ip))
        targets.add(`${m.host}.${owner.metadata.name}.${namespace}.svc.${zone.domain}`);
  }
  if (targets.size === 0) return { kind: 'elsewhere' };
  return found(
    type,
    [...targets].map((data) => ({ type: 'PTR', name, data })),
  );
}
