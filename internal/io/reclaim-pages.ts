import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryGroups } from './memory-groups.ts';

/**
 * Has the kernel take back the pages of our own control group that it can read again: of 65 MB of
 * the executable that a start leaves mapped, some 15 MB are used later. Nothing is written for it:
 * where there is swap, and the kernel cannot be told to leave that alone, nothing is done. Nor in a
 * control group that is not ours alone: the root's, or a user's session. Resolves with whether it
 * was asked for. `root` is where /proc and /sys are.
 */
export async function reclaimPages(root = '/'): Promise<boolean> {
  const groups = await textOf(join(root, 'proc/self/cgroup'));
  const swaps = (await textOf(join(root, 'proc/swaps'))).trim().split('\n').length > 1;
  for (const { version, mount, path } of memoryGroups(root, groups)) {
    if (/\/user\.slice(\/|$)/.test(path)) return false;
    const group = join(mount, path);
    const asked = version === 1 ? reclaimFirst(group, swaps) : reclaimSecond(group, swaps);
    if (await asked) return true;
  }
  return false;
}

/** Version 1: all at once; of the root it is refused. */
async function reclaimFirst(base: string, swaps: boolean): Promise<boolean> {
  return !swaps && (await told(join(base, 'memory.force_empty'), '0'));
}

/** Version 2: so many bytes. Only the root has no cgroup.type. */
async function reclaimSecond(base: string, swaps: boolean): Promise<boolean> {
  if ((await textOf(join(base, 'cgroup.type'))) === '') return false;
  const file = join(base, 'memory.reclaim');
  const stat = await textOf(join(base, 'memory.stat'));
  const bytes = [...stat.matchAll(/^(?:in)?active_file (\d+)$/gm)]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
  if (bytes === 0) return false;
  // Older kernels do not know the second word.
  return (
    (await told(file, `${bytes} swappiness=0`)) || (!swaps && (await told(file, String(bytes))))
  );
}

/** Whether the kernel took it; EAGAIN says that it took back less. */
async function told(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'r+' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  }
}

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
