import { type Ip, type Family, familyOf } from '../../base/addresses.ts';
import { firstOf, lastOf, isWhole, type Range } from '../../base/address-ranges.ts';
import type { PortRange, Protocol } from './rules.ts';

declare const made: unique symbol;

/**
 * Text in nft's language. Only this file makes any, out of parsed values: what an object says
 * cannot reach the ruleset.
 */
export type Text = string & { readonly [made]: 'nft' };

const text = (s: string): Text => s as Text;

/**
 * The source of a flow as its first packet had it, and the destination as Services have rewritten
 * it: equal for packets and replies.
 */
const fields = {
  source: (f: Family) => `ct original ${ipOf(f)} saddr`,
  destination: (f: Family) => `ct reply ${ipOf(f)} saddr`,
  port: 'ct reply proto-src',
} as const;
const ipOf = (family: Family): string => (family === 4 ? 'ip' : 'ip6');
const typeOf = (family: Family): string => (family === 4 ? 'ipv4_addr' : 'ipv6_addr');

/**
 * More ranges than this are one set: each range costs a packet a comparison, and each such set
 * costs every change a moment.
 */
const mostInline = 8;

export type End = 'source' | 'destination';

export const names = {
  verdicts: (direction: 'ingress' | 'egress', family: Family): Text =>
    text(`${direction}v${family}`),
  self: (family: Family): Text => text(`selfv${family}`),
  group: (id: number, family: Family): Text => text(`g${id}v${family}`),
  chain: (id: number): Text => text(`c${id}`),
};

export const heads = {
  addresses: (f: Family): Text => text(`type ${typeOf(f)}`),
  pairs: (f: Family): Text => text(`type ${typeOf(f)} . ${typeOf(f)}`),
  endpoints: (f: Family): Text => text(`type ${typeOf(f)} . inet_service`),
  verdicts: (f: Family): Text => text(`type ${typeOf(f)} : verdict`),
};

export const accept = text('accept');
export const drop = text('drop');
export const gotoChain = (chain: Text): Text => text(`goto ${chain}`);

/** One element's key. */
export const element = (...parts: (Ip | number)[]): Text => text(parts.join(' . '));

/** A pod reaches itself, whatever its policies say. */
export const selfLine = (f: Family): Text =>
  text(`${fields.source(f)} . ${fields.destination(f)} @${names.self(f)} accept`);

/**
 * Rules with one verdict for what one end has on some ports; the ends and the ports are each
 * alternatives.
 */
export function verdictLines(ends: readonly Text[], ports: readonly Text[], verdict: Text): Text[] {
  return ends.flatMap((end) =>
    ports.map((port) => text([end, port, verdict].filter(Boolean).join(' '))),
  );
}

/** Anybody, any port. */
export const anything = [text('')];

/**
 * Questions to the cluster DNS that are led to another port, where another program has 53; they are
 * judged as if they went there.
 */
export interface MovedDns {
  address: Ip;
  port: number;
}

/** For ports that hold 53: the port that the questions get. */
export function onMovedDns({ address, port }: MovedDns, ports: readonly PortRange[]): Text[] {
  const asked = (['tcp', 'udp'] as const).filter((protocol) =>
    ports.some((p) => p.protocol === protocol && p.first <= 53 && p.last >= 53),
  );
  return asked.map((protocol) =>
    text(
      `${fields.destination(familyOf(address))} ${address} meta l4proto ${protocol} ` +
        `${fields.port} ${port}`,
    ),
  );
}

export const inGroup = (end: End, group: Text, f: Family): Text =>
  text(`${fields[end](f)} @${group}`);
/** nft 1.0.6 knows the size of a flow's port only behind a match of one protocol. */
export const isEndpointOf = (group: Text, protocol: Protocol, f: Family): Text =>
  text(`meta l4proto ${protocol} ${fields.destination(f)} . ${fields.port} @${group}`);

export function inRanges(end: End, ranges: readonly Range[], family: Family): Text[] {
  const own = ranges.filter((r) => r.family === family);
  const whole = own.some(isWhole);
  if (whole) return [text(`meta nfproto ipv${family}`)];
  const texts = own.map((r) => spanText(firstOf(r), lastOf(r)));
  if (texts.length > mostInline) return [text(`${fields[end](family)} { ${texts.join(', ')} }`)];
  return texts.map((t) => text(`${fields[end](family)} ${t}`));
}

/** Single ports of a protocol share one set, ranges stand alone unless there are many. */
export function onPorts(ports: readonly PortRange[]): Text[] {
  return (['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => {
    const own = ports.filter((p) => p.protocol === protocol);
    if (own.length === 0) return [];
    const match = `meta l4proto ${protocol}`;
    if (own.some((p) => p.first === 0 && p.last === 65_535)) return [text(match)];
    const spans = own.filter((p) => p.first !== p.last).map((p) => spanText(p.first, p.last));
    const singles = own.filter((p) => p.first === p.last).map((p) => String(p.first));
    if (spans.length > mostInline)
      return [text(`${match} ${fields.port} { ${[...spans, ...singles].join(', ')} }`)];
    const one =
      singles.length === 0
        ? []
        : [singles.length === 1 ? String(singles[0]) : `{ ${singles.join(', ')} }`];
    return [...spans, ...one].map((p) => text(`${match} ${fields.port} ${p}`));
  });
}

const spanText = (first: string | number, last: string | number): string =>
  first === last ? String(first) : `${first}-${last}`;

/**
 * The chains that stand always. Flows are judged by both of their ends as conntrack knows them, for
 * every packet and every reply: a flow that is forbidden later ends at once. An address of the
 * node's pod network that has no verdict yet is not a pod that anybody knows, and gets nothing.
 */
export function fixedChains(podRanges: readonly Range[], families: readonly Family[]): Text[] {
  const ours = (end: End, then: string): string[] =>
    families.flatMap((f) =>
      podRanges
        .filter((r) => r.family === f)
        .map((r) => `${fields[end](f)} ${rangeText(r)} ${then}`),
    );
  // What conntrack cannot place has no ends to judge by.
  const lost = (end: 'saddr' | 'daddr'): string[] =>
    podRanges.map(
      (r) => `ct state invalid,untracked ${ipOf(r.family)} ${end} ${rangeText(r)} drop`,
    );
  // Errors about a flow that stands: "fragmentation needed" must arrive.
  const errors = 'meta l4proto { icmp, ipv6-icmp } ct state related accept';
  return [
    'chain egress {',
    errors,
    // Conntrack does not follow how neighbours find each other, and nothing goes by it beyond the
    // link.
    ...(families.includes(6)
      ? ['icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept']
      : []),
    ...families.map((f) => `${fields.source(f)} vmap @${names.verdicts('egress', f)}`),
    ...ours('source', 'drop'),
    ...lost('saddr'),
    '}',
    'chain ingress {',
    errors,
    ...families.map((f) => `${fields.destination(f)} vmap @${names.verdicts('ingress', f)}`),
    ...ours('destination', 'drop'),
    ...lost('daddr'),
    '}',
    ...ownAddress(podRanges),
    // An accept ends its own hook's chain only: what may leave its pod is asked for again at its
    // destination.
    'chain leaving { type filter hook forward priority -20; jump egress; }',
    'chain arriving { type filter hook forward priority -19; jump ingress; }',
    'chain to-node { type filter hook input priority -20;',
    // What the node began: its probes come from its own addresses in the pod network, and no pod
    // has those.
    'ct direction reply accept',
    'jump egress',
    '}',
  ].map(text);
}

/**
 * A pod sends with its own address only, or it could leave by another's; and nobody else sends with
 * it. CNI's ptp plug-in names its end of a pod's link `veth...` and routes one address there. A
 * link has IPv6 addresses by itself: they are no way around.
 */
function ownAddress(podRanges: readonly Range[]): string[] {
  return [
    'chain own-address { type filter hook prerouting priority -310;',
    ...podRanges.map(
      (r) => `${ipOf(r.family)} saddr ${rangeText(r)} fib saddr . iif oif missing drop`,
    ),
    'iifname != "veth*" accept',
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept',
    'ip6 saddr fe80::/10 drop',
    'fib saddr . iif oif missing drop',
    '}',
  ];
}

const rangeText = (r: Range): string => spanText(firstOf(r), lastOf(r));
