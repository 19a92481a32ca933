import { cidrHolds, type Ip, type Cidr, type Port } from '../../base/addresses.ts';
import { type Buckets } from './affinity.ts';
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
 * of endpoints. `a` and `b` dispatch clients that keep their endpoint, by address and by node port;
 * then for how many seconds.
 */
export type Chain = `${'n' | 'm' | 'p' | 'q' | 'a' | 'b'}${number}`;

/** A slot of an endpoint: which of a service's endpoints a packet goes to. */
type Slot = { slot: number };

/**
 * Packets that must leave with the node's address carry this bit of the mark, as with kube-proxy.
 */
export const masqueradeMark = 0x4000;
/**
 * The first packet of an affine flow has this, its number and perhaps the bit above as its mark:
 * values that nobody's rules of routing are likely to name.
 */
export const affineMark = 0x2000;

function elementOf(...parts: (ElementText | Ip | Cidr | Port | Protocol | Slot)[]): ElementText {
  return parts
    .map((part) => (typeof part === 'object' ? part.slot : part))
    .join(' . ') as ElementText;
}

const verdictOf = (chain: Chain): ElementText => `goto ${chain}` as ElementText;

export type Collection =
  | 'eps'
  | 'npeps'
  | 'pick'
  | 'pinned'
  | 'nppick'
  | 'nppinned'
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

const collections: Collection[] = [
  'eps',
  'npeps',
  'pick',
  'pinned',
  'nppick',
  'nppinned',
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

function emptyPlan(): Plan {
  const elements = Object.fromEntries(collections.map((c) => [c, new Map()])) as Plan['elements'];
  return { elements, chains: new Set() };
}

/**
 * What the kernel must hold for these services and host ports. Pure; the first of two claims to one
 * address and port wins.
 */
export function makePlan(ports: ServicePort[], hosts: HostPort[]): Plan {
  const plan = emptyPlan();
  const allowed = new Map<ElementText, Set<Cidr>>();
  for (const port of ports) {
    const { local } = port;
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

function address(plan: Plan, port: ServicePort, ip: Ip, use: Use): void {
  const key = elementOf(ip, port.protocol, port.port);
  if (plan.elements.svc.has(key) || plan.elements.noep.has(key) || plan.elements.drops.has(key))
    return;
  const slots = { map: 'eps', key: [ip, port.protocol, port.port] } as const;
  insiders(plan, { ...slots, kind: 'n', verdicts: 'svcin', entry: key }, use);
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'drops' : 'noep'].set(key, '');
    return;
  }
  plan.elements.svc.set(
    key,
    verdictOf(dispatch(plan, { ...slots, kind: use.masquerade ? 'm' : 'n' }, port, use.backends)),
  );
}

function nodePort(plan: Plan, port: ServicePort, number: Port, use: Use): void {
  const key = elementOf(port.protocol, number);
  if (plan.elements.np.has(key) || plan.elements.nonp.has(key) || plan.elements.dropnp.has(key))
    return;
  const slots = { map: 'npeps', key: [port.protocol, number] } as const;
  insiders(plan, { ...slots, kind: 'q', verdicts: 'npin', entry: key }, use);
  if (use.backends.length === 0) {
    plan.elements[use.any ? 'dropnp' : 'nonp'].set(key, '');
    return;
  }
  plan.elements.np.set(
    key,
    verdictOf(dispatch(plan, { ...slots, kind: use.masquerade ? 'p' : 'q' }, port, use.backends)),
  );
}

/**
 * `externalTrafficPolicy: Local` is for the world: pods and the node itself reach every endpoint at
 * external addresses, too. Local endpoints have the first slots, so both draw from one list.
 */
function insiders(
  plan: Plan,
  to: Dispatch & { verdicts: 'svcin' | 'npin'; entry: ElementText },
  { inner, backends }: Use,
): void {
  if (inner.length === 0) return;
  const ordered = [...backends, ...inner.filter((b) => !backends.includes(b))];
  plan.elements[to.verdicts].set(to.entry, verdictOf(endpoints(plan, to, ordered)));
}

interface Dispatch {
  map: 'eps' | 'npeps';
  key: readonly (Ip | Protocol | Port)[];
  kind: 'n' | 'm' | 'p' | 'q';
}

/** Fills the slots of one key and names the chain that draws from as many slots. */
function endpoints(plan: Plan, to: Dispatch, backends: Backend[]): Chain {
  backends.forEach((b, slot) =>
    plan.elements[to.map].set(elementOf(...to.key, { slot }), elementOf(b.ip, b.port)),
  );
  const name: Chain = `${to.kind}${backends.length}`;
  plan.chains.add(name);
  return name;
}

/** The chain for whoever is asked from outside with `backends`: by chance, or as promised. */
function dispatch(plan: Plan, to: Dispatch, port: ServicePort, backends: Backend[]): Chain {
  if (!port.affinity) return endpoints(plan, to, backends);
  const { all, local, timeoutS } = port.affinity;
  promises(plan, to, backends === port.backends ? all : local);
  const name: Chain = `${to.map === 'eps' ? 'a' : 'b'}${timeoutS}`;
  plan.chains.add(name);
  return name;
}

/** What a new client gets, and what each number leads to. */
function promises(plan: Plan, to: Dispatch, { pick, backends }: Buckets): void {
  const [picks, pinned] =
    to.map === 'eps' ? (['pick', 'pinned'] as const) : (['nppick', 'nppinned'] as const);
  const masquerade = to.kind === 'm' || to.kind === 'p' ? masqueradeMark : 0;
  const markOf = (number: number): Slot => ({ slot: number | affineMark | masquerade });
  pick.forEach((number, slot) =>
    plan.elements[picks].set(elementOf(...to.key, { slot }), elementOf(markOf(number))),
  );
  for (const [number, b] of backends)
    plan.elements[pinned].set(elementOf(...to.key, markOf(number)), elementOf(b.ip, b.port));
}

/** Chains for fewer endpoints than this stand from the start. */
const chainStep = 32;

/**
 * The chains that a full load makes for a plan: more than it needs, since a change may only name
 * chains that stand. (nft 1.0.6 takes no rule with a map of port keys in a change: reading the map
 * back, it finds "conflicting protocols".)
 */
export function standingChains(plan: Plan): Set<Chain> {
  const affine = [...plan.chains].filter((chain) => chain.startsWith('a') || chain.startsWith('b'));
  const counts = [...plan.chains].filter((c) => !affine.includes(c)).map((c) => Number(c.slice(1)));
  const times = new Set([10_800, ...affine.map((chain) => Number(chain.slice(1)))]);
  const chains = new Set<Chain>([...times].flatMap((s) => [`a${s}`, `b${s}`] as const));
  for (const kind of ['n', 'm', 'p', 'q'] as const) {
    // Beyond the first step only the neighbourhoods of the sizes in use: a service of a thousand
    // endpoints brings 32 chains, not a thousand.
    for (const step of new Set([0, ...counts.map((n) => Math.floor(n / chainStep))])) {
      for (let n = Math.max(1, step * chainStep); n < (step + 1) * chainStep; n++)
        chains.add(`${kind}${n}`);
    }
  }
  return chains;
}

/** The kernel refuses ranges of one key that overlap, so what another range holds is left away. */
function ranges(plan: Plan, key: ElementText, cidrs: Cidr[]): void {
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
