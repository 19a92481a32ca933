import { createHash } from 'node:crypto';
import { cidrHolds, type Ipv4, type Ipv4Cidr, type Port } from '../../base/addresses.ts';
import type { Backend, HostPort, Protocol, ServicePort } from './service-ports.ts';

declare const made: unique symbol;

/**
 * Text of an element in nft's language. Only elementOf and verdictOf make it, out of parsed values:
 * nothing else reaches the ruleset.
 */
export type ElementText = string & { readonly [made]: 'nft' };

/** Elements of the maps and sets of the table. A set's elements have an empty value. */
export interface Plan {
  elements: Record<Collection, Map<ElementText, ElementText | ''>>;
  /** Dispatch chains in use. */
  chains: Set<Chain>;
}

/**
 * `n` and `m` dispatch by address, `p` and `q` by node port (m and p masquerade); then the number
 * of endpoints, or `a` for affinity.
 */
export type Chain = `${'n' | 'm' | 'p' | 'q'}${number | 'a'}`;

/** A slot of an endpoint: which of a service's endpoints a packet goes to. */
type Slot = { slot: number };

function elementOf(
  ...parts: (ElementText | Ipv4 | Ipv4Cidr | Port | Protocol | Slot)[]
): ElementText {
  return parts
    .map((part) => (typeof part === 'object' ? part.slot : part))
    .join(' . ') as ElementText;
}

const verdictOf = (chain: Chain): ElementText => `goto ${chain}` as ElementText;

export type Collection =
  | 'eps'
  | 'npeps'
  | 'svc'
  | 'np'
  | 'svcin'
  | 'npin'
  | 'hp'
  | 'hpany'
  | 'hairpin'
  | 'noep'
  | 'nonp'
  | 'drops'
  | 'dropnp'
  | 'ranged'
  | 'allowed';

/**
 * Slots of the affinity hash: enough that 10 endpoints differ by less than a tenth in their share.
 */
export const affinitySlots = 64;

const collections: Collection[] = [
  'eps',
  'npeps',
  'svc',
  'np',
  'svcin',
  'npin',
  'hp',
  'hpany',
  'hairpin',
  'noep',
  'nonp',
  'drops',
  'dropnp',
  'ranged',
  'allowed',
];

export function emptyPlan(): Plan {
  const elements = Object.fromEntries(collections.map((c) => [c, new Map()])) as Plan['elements'];
  return { elements, chains: new Set() };
}

/**
 * What the kernel must hold for these services and host ports. Pure; the first of two claims to one
 * address and port wins.
 */
export function makePlan(ports: ServicePort[], hosts: HostPort[]): Plan {
  const plan = emptyPlan();
  const allowed = new Map<ElementText, Set<Ipv4Cidr>>();
  for (const port of ports) {
    const local = port.backends.filter((b) => b.local);
    const any = port.backends.length > 0;
    const inside = port.internalLocal ? local : port.backends;
    for (const ip of port.clusterIps)
      address(plan, port, ip, { backends: inside, inner: [], masquerade: false, any });
    const use = port.externalLocal
      ? { backends: local, inner: port.backends, masquerade: false, any }
      : { backends: port.backends, inner: [], masquerade: true, any };
    for (const ip of [...port.externalIps, ...port.loadBalancerIps]) address(plan, port, ip, use);
    for (const ip of port.sourceRanges ? port.loadBalancerIps : []) {
      const key = elementOf(ip, port.protocol, port.port);
      allowed.set(key, new Set([...(allowed.get(key) ?? []), ...(port.sourceRanges ?? [])]));
    }
    if (port.nodePort) nodePort(plan, port, port.nodePort, use);
    for (const b of local) plan.elements.hairpin.set(elementOf(b.ip, b.ip), '');
  }
  for (const [key, cidrs] of allowed) ranges(plan, key, [...cidrs]);
  for (const host of hosts) hostPort(plan, host);
  return plan;
}

interface Use {
  backends: Backend[];
  /** Who answers pods and the node itself, where these are more than those for the world. */
  inner: Backend[];
  masquerade: boolean;
  /**
   * Some endpoint exists, though perhaps not on this node: then packets are dropped rather than
   * refused.
   */
  any: boolean;
}

function address(plan: Plan, port: ServicePort, ip: Ipv4, use: Use): void {
  const key = elementOf(ip, port.protocol, port.port);
  if (plan.elements.svc.has(key) || plan.elements.noep.has(key) || plan.elements.drops.has(key))
    return;
  const slots = { map: 'eps', key: [ip, port.protocol, port.port] } as const;
  insiders(plan, { ...slots, kind: 'n', verdicts: 'svcin', entry: key }, port, use);
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'drops' : 'noep'].set(key, '');
    return;
  }
  plan.elements.svc.set(
    key,
    verdictOf(endpoints(plan, { ...slots, kind: use.masquerade ? 'm' : 'n' }, port, use.backends)),
  );
}

function nodePort(plan: Plan, port: ServicePort, number: Port, use: Use): void {
  const key = elementOf(port.protocol, number);
  if (plan.elements.np.has(key) || plan.elements.nonp.has(key) || plan.elements.dropnp.has(key))
    return;
  const slots = { map: 'npeps', key: [port.protocol, number] } as const;
  insiders(plan, { ...slots, kind: 'q', verdicts: 'npin', entry: key }, port, use);
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'dropnp' : 'nonp'].set(key, '');
    return;
  }
  plan.elements.np.set(
    key,
    verdictOf(endpoints(plan, { ...slots, kind: use.masquerade ? 'p' : 'q' }, port, use.backends)),
  );
}

/**
 * `externalTrafficPolicy: Local` is for the world: pods and the node itself reach every endpoint at
 * external addresses, too. Local endpoints have the first slots, so both draw from one list.
 */
function insiders(
  plan: Plan,
  to: Dispatch & { verdicts: 'svcin' | 'npin'; entry: ElementText },
  port: ServicePort,
  { inner }: Use,
): void {
  if (inner.length === 0 || port.affinity) return;
  const ordered = [...inner.filter((b) => b.local), ...inner.filter((b) => !b.local)];
  plan.elements[to.verdicts].set(to.entry, verdictOf(endpoints(plan, to, port, ordered)));
}

interface Dispatch {
  map: 'eps' | 'npeps';
  key: readonly (Ipv4 | Protocol | Port)[];
  kind: 'n' | 'm' | 'p' | 'q';
}

/** Fills the slots of one key and names the chain that draws from as many slots. */
function endpoints(plan: Plan, to: Dispatch, port: ServicePort, backends: Backend[]): Chain {
  const slots = port.affinity ? knownTable(port, backends) : backends;
  slots.forEach((b, slot) =>
    plan.elements[to.map].set(elementOf(...to.key, { slot }), elementOf(b.ip, b.port)),
  );
  const name: Chain = port.affinity ? `${to.kind}a` : `${to.kind}${backends.length}`;
  plan.chains.add(name);
  return name;
}

/** Chains for fewer endpoints than this stand from the start. */
const chainStep = 32;

/**
 * The chains that a full load makes for a plan: more than it needs, since a change may only name
 * chains that stand. (nft 1.0.6 takes no rule with a map of port keys in a change: reading the map
 * back, it finds "conflicting protocols".)
 */
export function standingChains(plan: Plan): Set<Chain> {
  const counts = [...plan.chains]
    .map((chain) => Number(chain.slice(1)))
    .filter((n) => !Number.isNaN(n));
  const chains = new Set<Chain>();
  for (const kind of ['n', 'm', 'p', 'q'] as const) {
    chains.add(`${kind}a`);
    // Beyond the first step only the neighbourhoods of the sizes in use: a service of a thousand
    // endpoints brings 32 chains, not a thousand.
    for (const step of new Set([0, ...counts.map((n) => Math.floor(n / chainStep))])) {
      for (let n = Math.max(1, step * chainStep); n < (step + 1) * chainStep; n++)
        chains.add(`${kind}${n}`);
    }
  }
  return chains;
}

/**
 * The plan is made anew for every change anywhere; the tables of the services that did not change
 * are kept with them.
 */
const tables = new WeakMap<ServicePort, { all?: Backend[]; local?: Backend[] }>();

function knownTable(port: ServicePort, backends: Backend[]): Backend[] {
  const known = tables.get(port) ?? {};
  tables.set(port, known);
  return (known[backends === port.backends ? 'all' : 'local'] ??= affinityTable(backends));
}

/** Rendezvous hashing: each slot goes to the endpoint with the highest score for it. */
export function affinityTable(backends: Backend[]): Backend[] {
  return Array.from({ length: affinitySlots }, (_, slot) => {
    let best = backends[0] as Backend;
    let bestScore = -1;
    for (const b of backends) {
      const score = createHash('md5').update(`${slot}/${b.ip}:${b.port}`).digest().readUInt32BE(0);
      if (score > bestScore) [best, bestScore] = [b, score];
    }
    return best;
  });
}

/** The kernel refuses ranges of one key that overlap, so what another range holds is left away. */
function ranges(plan: Plan, key: ElementText, cidrs: Ipv4Cidr[]): void {
  plan.elements.ranged.set(key, '');
  for (const cidr of cidrs) {
    if (cidrs.some((other) => other !== cidr && cidrHolds(other, cidr))) continue;
    plan.elements.allowed.set(elementOf(key, cidr), '');
  }
}

function hostPort(plan: Plan, host: HostPort): void {
  const value = elementOf(host.podIp, host.podPort);
  const [map, key] = host.hostIp
    ? (['hp', elementOf(host.hostIp, host.protocol, host.port)] as const)
    : (['hpany', elementOf(host.protocol, host.port)] as const);
  if (!plan.elements[map].has(key)) plan.elements[map].set(key, value);
  plan.elements.hairpin.set(elementOf(host.podIp, host.podIp), '');
}
