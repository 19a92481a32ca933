import type { Container, Pod, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import {
  cidrHas,
  familyOf,
  isUnicast,
  parseCidr,
  parseIp,
  parsePort,
  type Family,
  type Ip,
  type Cidr,
  type Port,
} from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import { nextBuckets, noBuckets, type Affinity } from './affinity.ts';
import { endpointsOf, shown, type Endpoints, type LeftOut } from './endpoints.ts';
import type { ServiceHealth } from './health-ports.ts';

export type { Backend, LeftOut } from './endpoints.ts';

/**
 * The kernel's names of the protocols a service may have. Only parseProtocol makes one out of an
 * object.
 */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** How one service port is reached and who answers. */
export interface ServicePort extends Endpoints {
  /** `namespace/name:port`, for messages. */
  name: string;
  protocol: Protocol;
  port: Port;
  clusterIps: Ip[];
  externalIps: Ip[];
  loadBalancerIps: Ip[];
  /**
   * Undefined = everybody. An empty list lets nobody in: all that was asked for could not be read.
   */
  sourceRanges: Cidr[] | undefined;
  nodePort: Port | undefined;
  /** Undefined: every connection may go elsewhere. */
  affinity: Affinity | undefined;
  /** Traffic to cluster addresses stays on the node. */
  internalLocal: boolean;
  /** Traffic from outside stays on the node and keeps its source address. */
  externalLocal: boolean;
}

export interface HostPort {
  /** Undefined = every address of the node. */
  hostIp: Ip | undefined;
  port: Port;
  protocol: Protocol;
  podIp: Ip;
  podPort: Port;
}

export interface ServiceContext {
  nodeName: string;
  zone?: string | undefined;
  /**
   * Addresses that only the cluster itself gives out: no Service may claim one as an external
   * address.
   */
  clusterRanges: readonly Cidr[];
  /** Which half of a dual-stack Service is meant; IPv4 when nothing is said. */
  family?: Family;
  leftOut: LeftOut;
  /** What clients of a service port are pinned to. */
  pinned?: (port: Omit<ServicePort, 'affinity' | keyof Endpoints>) => Affinity | undefined;
}

/** Three hours, as everywhere in Kubernetes. */
const defaultAffinityS = 10_800;
const longestAffinityS = 86_400;

/** Seconds that a client keeps its endpoint; undefined without session affinity. */
function affinitySeconds({ sessionAffinity, sessionAffinityConfig }: Service['spec']) {
  if (sessionAffinity !== 'ClientIP') return undefined;
  const seconds: unknown = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const given = typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0;
  return given ? Math.min(seconds, longestAffinityS) : defaultAffinityS;
}

/** The protocol that nft names so. */
export function nameOfProtocol(name: unknown): Protocol | undefined {
  return name === 'tcp' || name === 'udp' || name === 'sctp' ? name : undefined;
}

function parseProtocol(name: string | undefined): Protocol | undefined {
  if (name === undefined || name === '' || name === 'TCP') return 'tcp';
  return name === 'UDP' ? 'udp' : name === 'SCTP' ? 'sctp' : undefined;
}

/** Services with one of these labels are served by another proxy, or by none. */
const othersLabels = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

/** Whether a Service or a slice of it is left to others, as kube-proxy leaves it. */
const isOthers = ({ metadata }: Service | EndpointSlice): boolean =>
  othersLabels.some((label) => own(metadata.labels, label) !== undefined);

/**
 * The service ports of one Service, with the endpoints that its slices give. Headless and
 * ExternalName services have none.
 */
export function servicePorts(
  service: Service,
  slices: Iterable<EndpointSlice>,
  context: ServiceContext,
): ServicePort[] {
  const { spec } = service;
  const key = `${service.metadata.namespace}/${service.metadata.name}`;
  const leftOut: LeftOut = (what) => context.leftOut(`Service ${key}: ${what}`);
  const { family = 4 } = context;
  // An address of the other family is no fault: the other half of a dual-stack Service.
  const clusterIps = (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])).flatMap(
    (ip) => addressOf(family, ip) ?? [],
  );
  if (spec.type === 'ExternalName' || clusterIps.length === 0 || isOthers(service)) return [];
  const all = [...slices].filter((s) => s.addressType === `IPv${family}` && !isOthers(s));
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const loadBalancer = spec.type === 'LoadBalancer';
  const ingress = loadBalancer
    ? (service.status?.loadBalancer?.ingress ?? [])
        .filter((i) => i.ipMode !== 'Proxy')
        .flatMap((i) => i.ip ?? [])
    : [];
  const common = {
    clusterIps,
    externalIps: outsideIps(spec.externalIPs ?? [], context, leftOut),
    loadBalancerIps: outsideIps(ingress, context, leftOut),
    sourceRanges: loadBalancer
      ? sourceRanges(spec.loadBalancerSourceRanges ?? [], family, leftOut)
      : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: outside && spec.externalTrafficPolicy === 'Local',
  };
  const timeoutS = affinitySeconds(spec);
  return (spec.ports ?? []).flatMap((apiPort) => {
    const [protocol, port] = [parseProtocol(apiPort.protocol), parsePort(apiPort.port)];
    if (!protocol || !port) {
      leftOut(`port ${shown(apiPort.port)}/${shown(apiPort.protocol)}`);
      return [];
    }
    const place = { nodeName: context.nodeName, zone: context.zone, family };
    const found = endpointsOf(apiPort, all, place, leftOut);
    const asked = {
      ...common,
      name: `${key}:${apiPort.name ?? ''}`,
      protocol,
      port,
      nodePort: outside ? parsePort(apiPort.nodePort) : undefined,
    };
    const affinity =
      timeoutS === undefined ? undefined : affinityOf(timeoutS, found, context.pinned?.(asked));
    return [{ ...asked, ...found, affinity }];
  });
}

function affinityOf(timeoutS: number, found: Endpoints, before?: Affinity): Affinity {
  return {
    timeoutS,
    all: nextBuckets(before?.all ?? noBuckets, found.backends),
    local: nextBuckets(before?.local ?? before?.all ?? noBuckets, found.local),
  };
}

/** What the health check node port of a Service says, where it has one. */
export function healthOf(
  { metadata, spec }: Service,
  ports: readonly ServicePort[],
): ServiceHealth | undefined {
  const port = parsePort(spec.healthCheckNodePort);
  if (!port || spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local')
    return undefined;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    port,
    localEndpoints: new Set(ports.flatMap(({ readyHere }) => readyHere)).size,
  };
}

/**
 * Addresses outside the cluster that should lead to a service: never one that belongs to pods,
 * services or the machine itself.
 */
function outsideIps(texts: string[], context: ServiceContext, leftOut: LeftOut): Ip[] {
  return texts.flatMap((text) => {
    const ip = addressOf(context.family ?? 4, text);
    if (ip && isUnicast(ip) && !context.clusterRanges.some((range) => cidrHas(range, ip)))
      return [ip];
    if (!isOther(context.family ?? 4, text)) leftOut(`external address ${shown(text)}`);
    return [];
  });
}

function sourceRanges(texts: string[], family: Family, leftOut: LeftOut): Cidr[] | undefined {
  if (texts.length === 0) return undefined;
  return texts.flatMap((text) => {
    const parsed = parseCidr(text.trim());
    if (parsed && familyOf(parsed) === family) return [parsed];
    if (!isOther(family, text)) leftOut(`source range ${shown(text)}`);
    return [];
  });
}

function addressOf(family: Family, text: unknown): Ip | undefined {
  const ip = parseIp(text);
  return ip && familyOf(ip) === family ? ip : undefined;
}

/** Text that is meant for the other family, whatever it is worth. */
const isOther = (family: Family, text: string): boolean => text.includes(':') === (family === 4);

/** The host ports of a pod that runs here with a network of its own. */
export function hostPorts(
  pod: Pod,
  leftOut: LeftOut = () => undefined,
  family: Family = 4,
): HostPort[] {
  const [podIp] = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)].flatMap(
    (ip) => addressOf(family, ip) ?? [],
  );
  if (
    !podIp ||
    !isUnicast(podIp) ||
    pod.spec.hostNetwork ||
    pod.status.phase === 'Succeeded' ||
    pod.status.phase === 'Failed'
  )
    return [];
  const containers = [
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
    ...pod.spec.containers,
  ];
  return containers.flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => p.hostPort)
      .flatMap(
        (p) =>
          hostPort(p, podIp, (what) =>
            leftOut(`Pod ${pod.metadata.namespace}/${pod.metadata.name}: ${what}`),
          ) ?? [],
      ),
  );
}

function hostPort(
  asked: NonNullable<Container['ports']>[number],
  podIp: Ip,
  leftOut: LeftOut,
): HostPort | undefined {
  const everywhere = !asked.hostIP || asked.hostIP === '0.0.0.0' || asked.hostIP === '::';
  const family = familyOf(podIp);
  if (!everywhere && isOther(family, asked.hostIP ?? '')) return undefined;
  const hostIp = everywhere ? undefined : addressOf(family, asked.hostIP);
  const [port, podPort, protocol] = [
    parsePort(asked.hostPort),
    parsePort(asked.containerPort),
    parseProtocol(asked.protocol),
  ];
  if (port && podPort && protocol && (everywhere || hostIp))
    return { hostIp, port, protocol, podIp, podPort };
  leftOut(`host port ${shown(asked.hostPort)}/${shown(asked.protocol)} on ${shown(asked.hostIP)}`);
  return undefined;
}
