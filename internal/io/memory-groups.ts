import { join, normalize } from 'node:path';

/** A control group that bounds memory. */
export interface MemoryGroup {
  version: 1 | 2;
  /** Where groups of its version are mounted. */
  mount: string;
  /** Its path below that; `/` is the root, or that of our namespace. */
  path: string;
}

/**
 * The control groups of /proc/self/cgroup that bound memory: `7:memory:/a/b` of version 1,
 * `0::/a/b` of version 2. `root` is where /sys is. A path that leads out of the namespace begins
 * with `/..`: nothing of it can be seen from here.
 */
export function memoryGroups(root: string, text: string): MemoryGroup[] {
  return text.split('\n').flatMap((line): MemoryGroup[] => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) return [];
    const first = controllers.split(',').includes('memory');
    if (!first && controllers !== '') return [];
    const mount = join(root, first ? 'sys/fs/cgroup/memory' : 'sys/fs/cgroup');
    return [{ version: first ? 1 : 2, mount, path: normalize(`/${path}`) }];
  });
}
