import { cidrHas, joinHostPort, parseCidr, parseIp, type Cidr } from '../../base/addresses.ts';
import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import type { DialTarget } from '../../io/dial.ts';
import { lookupAll } from '../admission/lookup.ts';
import type { Outward } from './outward.ts';

/**
 * The way to a pod's address when it goes through the tunnel of its node; nothing when the address
 * is dialled from here. `node` is where something says that the pod runs. That may be a lie: each
 * node lets nobody through to what is not a pod of its own.
 */
export async function podWay(
  server: Outward,
  { host, port, node }: { host: string; port: number; node?: string | undefined },
): Promise<Pick<DialTarget, 'open'>> {
  const { podTunnels, tunnelOf } = server.options;
  if (!podTunnels || !tunnelOf) return {};
  const named = podTunnels === 'cluster' ? node : undefined;
  const name = named ?? (await nodeInWhoseRange(server, host));
  const tunnel = name === undefined ? undefined : tunnelOf(name);
  if (!tunnel) return {};
  return { open: () => tunnel(joinHostPort(host, port)) };
}

async function nodeInWhoseRange(server: Outward, host: string): Promise<string | undefined> {
  const ip = parseIp(host);
  if (!ip) return undefined;
  const nodes = await lookupAll<Node>(server.core, registryPrefix(refs.nodes, ''));
  return nodes.find((node) => rangesOf(node).some((range) => cidrHas(range, ip)))?.metadata.name;
}

/** Objects are frozen and shared, so what was made of one holds for as long as it lives. */
const ranges = new WeakMap<object, readonly Cidr[]>();

function rangesOf(node: Node): readonly Cidr[] {
  let list = ranges.get(node);
  if (list) return list;
  list = (node.spec?.podCIDRs ?? []).flatMap((text) => parseCidr(text) ?? []);
  ranges.set(node, list);
  return list;
}
