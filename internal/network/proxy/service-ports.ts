import type { Pod, Service, ServicePort as ApiPort } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice, Endpoint } from '../../api/generated/types/discovery-v1.ts';

/** One endpoint of a service port: IPv4 address and port. */
export interface Backend {
  ip: string;
  port: number;
  /** On this node. */
  local: boolean;
}

/** How one service port is reached and who answers. */
export interface ServicePort {
  /** `namespace/name:port`, for messages. */
  name: string;
  protocol: 'tcp' | 'udp' | 'sctp';
  port: number;
  clusterIps: string[];
  externalIps: string[];
  loadBalancerIps: string[];
  sourceRanges: string[];
  nodePort: number;
  affinity: boolean;
  /** Traffic to cluster addresses stays on the node. */
  internalLocal: boolean;
  /** Traffic from outside stays on the node and keeps its source address. */
  externalLocal: boolean;
  backends: Backend[];
}

export interface HostPort {
  hostIp: string;
  port: number;
  protocol: 'tcp' | 'udp' | 'sctp';
  podIp: string;
  podPort: number;
}

const isIpv4 = (address: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(address);
const protocolOf = (name: string | undefined): ServicePort['protocol'] => (name ?? 'TCP').toLowerCase() as ServicePort['protocol'];

/** The service ports of one Service, with the endpoints that its slices give. Headless and ExternalName services have none. */
export function servicePorts(service: Service, slices: Iterable<EndpointSlice>, nodeName: string): ServicePort[] {
  const { spec } = service;
  const clusterIps = (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])).filter(isIpv4);
  if (spec.type === 'ExternalName' || clusterIps.length === 0) return [];
  const all = [...slices].filter((s) => s.addressType === 'IPv4');
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  return (spec.ports ?? []).map((port) => ({
    name: `${service.metadata.namespace}/${service.metadata.name}:${port.name ?? ''}`,
    protocol: protocolOf(port.protocol),
    port: port.port,
    clusterIps,
    externalIps: (spec.externalIPs ?? []).filter(isIpv4),
    loadBalancerIps: loadBalancerIps(service),
    sourceRanges: spec.type === 'LoadBalancer' ? (spec.loadBalancerSourceRanges ?? []).map((r) => r.trim()).filter((r) => isIpv4(r.split('/')[0] ?? '')) : [],
    nodePort: outside ? (port.nodePort ?? 0) : 0,
    affinity: spec.sessionAffinity === 'ClientIP',
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: outside && spec.externalTrafficPolicy === 'Local',
    backends: backendsOf(port, all, nodeName),
  }));
}

function loadBalancerIps(service: Service): string[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  return ingress.filter((i) => i.ipMode !== 'Proxy').flatMap((i) => (i.ip && isIpv4(i.ip) ? [i.ip] : []));
}

/** Ready endpoints; when none is ready, those that are terminating but still serve (KEP-1669). */
function backendsOf(port: ApiPort, slices: EndpointSlice[], nodeName: string): Backend[] {
  const ready = new Map<string, Backend>();
  const serving = new Map<string, Backend>();
  for (const slice of slices) {
    const match = (slice.ports ?? []).find((p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
    if (!match?.port) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const into = isReady(endpoint) ? ready : isServing(endpoint) ? serving : undefined;
      if (!into) continue;
      for (const ip of endpoint.addresses ?? []) {
        into.set(`${ip}:${match.port}`, { ip, port: match.port, local: endpoint.nodeName === nodeName });
      }
    }
  }
  const chosen = ready.size > 0 ? ready : serving;
  return [...chosen.values()].sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

const isReady = (e: Endpoint): boolean => e.conditions?.ready !== false;
const isServing = (e: Endpoint): boolean => e.conditions?.serving !== false && e.conditions?.terminating === true;

/** The host ports of a pod that runs here with a network of its own. */
export function hostPorts(pod: Pod): HostPort[] {
  const podIp = pod.status?.podIP;
  if (!podIp || !isIpv4(podIp) || pod.spec.hostNetwork || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return [];
  const containers = [...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'), ...pod.spec.containers];
  return containers.flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => p.hostPort)
      .map((p) => ({
        hostIp: p.hostIP && p.hostIP !== '0.0.0.0' ? p.hostIP : '',
        port: p.hostPort as number,
        protocol: protocolOf(p.protocol),
        podIp,
        podPort: p.containerPort,
      })),
  );
}
