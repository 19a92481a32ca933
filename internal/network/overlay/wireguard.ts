import type { Node } from '../../api/generated/types/core-v1.ts';
import {
  baseOf,
  familyOf,
  parseIpv4Cidr,
  widthOf,
  type Cidr,
  type Ipv4Cidr,
  type Ipv6Cidr,
} from '../../base/addresses.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Mirror } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { followPeers, type Following, type Here, type Peer, type Peers } from './peers.ts';
import { devices } from './devices.ts';
import { parseKey, type WireguardKey } from './wireguard-key.ts';

const wireguardDevice = devices['wireguard-native'];
/** Flannel's. */
const port = 51820;
/** Ethernet minus what WireGuard adds at most: 40 of IPv6, 8 of UDP, 32 of its own. */
export const wireguardMtu = 1420;
/** A NAT forgets a flow of UDP after 30 seconds (RFC 4787); k3s tells Flannel the same. */
const keepaliveSeconds = 25;

export interface WireguardOptions extends Here {
  nodes: Mirror<Node>;
  podCidr: Ipv4Cidr;
  podCidr6?: Ipv6Cidr | undefined;
  key: { path: string; publicKey: WireguardKey };
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
  record(kind: 'link', name: string): Promise<void>;
}

type Doors = Pick<WireguardOptions, 'disk' | 'spawn'>;

/** Throws when this machine has no WireGuard: none in the kernel, and no program in its place. */
export async function requireWireguard(doors: Doors): Promise<void> {
  const runs = async (...command: string[]): Promise<boolean> =>
    (await doors.spawn.run('wireguard', command).catch(() => undefined))?.code === 0;
  const refuse = (what: string, hint: string): never => {
    throw new ConfigError(`--flannel-backend=wireguard-native: ${what}`, { op: 'wireguard', hint });
  };
  if (!(await runs('wg', '--version')))
    refuse('there is no program wg on this machine', 'install wireguard-tools');
  if ((await kernelHas(doors)) || (await runs('wireguard-go', '--version'))) return;
  refuse(
    'the kernel has no WireGuard, and there is no program wireguard-go in its place',
    'load the module wireguard, or install wireguard-go',
  );
}

async function kernelHas({ disk, spawn }: Doors): Promise<boolean> {
  const there = async (): Promise<boolean> =>
    (await disk.stat('wireguard', '/sys/module/wireguard')) !== undefined;
  if (await there()) return true;
  await spawn.run('wireguard', ['modprobe', '-q', 'wireguard']).catch(() => undefined);
  return await there();
}

/**
 * Commands that lead from one set of peers to another. Where a peer is told only when that has
 * changed: of one behind NAT the kernel has learned better from its packets.
 */
export function peerChanges(from: Peers, to: Peers): string[][] {
  const commands: string[][] = [];
  const networks = ({ podCidr, podCidr6 }: Peer): Cidr[] => [
    podCidr,
    ...(podCidr6 ? [podCidr6] : []),
  ];
  const wg = (peer: Peer, ...more: string[]): void =>
    void commands.push(['wg', 'set', wireguardDevice, 'peer', peer.key ?? '', ...more]);
  const same = (a: Peer | undefined, b: Peer): boolean =>
    a?.ip === b.ip && a.key === b.key && a.podCidr6 === b.podCidr6;
  for (const [cidr, peer] of from) {
    const now = to.get(cidr);
    if (now?.key !== peer.key) wg(peer, 'remove');
    const stay = now ? networks(now) : [];
    for (const network of networks(peer).filter((one) => !stay.includes(one)))
      commands.push(['ip', 'route', 'delete', network, 'dev', wireguardDevice]);
  }
  for (const [cidr, peer] of to) {
    if (same(from.get(cidr), peer)) continue;
    wg(
      peer,
      'allowed-ips',
      networks(peer).join(),
      'endpoint',
      `${peer.ip}:${port}`,
      'persistent-keepalive',
      String(keepaliveSeconds),
    );
    for (const network of networks(peer))
      commands.push(['ip', 'route', 'replace', network, 'dev', wireguardDevice]);
  }
  return commands;
}

/**
 * Pods of other nodes through WireGuard, for nodes whose only common ground is the internet. The
 * device and its ways stay when it is stopped, for the pods' sake.
 */
export async function startWireguard(options: WireguardOptions): Promise<Following> {
  const { spawn, log } = options;
  return await followPeers({
    ...options,
    keyed: true,
    apply: async (from, to) => {
      // Nothing is known to stand: it is the first time, or somebody took it away.
      if (from.size === 0) await makeDevice(options, to);
      for (const command of peerChanges(from, to)) {
        const done = await spawn.run('wireguard.peer', command);
        // What is already gone, or a route whose network is a stranger's, keeps nobody else back.
        if (done.code !== 0)
          log.warn('a way to another node could not be written', {
            command: command.join(' '),
            error: done.stderr.trim(),
          });
      }
    },
  });
}

/** Flows survive a restart: what stands with our key is kept, without the peers that are gone. */
async function makeDevice(options: WireguardOptions, to: Peers): Promise<void> {
  const { spawn, key, podCidr } = options;
  const ask = async (what: string): Promise<string[]> => {
    const done = await spawn.run('wireguard.show', ['wg', 'show', wireguardDevice, what]);
    return done.code === 0 ? done.stdout.toString().split('\n').filter(Boolean) : [];
  };
  if ((await ask('public-key'))[0] !== key.publicKey) {
    await options.record('link', wireguardDevice);
    await spawn.run('wireguard.del', ['ip', 'link', 'delete', wireguardDevice]);
    await addDevice(options);
  }
  const set = ['wg', 'set', wireguardDevice];
  await runOk(spawn, 'wireguard.set', [
    ...set,
    'listen-port',
    String(port),
    'private-key',
    key.path,
  ]);
  const wanted = new Set([...to.values()].map((peer) => peer.key));
  for (const peer of (await ask('peers')).flatMap((text) => parseKey(text) ?? []))
    if (!wanted.has(peer)) await spawn.run('wireguard.peer', [...set, 'peer', peer, 'remove']);
  for (const cidr of [podCidr, ...(options.podCidr6 ? [options.podCidr6] : [])])
    await runOk(spawn, 'wireguard.addr', [
      'ip',
      'addr',
      'replace',
      `${baseOf(cidr)}/${widthOf(familyOf(cidr))}`,
      'dev',
      wireguardDevice,
    ]);
  await runOk(spawn, 'wireguard.up', [
    'ip',
    'link',
    'set',
    wireguardDevice,
    'mtu',
    String(wireguardMtu),
    'up',
  ]);
  const shown = await spawn.run('wireguard.routes', [
    'ip',
    'route',
    'show',
    'dev',
    wireguardDevice,
  ]);
  for (const line of shown.stdout.toString().split('\n')) {
    const cidr = parseIpv4Cidr(line.split(' ')[0]);
    if (cidr && !to.has(cidr))
      await spawn.run('wireguard.route', ['ip', 'route', 'delete', cidr, 'dev', wireguardDevice]);
  }
}

async function addDevice(options: WireguardOptions): Promise<void> {
  const { spawn, log } = options;
  if (await kernelHas(options))
    return void (await runOk(spawn, 'wireguard.add', [
      'ip',
      'link',
      'add',
      wireguardDevice,
      'type',
      'wireguard',
    ]));
  try {
    // It goes on by itself, over restarts of skiff, and ends with its device.
    await runOk(spawn, 'wireguard.add', ['wireguard-go', wireguardDevice]);
  } catch (cause) {
    throw new ConfigError(`wireguard-go: ${messageOf(cause)}`, { op: 'wireguard', cause });
  }
  log.info('the kernel has no WireGuard: wireguard-go carries the packets', {
    device: wireguardDevice,
  });
}
