import { BlockList } from 'node:net';
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/generated/types/networking-v1.ts';
import type { LabelSelector } from '../../../api/generated/types/meta-v1.ts';
import type {
  AdminNetworkPolicy,
  AdminPeer,
  AdminPort,
} from '../../../api/networking/admin-policy.ts';

/** A cluster as people think of it, for a judge that shares no code with the planner. */
export interface World {
  namespaces: Map<string, Record<string, string>>;
  pods: ModelPod[];
  policies: NetworkPolicy[];
  admin: AdminNetworkPolicy[];
  baseline: AdminNetworkPolicy | undefined;
}

export interface ModelPod {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  ips: string[];
  ports: { name: string; protocol: 'tcp' | 'udp' | 'sctp'; port: number }[];
  local: boolean;
}

/** The first packet of a flow, as it is after Services rewrote it. */
export interface Flow {
  from: string;
  to: string;
  protocol: 'tcp' | 'udp' | 'sctp' | 'icmp';
  port: number;
}

/** What the documentation of NetworkPolicy says, policy by policy. */
export function mayFlow(world: World, flow: Flow): boolean {
  const source = world.pods.find((p) => p.ips.includes(flow.from));
  const destination = world.pods.find((p) => p.ips.includes(flow.to));
  if (source && source === destination) return true;
  const out =
    !source?.local ||
    mayPass(world, 'Egress', source, { flow, peer: destination, address: flow.to, destination });
  const into =
    !destination?.local ||
    mayPass(world, 'Ingress', destination, { flow, peer: source, address: flow.from, destination });
  return out && into;
}

interface Asked {
  flow: Flow;
  /** The pod at the other end, if it is one, and its address. */
  peer: ModelPod | undefined;
  address: string;
  destination: ModelPod | undefined;
}

type Type = 'Ingress' | 'Egress';

/** Admin policies by priority, then NetworkPolicies, then the baseline. */
function mayPass(world: World, type: Type, pod: ModelPod, asked: Asked): boolean {
  for (const policy of world.admin.toSorted((a, b) => order(a) - order(b))) {
    const action = firstAction(world, policy, { type, pod, asked });
    if (action === 'Pass') break;
    if (action) return action === 'Allow';
  }
  const own = mayPassOwn(world, type, pod, asked);
  if (own !== undefined) return own;
  const action = world.baseline && firstAction(world, world.baseline, { type, pod, asked });
  return action !== 'Deny';
}

const order = (policy: AdminNetworkPolicy): number => policy.spec.priority ?? 0;

function firstAction(
  world: World,
  { spec }: AdminNetworkPolicy,
  { type, pod, asked }: { type: Type; pod: ModelPod; asked: Asked },
): string | undefined {
  const rules = type === 'Ingress' ? spec.ingress : spec.egress;
  const known = world.namespaces.has(pod.namespace);
  if (known && !isOneOf(world, spec.subject, pod)) return undefined;
  return rules?.find(
    ({ action, from, to, ports }) =>
      (known || action === 'Deny') &&
      (from ?? to ?? []).some((peer) => isAdminPeer(world, peer, asked)) &&
      (!ports || ports.some((port) => isAdminPort(port, asked))),
  )?.action;
}

function isOneOf(world: World, { namespaces, pods }: AdminPeer, pod: ModelPod): boolean {
  const labels = world.namespaces.get(pod.namespace);
  if (!labels) return false;
  if (namespaces) return matches(namespaces, labels);
  return (
    pods !== undefined &&
    matches(pods.namespaceSelector, labels) &&
    matches(pods.podSelector, pod.labels)
  );
}

function isAdminPeer(world: World, peer: AdminPeer, { peer: pod, address }: Asked): boolean {
  if (peer.networks) return peer.networks.some((cidr) => isInside(cidr, address));
  return pod !== undefined && isOneOf(world, peer, pod);
}

function isAdminPort(port: AdminPort, { flow, destination }: Asked): boolean {
  if (port.namedPort !== undefined)
    return (
      destination?.ports.some(
        (p) => p.name === port.namedPort && p.protocol === flow.protocol && p.port === flow.port,
      ) === true
    );
  const { protocol = 'TCP' } = port.portNumber ?? port.portRange ?? {};
  const [first = 0, last = 0] = port.portNumber
    ? [port.portNumber.port, port.portNumber.port]
    : [port.portRange?.start, port.portRange?.end];
  return protocol.toLowerCase() === flow.protocol && flow.port >= first && flow.port <= last;
}

/** Undefined where no policy isolates the pod. */
function mayPassOwn(world: World, type: Type, pod: ModelPod, asked: Asked): boolean | undefined {
  const own = world.policies.filter(
    (p) =>
      p.metadata.namespace === pod.namespace &&
      matches(p.spec.podSelector, pod.labels) &&
      typesOf(p).includes(type),
  );
  if (own.length === 0) return undefined;
  return own.some((policy) => {
    const rules =
      type === 'Ingress'
        ? (policy.spec.ingress ?? []).map((r) => ({ peers: r.from, ports: r.ports }))
        : (policy.spec.egress ?? []).map((r) => ({ peers: r.to, ports: r.ports }));
    return rules.some(({ peers, ports }) => {
      const peerFits = !peers?.length || peers.some((p) => isPeer(world, pod.namespace, p, asked));
      const portFits = !ports?.length || ports.some((p) => isPort(p, asked));
      return peerFits && portFits;
    });
  });
}

function typesOf({ spec }: NetworkPolicy): string[] {
  if (spec.policyTypes?.length) return spec.policyTypes;
  return spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}

function isPeer(
  world: World,
  namespace: string,
  peer: NetworkPolicyPeer,
  { peer: pod, address }: Asked,
): boolean {
  if (peer.ipBlock) {
    const inside = (cidr: string): boolean => isInside(cidr, address);
    return inside(peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some(inside);
  }
  if (!pod) return false;
  const labels = world.namespaces.get(pod.namespace);
  const inNamespace = peer.namespaceSelector
    ? labels !== undefined && matches(peer.namespaceSelector, labels)
    : pod.namespace === namespace;
  return inNamespace && (!peer.podSelector || matches(peer.podSelector, pod.labels));
}

function isInside(cidr: string, address: string): boolean {
  const list = new BlockList();
  const [base = '', bits = ''] = cidr.split('/');
  const family = base.includes(':') ? 'ipv6' : 'ipv4';
  list.addSubnet(base, Number(bits), family);
  return (address.includes(':') ? 'ipv6' : 'ipv4') === family && list.check(address, family);
}

function isPort(port: NetworkPolicyPort, { flow, destination }: Asked): boolean {
  if ((port.protocol ?? 'TCP').toLowerCase() !== flow.protocol) return false;
  if (port.port === undefined) return true;
  if (typeof port.port === 'string')
    return (
      destination?.ports.some(
        (p) => p.name === port.port && p.protocol === flow.protocol && p.port === flow.port,
      ) === true
    );
  return flow.port >= port.port && flow.port <= (port.endPort ?? port.port);
}

function matches(selector: LabelSelector, labels: Record<string, string>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    if (operator === 'In' && (value === undefined || !values.includes(value))) return false;
    if (operator === 'NotIn' && value !== undefined && values.includes(value)) return false;
    if (operator === 'Exists' && value === undefined) return false;
    if (operator === 'DoesNotExist' && value !== undefined) return false;
  }
  return true;
}
