import { familyOf, type Cidr, type Family, type Ip, type Port } from '../../base/addresses.ts';
import { stampSet } from '../nft/guards.ts';
import { pickSlots } from './affinity.ts';
import {
  masqueradeMark,
  standingChains,
  type Chain,
  type Collection,
  type ElementText,
  type Plan,
} from './plan.ts';

/** What does not change while the node runs, but for ranges of services. */
export interface NodeNetwork {
  clusterCidr: Cidr;
  /** None inside another. */
  serviceCidrs: readonly Cidr[];
  /**
   * The address that this process answers DNS on; its packets stay on the node. Undefined: it
   * answers on none.
   */
  dnsAddress: Ip | undefined;
  /** Where it answers when another program has port 53 of every address. */
  dnsPort: Port | undefined;
  /** Services are carried out here; host ports are in any case. */
  services: boolean;
  /** Pods have a network of ours, and leave the cluster by this node. */
  podsLeave: boolean;
  /** Their packets to the world get the node's address; so they do when nothing is said. */
  masquerade?: boolean;
}

const table = 'skiff';

/** `family name`, as nft has it. */
export const tableOf = (family: Family): string => `${wordsOf[family].ip} ${table}`;

/** nft's words of a family, and its addresses that mean something. */
interface Words {
  ip: 'ip' | 'ip6';
  address: string;
  loopback: string;
  groups: string;
  unreachable: string;
}

const wordsOf: Record<Family, Words> = {
  4: {
    ip: 'ip',
    address: 'ipv4_addr',
    loopback: '127.0.0.0/8',
    groups: '224.0.0.0/4',
    unreachable: 'icmp port-unreachable',
  },
  6: {
    ip: 'ip6',
    address: 'ipv6_addr',
    loopback: '::1',
    groups: 'ff00::/8',
    unreachable: 'icmpv6 port-unreachable',
  },
};

const mark = `0x${masqueradeMark.toString(16)}`;
/** Every local endpoint has a pair of its own address in `hairpin`. */
const toOwnPods = ({ ip, loopback }: Words): string =>
  `ct status dnat ${ip} saddr != ${loopback} ${ip} daddr . ${ip} daddr @hairpin oifname "veth*"`;
const protocols = '{ tcp, udp, sctp }';

/** Parts of keys: what was asked, an address and a port, one of many slots. */
const typesOf = ({ ip, address }: Words): Record<Collection, string> => {
  const [asked, port] = [`${ip} daddr . meta l4proto . th dport`, 'meta l4proto . th dport'];
  const [slot, to] = ['numgen random mod 65535', `${ip} daddr . th dport`];
  const [service, node] = [`${address} . inet_proto . inet_service`, 'inet_proto . inet_service'];
  return {
    eps: `map eps { typeof ${asked} . ${slot} : ${to};`,
    npeps: `map npeps { typeof ${port} . ${slot} : ${to};`,
    pick: `map pick { typeof ${asked} . ${slot} : meta mark;`,
    pinned: `map pinned { typeof ${asked} . meta mark : ${to};`,
    nppick: `map nppick { typeof ${port} . ${slot} : meta mark;`,
    nppinned: `map nppinned { typeof ${port} . meta mark : ${to};`,
    svc: `map svc { type ${service} : verdict;`,
    np: `map np { type ${node} : verdict;`,
    svcin: `map svcin { type ${service} : verdict;`,
    npin: `map npin { type ${node} : verdict;`,
    hp: `map hp { typeof ${asked} : ${to};`,
    hpany: `map hpany { typeof ${port} : ${to};`,
    hairpin: `set hairpin { type ${address} . ${address};`,
    noep: `set noep { type ${service};`,
    nonp: `set nonp { type ${node};`,
    drops: `set drops { type ${service};`,
    dropnp: `set dropnp { type ${node};`,
    ranged: `set ranged { type ${service};`,
    allowed: `set allowed { type ${service} . ${address}; flags interval;`,
  };
};

/** Clients that the kernel remembers at once, of all services; more go anywhere each time. */
const mostClients = 65_536;

/** Filled by the kernel: which number a client has, until its time is up. */
export const clientMaps = { a: 'clients', b: 'npclients' } as const;
const destinationOf = ({ ip }: Words): string => `${ip} daddr . meta l4proto . th dport`;
const clientMapHeads = (words: Words): string[] => [
  `map ${clientMaps.a} { typeof ${words.ip} saddr . ${destinationOf(words)} : meta mark; ` +
    `flags dynamic,timeout; size ${mostClients}; }`,
  `map ${clientMaps.b} { typeof ${words.ip} saddr . meta l4proto . th dport : meta mark; ` +
    `flags dynamic,timeout; size ${mostClients}; }`,
];

/**
 * The body of a dispatch chain: mark (m, p), pick a slot at random, rewrite the destination; or
 * with affinity, as `affineBody` says.
 */
function chainBody(name: Chain, words: Words): string {
  const destination = destinationOf(words);
  const [kind, count] = [name[0] ?? '', name.slice(1)];
  if (kind === 'a' || kind === 'b') return affineBody(kind, count, words);
  const set = kind === 'm' || kind === 'p' ? `meta mark set meta mark | ${mark}; ` : '';
  const key = kind === 'n' || kind === 'm' ? destination : 'meta l4proto . th dport';
  const map = kind === 'n' || kind === 'm' ? 'eps' : 'npeps';
  return (
    `${set}meta l4proto ${protocols} dnat to ${key} . numgen random mod ${count} map ` + `@${map};`
  );
}

/**
 * A number by chance; the client's own number where it has one, whose time starts over, else that
 * one from now on (`update` leaves the value of an element that is there); then the endpoint of the
 * number. A number from another life leads nowhere: then the client's address decides. Of IPv6 it
 * always does: nft 1.0.6 takes no `update` of a key with two such addresses.
 */
function affineBody(kind: 'a' | 'b', seconds: string, words: Words): string {
  const { ip } = words;
  const destination = destinationOf(words);
  const [key, picks, pinned] =
    kind === 'a'
      ? [destination, 'pick', 'pinned']
      : ['meta l4proto . th dport', 'nppick', 'nppinned'];
  const client = `${ip} saddr . ${key}`;
  const go = `meta l4proto ${protocols} dnat to ${key} . meta mark map @${pinned};`;
  const byAddress = [
    `meta mark set ${key} . jhash ${ip} saddr mod ${pickSlots} seed 0x736b6966 map @${picks};`,
    go,
  ];
  if (ip === 'ip6') return byAddress.join(' ');
  return [
    `meta mark set ${key} . numgen random mod ${pickSlots} map @${picks};`,
    `update @${clientMaps[kind]} { ${client} timeout ${seconds}s : meta mark };`,
    `meta mark set ${client} map @${clientMaps[kind]};`,
    go,
    ...byAddress,
  ].join(' ');
}

const verdictMaps = ['svc', 'np', 'svcin', 'npin'] as const;
const isVerdicts = (name: Collection): boolean =>
  (verdictMaps as readonly Collection[]).includes(name);

/** Loads the whole table in one transaction, whatever was there before. */
export function fullRuleset(plan: Plan, node: NodeNetwork): string {
  const family = familyOf(node.clusterCidr);
  const words = wordsOf[family];
  const types = typesOf(words);
  const lines = [
    `add table ${tableOf(family)}`,
    `delete table ${tableOf(family)}`,
    `table ${tableOf(family)} {`,
    stampSet,
  ];
  lines.push(...clientMapHeads(words));
  for (const [name, head] of Object.entries(types) as [Collection, string][]) {
    if (!isVerdicts(name)) lines.push(`${head}${elementList(plan.elements[name])} }`);
  }
  for (const chain of standingChains(plan))
    lines.push(`chain ${chain} { ${chainBody(chain, words)} }`);
  for (const name of verdictMaps) lines.push(`${types[name]}${elementList(plan.elements[name])} }`);
  lines.push(...fixedChains(node, words), '}');
  return lines.join('\n') + '\n';
}

function elementList(elements: Plan['elements'][Collection]): string {
  if (elements.size === 0) return '';
  return ` elements = { ${[...elements].map(elementText).join(', ')} }`;
}

const elementText = ([key, value]: [ElementText, ElementText | '']): string =>
  value ? `${key} : ${value}` : key;

const anyOf = (ranges: readonly Cidr[]): string =>
  ranges.length === 1 ? String(ranges[0]) : `{ ${ranges.join(', ')} }`;

function dnsRules(address: Ip, port: Port | undefined): string[] {
  const moved =
    port === undefined
      ? []
      : [`  ip daddr ${address} meta l4proto { tcp, udp } th dport 53 dnat to ${address}:${port}`];
  return [...moved, `  ip daddr ${address} return`];
}

/** Pods and the node itself. */
const insiders = ({ clusterCidr }: NodeNetwork): string[] => [
  `${wordsOf[familyOf(clusterCidr)].ip} saddr ${clusterCidr}`,
  'fib saddr type local',
];

function fixedChains(node: NodeNetwork, words: Words): string[] {
  const { ip, loopback, groups, unreachable } = words;
  const destination = destinationOf(words);
  return [
    'chain services {',
    // Names are answered by this node alone: no host port, node port or external address may take
    // the questions of its pods.
    ...(node.dnsAddress === undefined ? [] : dnsRules(node.dnsAddress, node.dnsPort)),
    ...insiders(node).map((from) => `  ${from} ${destination} vmap @svcin`),
    `  ${destination} vmap @svc`,
    `  fib daddr type local jump node-ports`,
    '}',
    'chain node-ports {',
    ...insiders(node).map((from) => `  ${from} meta l4proto . th dport vmap @npin`),
    '  meta l4proto . th dport vmap @np',
    // Only an address of this node: a pod must not take what its neighbours send into the world.
    `  meta l4proto ${protocols} dnat to ${destination} map @hp`,
    `  meta l4proto ${protocols} dnat to meta l4proto . th dport map @hpany`,
    '}',
    'chain pre { type nat hook prerouting priority -100; jump services; }',
    'chain out { type nat hook output priority -100; jump services; }',
    'chain post { type nat hook postrouting priority 100;',
    `  ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
    // The answers of a pod of this node come by here anyway: it may see who asks.
    ...(node.podsLeave
      ? [`  ${toOwnPods(words)} meta mark set meta mark & 0xffffbfff accept`]
      : []),
    `  meta mark & ${mark} != 0 meta mark set meta mark ^ ${mark} masquerade fully-random`,
    // Not by the mark: dispatch of affine clients writes its own.
    ...(node.services
      ? [
          `  ct status dnat ${ip} saddr != ${node.clusterCidr} ct original ${ip} daddr ` +
            `${anyOf(node.serviceCidrs)} masquerade fully-random`,
        ]
      : []),
    `  ct status dnat ${ip} saddr ${loopback} oifname != "lo" masquerade fully-random`,
    ...(node.podsLeave && node.masquerade !== false
      ? [
          `  ${ip} saddr ${node.clusterCidr} ${ip} daddr != ${node.clusterCidr} ${ip} daddr != ` +
            `${groups} oifname != "lo" masquerade fully-random`,
        ]
      : []),
    '}',
    // route_localnet lets a packet to 127.0.0.1 be rewritten; nobody outside may use that
    // (CVE-2020-8558).
    `chain martians { type filter hook prerouting priority -300; iifname != "lo" ${ip} daddr ` +
      `${loopback} drop; }`,
    'chain ranges { type filter hook prerouting priority -110;',
    `  ${destination} @ranged ${destination} . ${ip} saddr != @allowed drop`,
    '}',
    'chain refuse {',
    `  ${destination} @noep reject with ${unreachable}`,
    `  ${destination} @drops drop`,
    `  fib daddr type local meta l4proto . th dport @nonp reject with ${unreachable}`,
    `  fib daddr type local meta l4proto . th dport @dropnp drop`,
    ...(node.services
      ? [
          `  ${ip} daddr ` +
            `${anyOf(node.serviceCidrs)}` +
            `${node.dnsAddress === undefined ? '' : ` ${ip} daddr != ${node.dnsAddress}`} reject ` +
            `with ${unreachable}`,
        ]
      : []),
    '}',
    'chain in-filter { type filter hook input priority 0; ct state new jump refuse; }',
    'chain forward-filter { type filter hook forward priority 0; ct state new jump refuse; }',
    'chain out-filter { type filter hook output priority 0; ct state new jump refuse; }',
  ];
}

/**
 * The transaction that turns one applied plan into another; empty when they are the same, undefined
 * when it needs a chain that `standing`, the chains of the last full load, has not.
 */
export function difference(
  from: Plan,
  to: Plan,
  { standing, family = 4 }: { standing: ReadonlySet<Chain>; family?: Family },
): string | undefined {
  for (const chain of to.chains) if (!standing.has(chain)) return undefined;
  const removed: string[] = [];
  const added: string[] = [];
  for (const name of Object.keys(to.elements) as Collection[]) {
    const [old, now] = [from.elements[name], to.elements[name]];
    const gone = [...old].filter(([key, value]) => now.get(key) !== value).map(([key]) => key);
    const come = [...now].filter(([key, value]) => old.get(key) !== value).map(elementText);
    if (gone.length)
      removed.push(`delete element ${tableOf(family)} ${name} { ${gone.join(', ')} }`);
    if (come.length) added.push(`add element ${tableOf(family)} ${name} { ${come.join(', ')} }`);
  }
  // A verdict must not lead to a slot that is gone: dispatch entries leave first and come last.
  const rank = (line: string): number => (/ (svc|np|svcin|npin) \{/.test(line) ? 0 : 1);
  const lines = [
    ...removed.sort((a, b) => rank(a) - rank(b)),
    ...added.sort((a, b) => rank(b) - rank(a)),
  ];
  return lines.length ? lines.join('\n') + '\n' : '';
}
