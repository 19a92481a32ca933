import type { Node } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import {
  cidrHolds,
  cidrsOverlap,
  isUnicast,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6Cidr,
  type Cidr,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6Cidr,
} from '../../base/addresses.ts';
import type { Mirror } from '../../client/client.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { publicKeyOf, takesPart, vtepMacOf } from './annotations.ts';
import { vtepMac, type Mac } from './mac.ts';
import type { WireguardKey } from './wireguard-key.ts';

/** Another node: where its pods are and how to reach it. */
export interface Peer {
  /** `10.42.3.0/24` */
  podCidr: Ipv4Cidr;
  /** `fd42:0:0:3::/64`, where the cluster has IPv6, too. */
  podCidr6?: Ipv6Cidr;
  /** Where the node is reached. */
  ip: Ipv4;
  /** Of its VXLAN device. */
  mac: Mac;
  /** Its public key, with WireGuard. */
  key?: WireguardKey;
}

export type Peers = Map<Ipv4Cidr, Peer>;

/** This node, and the network that all pods have their addresses from. */
export interface Here {
  nodeName: string;
  clusterCidr: Ipv4Cidr;
  clusterCidr6?: Ipv6Cidr | undefined;
  /** Nodes are reached at their external addresses, those that have one. */
  external?: boolean;
  /** A node without a public key is not reached. */
  keyed?: boolean;
  /** Every node has one network card, and plain routes lead to it: nobody needs a backend. */
  plain?: boolean;
}

/**
 * All nodes but this one that have an address and a pod network, by pod network. A node writes its
 * own status and may be hostile: what is not an address is left out, and of two networks that
 * overlap the older node's counts, so that nobody draws another's packets.
 */
export function peersOf(
  nodes: Iterable<Node>,
  here: Here,
  leftOut: (what: string) => void = () => undefined,
): Peers {
  const peers: Peers = new Map();
  const age = (node: Node): string =>
    `${node.metadata.creationTimestamp ?? ''} ${node.metadata.name ?? ''}`;
  const taken: Cidr[] = [];
  const keys = new Set<WireguardKey>();
  const macs = new Set<Mac>();
  const self = [...nodes].filter((node) => node.metadata.name === here.nodeName);
  const others = [...nodes]
    .filter((node) => node.metadata.name !== here.nodeName)
    .sort((a, b) => (age(a) < age(b) ? -1 : 1));
  for (const node of [...self, ...others]) {
    const address = addressOf(node, here);
    const key = here.keyed ? publicKeyOf(node) : undefined;
    const [podCidr, ip] = [parseIpv4Cidr(node.spec?.podCIDR), parseIpv4(address)];
    const refuse = (why: string): void => leftOut(`Node ${node.metadata.name}: ${why}`);
    if (podCidr && taken.some((other) => cidrsOverlap(other, podCidr)))
      refuse(`pod network ${podCidr} overlaps another node's`);
    else if (podCidr && !cidrHolds(here.clusterCidr, podCidr))
      refuse(`pod network ${podCidr} is not in ${here.clusterCidr}`);
    else if (podCidr) {
      const podCidr6 = secondRange(node, here, { taken, refuse });
      taken.push(podCidr, ...(podCidr6 ? [podCidr6] : []));
      if (here.keyed && (!key || keys.has(key))) {
        // One who shows another's key would draw its packets, or cut it off.
        refuse(key ? 'another node has its WireGuard key' : 'it shows no WireGuard key');
        continue;
      }
      if (key) keys.add(key);
      const mac = vtepMacOf(node) ?? vtepMac(podCidr);
      if (!here.keyed && !here.plain && macs.has(mac)) {
        refuse(`another node has the address of its VXLAN device, ${mac}`);
        continue;
      }
      macs.add(mac);
      if (node.metadata.name === here.nodeName) continue;
      if (!here.plain && !takesPart(node))
        refuse(`no Flannel runs there: its pods are reached by the routes of this machine`);
      else if (
        ip &&
        isUnicast(ip) &&
        !cidrHolds(here.clusterCidr, parseIpv4Cidr(`${ip}/32`) as Ipv4Cidr)
      )
        peers.set(podCidr, {
          podCidr,
          ip,
          mac,
          ...(podCidr6 && { podCidr6 }),
          ...(key && { key }),
        });
      else if (address !== undefined) refuse(`address ${JSON.stringify(address).slice(0, 80)}`);
    } else if (node.spec?.podCIDR && !node.spec.podCIDR.includes(':'))
      refuse(`pod network ${JSON.stringify(node.spec.podCIDR).slice(0, 80)}`);
  }
  return peers;
}

/** A node whose range of IPv6 is not its own keeps its ways of IPv4. */
function secondRange(
  node: Node,
  { clusterCidr6 }: Here,
  { taken, refuse }: { taken: readonly Cidr[]; refuse(why: string): void },
): Ipv6Cidr | undefined {
  const text = node.spec?.podCIDRs?.[1];
  if (!clusterCidr6 || text === undefined) return undefined;
  const range = parseIpv6Cidr(text);
  if (!range || !cidrHolds(clusterCidr6, range))
    refuse(`pod network ${JSON.stringify(text).slice(0, 80)} is not in ${clusterCidr6}`);
  else if (taken.some((other) => cidrsOverlap(other, range)))
    refuse(`pod network ${range} overlaps another node's`);
  else return range;
  return undefined;
}

function addressOf(node: Node, { external }: Here): string | undefined {
  const of = (type: string): string | undefined =>
    (node.status?.addresses ?? []).find((a) => a.type === type && !a.address.includes(':'))
      ?.address;
  return (external ? of('ExternalIP') : undefined) ?? of('InternalIP');
}

export interface FollowOptions extends Here {
  nodes: Mirror<Node>;
  clock: Clock;
  log: Log;
  /**
   * Leads the kernel from one set of peers to another; an empty `from` says that nothing may stand,
   * not even a device: at first, after a failure, and after `again`.
   */
  apply(from: Peers, to: Peers): Promise<void>;
}

export interface Following {
  /** Somebody took ways or the device away: all are written again. */
  again(): void;
  /**
   * Whether the kernel's table of routes, as /proc/net/route shows it, has all ways that were
   * written.
   */
  stands(routes: string): boolean;
  stop(): void;
}

/**
 * Whether a line of /proc/net/route leads to the network: its destination and mask are numbers of
 * this machine's byte order.
 */
export function hasRoute(routes: string, network: Ipv4Cidr): boolean {
  const [base = '', bits = ''] = network.split('/');
  const hex = (bytes: number[]): string =>
    [...bytes]
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase();
  const mask = [0, 1, 2, 3].map(
    (i) => 256 - 2 ** (8 - Math.min(8, Math.max(0, Number(bits) - 8 * i))),
  );
  const wanted = `${hex(base.split('.').map(Number))} ${hex(mask)}`;
  return routes.split('\n').some((line) => {
    const fields = line.split('\t').map((field) => field.trim());
    return `${fields[1]} ${fields[7]}` === wanted;
  });
}

/** Changes that come together are written together. */
const batchMs = 20;
/** A failed write is tried again after this long, and twice as long after each further failure. */
const retryMs = 2000;
const longestRetryMs = 64_000;

/**
 * Calls `apply` at once and whenever the other nodes change, until stopped (the ways stay then, for
 * the pods' sake).
 */
export async function followPeers(options: FollowOptions): Promise<Following> {
  const { nodes, clock, log } = options;
  await nodes.synced;
  let known: Peers = new Map();
  let doubted = false;
  let said = new Set<string>();
  let timer: Timer | undefined;
  let delayMs = retryMs;
  let busy = false;
  let again = false;
  let stopped = false;
  const schedule = (afterMs: number): void => {
    if (timer || stopped) return;
    timer = clock.after('overlay.batch', afterMs, () => {
      timer = undefined;
      void write();
    });
  };
  const write = async (): Promise<void> => {
    again = busy;
    if (busy) return;
    busy = true;
    const faults = new Set<string>();
    const wanted = peersOf([...nodes.list()], options, (what) => faults.add(what));
    for (const what of faults) if (!said.has(what)) log.warn('no way is made to a node', { what });
    said = faults;
    if (doubted) known = new Map();
    doubted = false;
    try {
      await options.apply(known, wanted);
      known = wanted;
      delayMs = retryMs;
    } catch (error) {
      log.warn('cannot write the ways to other nodes, trying again', { error: messageOf(error) });
      known = new Map();
      schedule(delayMs);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
    busy = false;
    if (again) schedule(batchMs);
    again = false;
  };
  const unsubscribe = nodes.onChange(() => schedule(batchMs));
  schedule(0);
  return {
    again() {
      doubted = true;
      schedule(batchMs);
    },
    stands: (routes) => [...known.keys()].every((podCidr) => hasRoute(routes, podCidr)),
    stop() {
      stopped = true;
      timer?.cancel();
      unsubscribe();
    },
  };
}
