import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../api/generated/types/networking-v1.ts';
import type { LabelSelector as SelectorObject } from '../../api/generated/types/meta-v1.ts';
import {
  everything,
  selectorFromObject,
  type Labels,
  type LabelSelector,
} from '../../api/selectors.ts';
import { merged, parseRange, without, type Range } from '../../base/address-ranges.ts';

/** The kernel's names. Only parseProtocol makes one out of an object. */
export type Protocol = 'tcp' | 'udp' | 'sctp';

/**
 * Told of what a policy asks for that cannot be read; it is left out so that less is allowed, never
 * more.
 */
export type LeftOut = (what: string) => void;

/** Pods by labels, in one namespace or in those that a selector names. */
export interface SelectorPeer {
  /** Undefined: `namespaces` says where. */
  namespace: string | undefined;
  namespaces: LabelSelector | undefined;
  pods: LabelSelector;
  /** Equal for equal peers. */
  key: string;
}

/** Some of these. */
export interface Peers {
  selectors: SelectorPeer[];
  /** Merged and in order. */
  ranges: Range[];
}

/** Ports of one protocol: a range, or a name that each pod resolves for itself. */
export interface PortRange {
  protocol: Protocol;
  first: number;
  last: number;
}

export interface NamedPort {
  protocol: Protocol;
  name: string;
}

export interface Ports {
  /** Merged and in order. */
  ranges: PortRange[];
  named: NamedPort[];
}

/** Allows what comes from (or goes to) some of the peers on some of the ports. Undefined = any. */
export interface Rule {
  peers: Peers | undefined;
  ports: Ports | undefined;
}

export interface Policy {
  /** `namespace/name` */
  key: string;
  namespace: string;
  selects(labels: Labels): boolean;
  /** Undefined = the policy isolates no pod in this direction. */
  ingress: Rule[] | undefined;
  egress: Rule[] | undefined;
}

export type Direction = 'ingress' | 'egress';

const lastPort = 65_535;

export function parseProtocol(name: unknown): Protocol | undefined {
  if (name === undefined || name === '' || name === 'TCP') return 'tcp';
  return name === 'UDP' ? 'udp' : name === 'SCTP' ? 'sctp' : undefined;
}

/**
 * A policy as it counts. What cannot be read allows nothing; a selector of pods that cannot be read
 * selects every pod of the namespace.
 */
export function parsePolicy(policy: NetworkPolicy, told: LeftOut): Policy {
  const { namespace = '', name = '' } = policy.metadata;
  const key = `${namespace}/${name}`;
  const leftOut: LeftOut = (what) => told(`NetworkPolicy ${key}: ${what}`);
  const { spec } = policy;
  const types = spec.policyTypes ?? [];
  const has = (type: string): boolean =>
    types.includes(type) ||
    (types.length === 0 && (type === 'Ingress' || (spec.egress ?? []).length > 0));
  const selector = selectorOf(spec.podSelector, leftOut) ?? everything;
  const reader: Reader = { namespace, leftOut };
  return {
    key,
    namespace,
    selects: (labels) => selector.matches(labels),
    ingress: has('Ingress')
      ? (spec.ingress ?? []).flatMap((rule) => parseRule(rule.from, rule.ports, reader))
      : undefined,
    egress: has('Egress')
      ? (spec.egress ?? []).flatMap((rule) => parseRule(rule.to, rule.ports, reader))
      : undefined,
  };
}

interface Reader {
  namespace: string;
  leftOut: LeftOut;
}

/** None when nothing that the rule names can be read: an empty list would mean everybody. */
function parseRule(
  peers: NetworkPolicyPeer[] | null | undefined,
  ports: NetworkPolicyPort[] | null | undefined,
  reader: Reader,
): Rule[] {
  const rule: Rule = {
    peers: peers && peers.length > 0 ? parsePeers(peers, reader) : undefined,
    ports: ports && ports.length > 0 ? parsePorts(ports, reader) : undefined,
  };
  const nobody = rule.peers && rule.peers.selectors.length === 0 && rule.peers.ranges.length === 0;
  const nothing = rule.ports && rule.ports.ranges.length === 0 && rule.ports.named.length === 0;
  return nobody || nothing ? [] : [rule];
}

function parsePeers(peers: NetworkPolicyPeer[], reader: Reader): Peers {
  const selectors = new Map<string, SelectorPeer>();
  const ranges: Range[] = [];
  for (const peer of peers) {
    if (peer.ipBlock) ranges.push(...parseBlock(peer.ipBlock, reader.leftOut));
    else {
      const selector = parseSelectors(peer, reader);
      if (selector) selectors.set(selector.key, selector);
    }
  }
  return {
    selectors: [...selectors.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    ranges: merged(ranges),
  };
}

function parseSelectors(
  peer: NetworkPolicyPeer,
  { namespace, leftOut }: Reader,
): SelectorPeer | undefined {
  const pods = peer.podSelector ? selectorOf(peer.podSelector, leftOut) : everything;
  const namespaces = peer.namespaceSelector
    ? selectorOf(peer.namespaceSelector, leftOut)
    : undefined;
  if (!pods || (peer.namespaceSelector && !namespaces)) return undefined;
  if (namespaces)
    return {
      namespace: undefined,
      namespaces,
      pods,
      key: JSON.stringify([namespaces.toString(), pods.toString()]),
    };
  if (peer.podSelector)
    return {
      namespace,
      namespaces: undefined,
      pods,
      key: JSON.stringify([{ namespace }, pods.toString()]),
    };
  leftOut('a peer that names nothing');
  return undefined;
}

function parseBlock(block: IPBlock, leftOut: LeftOut): Range[] {
  const range = parseRange(block.cidr);
  const except = (block.except ?? []).map(parseRange);
  const bad = range === undefined ? block.cidr : (block.except ?? [])[except.indexOf(undefined)];
  if (range && !except.includes(undefined)) return without(range, except as Range[]);
  leftOut(`ipBlock ${shown(bad)}`);
  return [];
}

function parsePorts(ports: NetworkPolicyPort[], { leftOut }: Reader): Ports {
  const ranges: PortRange[] = [];
  const named = new Map<string, NamedPort>();
  for (const asked of ports) {
    const protocol = parseProtocol(asked.protocol);
    const { port, endPort } = asked;
    const first = port === undefined || port === null ? 0 : port;
    const last = port === undefined || port === null ? lastPort : (endPort ?? port);
    if (protocol && isPort(first) && isPort(last) && first <= last)
      ranges.push({ protocol, first, last });
    else if (protocol && typeof port === 'string' && (endPort === undefined || endPort === null))
      named.set(`${protocol} ${port}`, { protocol, name: port });
    else leftOut(`port ${shown(port)} to ${shown(endPort)} of ${shown(asked.protocol)}`);
  }
  return {
    ranges: mergedPorts(ranges),
    named: [...named.keys()].sort().map((key) => named.get(key) as NamedPort),
  };
}

export const isPort = (n: unknown): n is number =>
  Number.isInteger(n) && (n as number) >= 0 && (n as number) <= lastPort;

export function mergedPorts(ranges: PortRange[]): PortRange[] {
  const out: PortRange[] = [];
  for (const range of [...ranges].sort((a, b) =>
    a.protocol === b.protocol ? a.first - b.first : a.protocol < b.protocol ? -1 : 1,
  )) {
    const last = out.at(-1);
    if (!last || last.protocol !== range.protocol || range.first > last.last + 1)
      out.push({ ...range });
    else last.last = Math.max(last.last, range.last);
  }
  return out;
}

export function selectorOf(selector: SelectorObject, leftOut: LeftOut): LabelSelector | undefined {
  try {
    return selectorFromObject(selector ?? {});
  } catch {
    leftOut('a selector that cannot be read');
    return undefined;
  }
}

/**
 * A value from outside in a message: short, and without anything that a terminal or a log would
 * read as its own.
 */
export const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
