import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';

export interface NodeFacts {
  name: string;
  /** The address other machines reach this node by. */
  ip: string;
  ips: string[];
  externalIps: string[];
}

/** Who this node is: told by flags, else by the host's name and the interface of the default route. */
export async function nodeFacts(config: NodeConfig, doors: Doors): Promise<NodeFacts> {
  const name = config.nodeName ?? doors.host.hostname().toLowerCase().replace(/[^a-z0-9.-]/g, '-').replace(/^[-.]+|[-.]+$/g, '');
  const ips = config.nodeIps.length > 0 ? config.nodeIps : [await defaultAddress(config, doors)];
  return { name: name || 'node', ip: ips[0] ?? '127.0.0.1', ips, externalIps: config.nodeExternalIps };
}

/**
 * The IPv4 address of the interface with the best default route; without one, of any interface that is up; without
 * that, loopback: a machine on no network at all still starts its pods.
 */
async function defaultAddress(config: NodeConfig, doors: Doors): Promise<string> {
  const addresses = doors.host.addresses().filter((a) => a.family === 4 && !a.loopback && !a.address.startsWith('169.254.'));
  const device = config.flannelIface ?? (await defaultDevice(doors));
  const ours = addresses.filter((a) => !/^(flannel|cni|veth|docker|lo)/.test(a.device));
  return (addresses.find((a) => a.device === device) ?? ours[0])?.address ?? '127.0.0.1';
}

/** /proc/net/route: destination and mask of zero is the default route; the lowest metric wins. */
async function defaultDevice(doors: Doors): Promise<string | undefined> {
  const table = (await doors.disk.readIfThere('routes', '/proc/net/route'))?.toString() ?? '';
  const rows = table.split('\n').slice(1).map((line) => line.split(/\s+/));
  const defaults = rows.filter((row) => row[1] === '00000000' && row[7] === '00000000');
  return defaults.toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}
