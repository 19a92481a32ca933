import { messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Mounts } from '../../io/mounts.ts';
import type { Spawn } from '../../io/spawn.ts';
import { cniResultsDir, type CniResult } from './cni-results.ts';

export interface NetworkDoors {
  disk: Disk;
  spawn: Spawn;
  mounts: Mounts;
  log: Log;
}

export interface NetworkList {
  name?: string;
  cniVersion?: string;
  plugins?: { type?: string; ipam?: { dataDir?: string } }[];
}

const op = 'cni.release';
const pluginTimeoutMs = 20_000;

/**
 * Gives back the addresses and network namespaces of sandboxes that nobody can ask the runtime to
 * stop any more. Returns those of which there was a note.
 */
export async function releaseNetworks(
  doors: NetworkDoors,
  binDir: string,
  sandboxes: ReadonlySet<string>,
): Promise<Set<string>> {
  const noted = new Set<string>();
  for (const name of await doors.disk.list(op, cniResultsDir)) {
    const path = `${cniResultsDir}/${name}`;
    const note = parse<CniResult>((await doors.disk.readIfThere(op, path))?.toString());
    if (note?.containerId === undefined || !sandboxes.has(note.containerId)) continue;
    noted.add(note.containerId);
    try {
      await release(doors, binDir, note);
      await doors.disk.remove(op, path);
    } catch (error) {
      doors.log.warn('a network was not given back', {
        sandbox: note.containerId,
        error: messageOf(error),
      });
    }
  }
  return noted;
}

/** Gives back the network of one note. */
export async function release(doors: NetworkDoors, binDir: string, note: CniResult): Promise<void> {
  const netns = [note.netns, ...(note.result?.interfaces ?? []).map((i) => i.sandbox)].find(
    (p) => p && /\/netns\/cni-[^/]+$/.test(p),
  );
  const list = parse<NetworkList>(Buffer.from(note.config ?? '', 'base64').toString());
  for (const plugin of (list?.plugins ?? []).toReversed()) {
    if (!/^[\w-]+$/.test(plugin.type ?? '')) continue;
    const input = JSON.stringify({
      ...plugin,
      name: list?.name,
      cniVersion: list?.cniVersion,
      prevResult: note.result,
    });
    const env = {
      CNI_COMMAND: 'DEL',
      CNI_CONTAINERID: note.containerId ?? '',
      CNI_IFNAME: note.ifName ?? 'eth0',
      CNI_NETNS: netns ?? '',
      CNI_PATH: binDir,
    };
    const done = await doors.spawn
      .run(op, [`${binDir}/${plugin.type}`], { input, env, timeoutMs: pluginTimeoutMs })
      .catch(() => undefined);
    if (done?.code !== 0)
      doors.log.warn('a network was not given back', {
        sandbox: note.containerId,
        plugin: plugin.type,
        said: done?.stdout.toString().slice(0, 300),
      });
  }
  if (!netns) return;
  if (!(await doors.disk.stat(op, netns))) return;
  const point = await doors.disk.realPath(op, netns); // /var/run is a link
  if ((await doors.mounts.below(op, point)).includes(point)) await doors.mounts.unmount(op, point);
  await doors.disk.remove(op, point);
}

/** JSON, or undefined where there is none. */
export function parse<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined; // torn by a power cut
  }
}
