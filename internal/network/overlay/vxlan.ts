import type { Node } from '../../api/generated/types/core-v1.ts';
import {
  baseOf,
  type Cidr,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6Cidr,
} from '../../base/addresses.ts';
import type { Mirror } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { devices } from './devices.ts';
import { vtepMac } from './mac.ts';
import { followPeers, type Following, type Here, type Peer, type Peers } from './peers.ts';

const device = devices.vxlan;

/** `ip -batch` and `bridge -batch` lines that lead from one set of peers to another. */
export function peerCommands(from: Peers, to: Peers): { ip: string[]; bridge: string[] } {
  const ip: string[] = [];
  const bridge: string[] = [];
  const networks = ({ podCidr, podCidr6 }: Peer): Cidr[] => [
    podCidr,
    ...(podCidr6 ? [podCidr6] : []),
  ];
  const same = (a: Peer | undefined, b: Peer): boolean =>
    a?.ip === b.ip && a.podCidr6 === b.podCidr6 && a.mac === b.mac;
  for (const [cidr, peer] of from) {
    const now = to.get(cidr);
    if (now?.ip !== peer.ip || now.mac !== peer.mac)
      bridge.push(`fdb del ${peer.mac} dev ${device} dst ${peer.ip}`);
    const stay = now ? networks(now) : [];
    for (const network of networks(peer).filter((one) => !stay.includes(one)))
      ip.push(
        `route del ${network} via ${baseOf(network)} dev ${device} onlink`,
        `neigh del ${baseOf(network)} dev ${device}`,
      );
  }
  for (const [cidr, peer] of to) {
    if (same(from.get(cidr), peer)) continue;
    bridge.push(`fdb replace ${peer.mac} dev ${device} dst ${peer.ip} self permanent`);
    for (const network of networks(peer))
      ip.push(
        `neigh replace ${baseOf(network)} lladdr ${peer.mac} dev ${device} nud permanent`,
        `route replace ${network} via ${baseOf(network)} dev ${device} onlink`,
      );
  }
  return { ip, bridge };
}

export interface VxlanOptions extends Here {
  nodes: Mirror<Node>;
  nodeIp: Ipv4;
  podCidr: Ipv4Cidr;
  podCidr6?: Ipv6Cidr | undefined;
  mtu: number;
  clock: Clock;
  spawn: Spawn;
  log: Log;
  record(kind: 'link', name: string): Promise<void>;
}

/**
 * Keeps the VXLAN device and the ways to all other nodes, until stopped (the ways stay then, for
 * the pods' sake).
 */
export async function startVxlan(options: VxlanOptions): Promise<Following> {
  return await followPeers({
    ...options,
    apply: async (from, to) => {
      if (from.size === 0 && to.size === 0) return; // a single node needs no device
      // Nothing is known to stand: it is the first time, or somebody took ways away. The device
      // also goes with the card below it.
      if (from.size === 0) await makeDevice(options);
      const commands = peerCommands(from, to);
      await batch(options.spawn, 'bridge', commands.bridge);
      await batch(options.spawn, 'ip', commands.ip);
    },
  });
}

async function batch(spawn: Spawn, program: 'ip' | 'bridge', lines: string[]): Promise<void> {
  // -force: an entry that is already gone must not keep the others from being written.
  if (lines.length)
    await spawn.run(`vxlan.${program}`, [program, '-force', '-batch', '-'], {
      input: lines.join('\n') + '\n',
    });
}

/**
 * Makes the device again only when what stands there is not what is wanted: flows survive a
 * restart.
 */
async function makeDevice(options: VxlanOptions): Promise<void> {
  const { spawn } = options;
  const route = await runOk(spawn, 'vxlan.route', [
    'ip',
    '-j',
    'addr',
    'show',
    'to',
    `${options.nodeIp}/32`,
  ]);
  const link = (JSON.parse(route || '[]') as { ifname?: string }[])[0]?.ifname ?? '';
  const shown = await spawn.run('vxlan.show', ['ip', '-d', '-j', 'link', 'show', device]);
  const data =
    shown.code === 0
      ? (
          JSON.parse(shown.stdout.toString()) as {
            address?: string;
            linkinfo?: { info_data?: { id?: number; local?: string } };
          }[]
        )[0]
      : undefined;
  const same =
    data?.linkinfo?.info_data?.id === 1 &&
    data.linkinfo.info_data.local === options.nodeIp &&
    data.address === vtepMac(options.podCidr);
  if (!same) {
    await options.record('link', device);
    if (data) await runOk(spawn, 'vxlan.del', ['ip', 'link', 'del', device]);
    const over = link ? ['dev', link] : [];
    const add = [
      'ip',
      'link',
      'add',
      device,
      'address',
      vtepMac(options.podCidr),
      'mtu',
      String(options.mtu),
      'type',
      'vxlan',
      'id',
      '1',
    ];
    await runOk(spawn, 'vxlan.add', [
      ...add,
      ...over,
      'local',
      options.nodeIp,
      'dstport',
      '8472',
      'nolearning',
    ]);
  }
  const replace = ['ip', 'addr', 'replace'];
  await runOk(spawn, 'vxlan.addr', [...replace, `${baseOf(options.podCidr)}/32`, 'dev', device]);
  // Packets of IPv6 go inside the same VXLAN, over IPv4: the network between the nodes need not
  // have it.
  if (options.podCidr6)
    await runOk(spawn, 'vxlan.addr', [
      ...replace,
      `${baseOf(options.podCidr6)}/128`,
      'dev',
      device,
      'nodad',
    ]);
  await runOk(spawn, 'vxlan.up', ['ip', 'link', 'set', device, 'up']);
}
