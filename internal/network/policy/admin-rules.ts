import type {
  AdminNetworkPolicy,
  AdminPeer,
  AdminPort,
  AdminRuleObject,
  AdminSubject,
} from '../../api/networking/admin-policy.ts';
import { everything, type Labels, type LabelSelector } from '../../api/selectors.ts';
import { merged, parseRange, type Range } from '../../base/address-ranges.ts';
import {
  isPort,
  mergedPorts,
  parseProtocol,
  selectorOf,
  shown,
  type LeftOut,
  type NamedPort,
  type Peers,
  type PortRange,
  type Ports,
  type Rule,
  type SelectorPeer,
} from './rules.ts';

/** `pass`: none of the later admin policies counts, the pod's own NetworkPolicies do. */
export type Action = 'allow' | 'deny' | 'pass';

/** The first rule that matches a flow decides. */
export interface AdminRule {
  action: Action;
  rule: Rule;
}

/** An AdminNetworkPolicy, or the BaselineAdminNetworkPolicy. */
export interface AdminPolicy {
  /** `admin/name` or `baseline/name`. */
  key: string;
  tier: 'admin' | 'baseline';
  /** The lowest comes first. */
  priority: number;
  selects(pod: Labels, namespace: Labels): boolean;
  ingress: AdminRule[];
  egress: AdminRule[];
}

const actions = new Map<unknown, Action>([
  ['Allow', 'allow'],
  ['Deny', 'deny'],
  ['Pass', 'pass'],
]);

/**
 * A policy as it counts. What cannot be read makes it allow less: it is missing from an Allow and a
 * Pass, and everybody in a Deny; a subject that cannot be read is every pod.
 */
export function parseAdminPolicy(
  tier: AdminPolicy['tier'],
  policy: AdminNetworkPolicy,
  told: LeftOut,
): AdminPolicy {
  const { name = '' } = policy.metadata;
  const leftOut: LeftOut = (what) =>
    told(
      `${tier === 'admin' ? 'AdminNetworkPolicy' : 'BaselineAdminNetworkPolicy'} ${name}: ${what}`,
    );
  const { spec } = policy;
  const subject = parseSubject(spec.subject ?? {}, leftOut);
  const rules = (objects: readonly AdminRuleObject[] | undefined): AdminRule[] =>
    (objects ?? []).flatMap((object) => parseRule(tier, object, leftOut));
  return {
    key: `${tier}/${name}`,
    tier,
    priority: spec.priority ?? 0,
    selects: (pod, namespace) =>
      !subject || (subject.namespaces.matches(namespace) && subject.pods.matches(pod)),
    ingress: rules(spec.ingress),
    egress: rules(spec.egress),
  };
}

interface Selectors {
  namespaces: LabelSelector;
  pods: LabelSelector;
}

function parseSubject({ namespaces, pods }: AdminSubject, leftOut: LeftOut): Selectors | undefined {
  const inNamespaces = namespaces ?? pods?.namespaceSelector;
  if (!inNamespaces) {
    leftOut('a subject or a peer that names nothing');
    return undefined;
  }
  const parsed = {
    namespaces: selectorOf(inNamespaces, leftOut),
    pods: pods ? selectorOf(pods.podSelector, leftOut) : everything,
  };
  return parsed.namespaces && parsed.pods ? (parsed as Selectors) : undefined;
}

/** One rule for numbers and one for each protocol of names, since a name says no protocol. */
function parseRule(
  tier: AdminPolicy['tier'],
  object: AdminRuleObject,
  leftOut: LeftOut,
): AdminRule[] {
  const action = actions.get(object.action);
  if (!action || (action === 'pass' && tier === 'baseline')) {
    leftOut(`the action ${shown(object.action)}`);
    return [];
  }
  let whole = true;
  const lost: LeftOut = (what) => {
    whole = false;
    leftOut(what);
  };
  const peers = parsePeers(object.from ?? object.to ?? [], lost);
  const ports =
    object.ports && object.ports.length > 0 ? parsePorts(object.ports, lost) : undefined;
  if (!whole && action === 'deny')
    return [{ action, rule: { peers: undefined, ports: undefined } }];
  const nobody = peers.selectors.length === 0 && peers.ranges.length === 0;
  const nothing = ports && ports.ranges.length === 0 && ports.named.length === 0;
  return nobody || nothing ? [] : [{ action, rule: { peers, ports } }];
}

function parsePeers(objects: readonly AdminPeer[], leftOut: LeftOut): Peers {
  const selectors = new Map<string, SelectorPeer>();
  const ranges: Range[] = [];
  for (const object of objects) {
    for (const text of object.networks ?? []) {
      const range = parseRange(text);
      if (range) ranges.push(range);
      else leftOut(`the network ${shown(text)}`);
    }
    if (object.networks) continue;
    const peer = parseSubject(object, leftOut);
    if (!peer) continue;
    const { namespaces, pods } = peer;
    const key = JSON.stringify([namespaces.toString(), pods.toString()]);
    selectors.set(key, { namespace: undefined, namespaces, pods, key });
  }
  return {
    selectors: [...selectors.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    ranges: merged(ranges),
  };
}

function parsePorts(objects: readonly AdminPort[], leftOut: LeftOut): Ports {
  const ranges: PortRange[] = [];
  const named: NamedPort[] = [];
  for (const { portNumber, portRange, namedPort } of objects) {
    const protocol = parseProtocol(portNumber?.protocol ?? portRange?.protocol);
    const first = portNumber?.port ?? portRange?.start;
    const last = portNumber?.port ?? portRange?.end;
    if (typeof namedPort === 'string')
      named.push(
        ...(['sctp', 'tcp', 'udp'] as const).map((p) => ({ protocol: p, name: namedPort })),
      );
    else if (protocol && isPort(first) && isPort(last) && first <= last)
      ranges.push({ protocol, first, last });
    else leftOut(`the ports ${shown(portNumber ?? portRange)}`);
  }
  const byKey = new Map(named.map((n) => [`${n.protocol} ${n.name}`, n]));
  return {
    ranges: mergedPorts(ranges),
    named: [...byKey.keys()].sort().map((key) => byKey.get(key) as NamedPort),
  };
}
