import type { Disk } from '../io/disk.ts';
import { mountPoints } from './killall.ts';

/**
 * Removes a path and what is below it, without ever crossing into something that is mounted there:
 * a mount that is still in place when skiff's own have been taken down is somebody else's, with all
 * that is in it. A path that is itself a mount point is emptied and stays. Returns the mount points
 * that stay.
 */
export async function removeTree(disk: Disk, path: string): Promise<string[]> {
  const mounted = (await mountPoints(disk)).filter(
    (point) => point === path || point.startsWith(`${path}/`),
  );
  if (mounted.length === 0) {
    await disk.remove('remove', path);
    return [];
  }
  await empty(disk, path, new Set(mounted));
  if (!mounted.includes(path) && (await disk.list('remove', path)).length === 0)
    await disk.remove('remove', path);
  return [...new Set(mounted)];
}

async function empty(disk: Disk, path: string, mounted: ReadonlySet<string>): Promise<void> {
  for (const name of await disk.list('remove', path)) {
    const child = `${path}/${name}`;
    if (mounted.has(child)) continue;
    if ([...mounted].some((point) => point.startsWith(`${child}/`)))
      await empty(disk, child, mounted);
    else await disk.remove('remove', child);
  }
}
