import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { memoryGroups, type MemoryGroup } from './memory-groups.ts';

/**
 * The least memory limit of the cgroups that this process is in, in bytes; undefined when none is
 * below what the machine has. `root` is where /proc and /sys are.
 */
export function memoryLimitBytes(root = '/', totalBytes = totalmem()): number | undefined {
  const limits = memoryGroups(root, readText(join(root, 'proc/self/cgroup'))).flatMap(limitsAlong);
  const least = Math.min(...limits, totalBytes);
  return least < totalBytes ? least : undefined;
}

/** A limit above counts, too. */
function limitsAlong({ version, mount, path }: MemoryGroup): number[] {
  const files = version === 1 ? ['memory.limit_in_bytes'] : ['memory.max', 'memory.high'];
  const limits: number[] = [];
  for (let at = path; ; at = dirname(at)) {
    for (const file of files) limits.push(Number(readText(join(mount, at, file)).trim() || 'none'));
    if (at === '/') break;
  }
  return limits.filter((bytes) => bytes > 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
