import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { baseName } from './node-name.ts';

const loopback = '127.0.0.1';

export interface NodeFacts {
  name: string;
  /**
   * The address other machines reach this node by. It changes in place when the machine moves: to
   * be read when it is needed.
   */
  ip: string;
  ips: string[];
  externalIps: string[];
}

/**
 * Who this node is: told by flags, else by the host's name and the interface of the default route.
 */
export async function nodeFacts(config: NodeConfig, doors: Doors): Promise<NodeFacts> {
  const told = await baseName(config, doors);
  const name = config.withNodeId
    ? `${told || 'node'}-${await nodeId(config, doors)}`
    : told || 'node';
  const ips =
    config.nodeIps.length > 0
      ? config.nodeIps
      : [(await presentAddress(config, doors)) ?? loopback];
  checkInterface(config, doors, ips);
  return { name, ip: ips[0] ?? loopback, ips, externalIps: config.nodeExternalIps };
}

/** Eight hex digits that are drawn once and kept with the data. */
async function nodeId(config: NodeConfig, doors: Doors): Promise<string> {
  const path = join(config.dataDir, 'agent/node-id');
  const kept = (await doors.disk.readIfThere('node id', path))?.toString().trim() ?? '';
  if (/^[0-9a-f]{8}$/.test(kept)) return kept;
  const id = doors.random.uuid().slice(0, 8);
  await doors.disk.makeDir('node id', join(config.dataDir, 'agent'), 0o700);
  await doors.disk.writeAtomic('node id', path, `${id}\n`, { mode: 0o600 });
  return id;
}

/**
 * The pod network goes by the node's address, so an interface that does not hold it could not be
 * meant.
 */
function checkInterface(config: NodeConfig, doors: Doors, ips: string[]): void {
  const device = config.flannelIface;
  if (device === undefined) return;
  const own = doors.host
    .addresses()
    .filter((a) => a.device === device && a.family === 4)
    .map((a) => a.address);
  if (own.length === 0)
    throw new ConfigError(`--flannel-iface: there is no interface ${device} with an IPv4 address`, {
      op: 'node',
    });
  if (!own.includes(ips[0] ?? ''))
    throw new ConfigError(`--flannel-iface: ${device} does not hold the node's address ${ips[0]}`, {
      op: 'node',
      hint: `leave out --node-ip, or give ${own[0]}`,
    });
}

/**
 * The IPv4 address of the interface that was told, else of that with the best default route;
 * without one, of any interface that is up; undefined on no network at all: such a machine still
 * starts its pods. An address that was taken before is kept for as long as it would do as well.
 */
export async function presentAddress(
  config: NodeConfig,
  doors: Doors,
  before?: string,
): Promise<string | undefined> {
  const all = doors.host.addresses().filter((a) => a.family === 4);
  const addresses = all.filter((a) => !a.loopback && !a.address.startsWith('169.254.'));
  const device = config.flannelIface ?? (await defaultDevice(doors));
  const ours = addresses.filter((a) => !/^(flannel|cni|veth|docker|lo)/.test(a.device));
  const best =
    [addresses.filter((a) => a.device === device), ours].find((list) => list.length > 0) ?? [];
  // Without a default route, as between two leases of DHCP, no other interface is better.
  const kept = (device === undefined ? ours : best).find((a) => a.address === before);
  return (kept ?? best[0])?.address;
}

/** /proc/net/route: destination and mask of zero is the default route; the lowest metric wins. */
async function defaultDevice(doors: Doors): Promise<string | undefined> {
  const table = (await doors.disk.readIfThere('routes', '/proc/net/route'))?.toString() ?? '';
  const rows = table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/));
  const defaults = rows.filter((row) => row[1] === '00000000' && row[7] === '00000000');
  return defaults.toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}
