import { join } from 'node:path';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';

type Said = Pick<NodeConfig, 'nodeName' | 'dataDir'>;

const fileOf = (config: Said): string => join(config.dataDir, 'agent/node-name');
const isName = (text: string): boolean =>
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text) && text.length <= 253;

const hostName = (doors: Pick<Doors, 'host'>): string =>
  doors.host
    .hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '') || 'node';

/**
 * The name of this node, before --with-node-id: told by the flag, else the one it has had, else
 * made of the host's name. A host that is renamed is the same node: under a new name its old Node,
 * its pods and their volumes would stay behind.
 */
export async function baseName(config: Said, doors: Pick<Doors, 'disk' | 'host'>): Promise<string> {
  if (config.nodeName !== undefined) return config.nodeName;
  // Without its end of line it was cut, and the rest would be another node's name.
  const kept =
    /^(.*)\n$/.exec(
      (await doors.disk.readIfThere('node name', fileOf(config)))?.toString() ?? '',
    )?.[1] ?? '';
  return isName(kept) ? kept : hostName(doors);
}

/** Keeps the name for the next start, and says so when the host has another. */
export async function keepName(
  config: Said,
  doors: Pick<Doors, 'disk' | 'host' | 'log'>,
): Promise<void> {
  const name = await baseName(config, doors);
  const path = fileOf(config);
  if (config.nodeName === undefined && name !== hostName(doors))
    doors.log.info('the host has another name by now; the node keeps its own', {
      node: name,
      host: hostName(doors),
      file: path,
    });
  if ((await doors.disk.readIfThere('node name', path))?.toString() === `${name}\n`) return;
  await doors.disk.makeDir('node name', join(config.dataDir, 'agent'), 0o700);
  await doors.disk.writeAtomic('node name', path, `${name}\n`);
}
