import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join, normalize } from 'node:path';

/**
 * The least memory limit of the cgroups that this process is in, in bytes; undefined when none is
 * below what the machine has. `root` is where /proc and /sys are.
 */
export function memoryLimitBytes(root = '/', totalBytes = totalmem()): number | undefined {
  const limits = readText(join(root, 'proc/self/cgroup'))
    .split('\n')
    .flatMap((line) => limitsAlong(root, line));
  const least = Math.min(...limits, totalBytes);
  return least < totalBytes ? least : undefined;
}

/** `7:memory:/a/b` of version 1, `0::/a/b` of version 2: a limit above counts, too. */
function limitsAlong(root: string, line: string): number[] {
  const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
  const first = controllers.split(',').includes('memory');
  if (!first && controllers !== '') return [];
  const base = join(root, first ? 'sys/fs/cgroup/memory' : 'sys/fs/cgroup');
  const files = first ? ['memory.limit_in_bytes'] : ['memory.max', 'memory.high'];
  const limits: number[] = [];
  // A path that leads out of the namespace begins with "/..": nothing of it can be seen from here.
  for (let at = normalize(`/${path}`); ; at = dirname(at)) {
    for (const file of files) limits.push(Number(readText(join(base, at, file)).trim() || 'none'));
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
