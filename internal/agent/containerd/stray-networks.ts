import { Buffer } from 'node:buffer';
import { messageOf } from '../../base/errors.ts';
import { parse, release, releaseNetworks, type NetworkDoors } from './release-networks.ts';
import type { NetworkList } from './release-networks.ts';

export interface NetworkPlaces {
  cniBinDir: string;
  /** Where containerd finds the list of plug-ins. */
  cniConfDir: string;
  /** Below it lie the addresses that our own list has given away. */
  runDir: string;
}

const op = 'cni.strays';
const netnsDir = '/run/netns';
const lookTimeoutMs = 10_000;

/**
 * Gives back the networks of sandboxes that do not run: containerd died after it had set one up
 * and before it kept the sandbox, or after it had ended the sandbox and before it gave the network
 * back.
 * No shim tells of them, and no new containerd looks for them (1.7 keeps a sandbox sooner, and does
 * not give back what it has no result of); what tells is the address that our own IPAM holds for an
 * id. `kept` are the ids of what runs or is being made. Giving back twice does no harm. Returns the
 * ids. Networks that another list of plug-ins made are not ours to judge.
 */
export async function releaseStrays(
  doors: NetworkDoors,
  places: NetworkPlaces,
  kept: () => Promise<ReadonlySet<string>>,
): Promise<string[]> {
  const found = await ownList(doors, places);
  if (found === undefined) return [];
  const held = await addressesOf(doors, found.dataDir);
  if (held.size === 0) return [];
  const known = await kept();
  const strays = new Map([...held].filter(([id]) => !known.has(id)));
  if (strays.size === 0) return [];
  doors.log.warn('giving back networks of sandboxes that do not run', {
    addresses: [...strays.values()],
  });
  const noted = await releaseNetworks(doors, places.cniBinDir, new Set(strays.keys()));
  for (const [containerId, address] of strays) {
    if (noted.has(containerId)) continue;
    try {
      const netns = await namespaceOf(doors, address);
      const note = { containerId, config: found.config, ...(netns && { netns }) };
      await release(doors, places.cniBinDir, note);
    } catch (error) {
      doors.log.warn('a network was not given back', { address, error: messageOf(error) });
    }
  }
  return [...strays.keys()];
}

/** The list of plug-ins in force, when its addresses are kept below our run directory. */
async function ownList(
  { disk }: NetworkDoors,
  { cniConfDir, runDir }: NetworkPlaces,
): Promise<{ config: string; dataDir: string } | undefined> {
  const first = (await disk.list(op, cniConfDir))
    .filter((name) => name.endsWith('.conflist'))
    .sort()[0];
  if (first === undefined) return undefined;
  const text = (await disk.readIfThere(op, `${cniConfDir}/${first}`))?.toString();
  const list = parse<NetworkList>(text);
  const dir = list?.plugins?.map((plugin) => plugin.ipam?.dataDir).find((d) => d !== undefined);
  if (text === undefined || !/^[\w.-]+$/.test(list?.name ?? '') || !dir?.startsWith(`${runDir}/`))
    return undefined;
  return { config: Buffer.from(text).toString('base64'), dataDir: `${dir}/${list?.name}` };
}

/** host-local's files: an address as name, and in it the id of the sandbox. Id -> address. */
async function addressesOf({ disk }: NetworkDoors, dataDir: string): Promise<Map<string, string>> {
  const held = new Map<string, string>();
  for (const address of await disk.list(op, dataDir)) {
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) continue;
    const text = (await disk.readIfThere(op, `${dataDir}/${address}`))?.toString() ?? '';
    const id = text.split(/\s/)[0] ?? '';
    if (/^[\w.-]+$/.test(id)) held.set(id, address);
  }
  return held;
}

/** The network namespace that has an address, among those that container runtimes make. */
async function namespaceOf(
  { disk, spawn }: NetworkDoors,
  address: string,
): Promise<string | undefined> {
  for (const name of await disk.list(op, netnsDir)) {
    if (!/^cni-[\w-]+$/.test(name)) continue;
    const command = ['ip', '-n', name, '-o', '-4', 'address', 'show'];
    const shown = await spawn.run(op, command, { timeoutMs: lookTimeoutMs }).catch(() => undefined);
    if (shown?.stdout.toString().includes(` inet ${address}/`)) return `${netnsDir}/${name}`;
  }
  return undefined;
}
