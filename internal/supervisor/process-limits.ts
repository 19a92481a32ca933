import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Spawn } from '../io/spawn.ts';

export interface LimitDoors {
  disk: Pick<Disk, 'readIfThere'>;
  spawn: Spawn;
  log: Log;
}

const op = 'limits';
/**
 * What the service units of containerd and the kubelet ask for. containerd and every container
 * without limits of its own inherit it.
 */
const wantedFiles = 1_048_576;
/** Below these a node with its hundred pods runs into them. */
const leastFiles = 65_536;
const leastProcesses = 4096;
/**
 * One for each program that watches files; the kernel's own default is used up by some pods that
 * do.
 */
const leastInotify = 512;

interface Limit {
  soft: number;
  hard: number;
}

/** A line of /proc/self/limits. */
function limitOf(table: string, name: string): Limit | undefined {
  const [, soft, hard] = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(table) ?? [];
  const number = (text: string): number => (text === 'unlimited' ? Infinity : Number(text));
  return soft !== undefined && hard !== undefined
    ? { soft: number(soft), hard: number(hard) }
    : undefined;
}

/**
 * Raises the limits of this process, which its children inherit, as far as it may; says in one line
 * what stays low.
 */
export async function raiseLimits(doors: LimitDoors): Promise<void> {
  const read = async (path: string): Promise<string> =>
    (await doors.disk.readIfThere(op, path).catch(() => undefined))?.toString().trim() ?? '';
  const files = limitOf(await read('/proc/self/limits'), 'Max open files');
  if (files && files.soft < wantedFiles) await raise(doors, files.hard);
  const table = await read('/proc/self/limits');
  const found = {
    openFiles: limitOf(table, 'Max open files')?.soft,
    processes: Math.min(limitOf(table, 'Max processes')?.soft ?? Infinity, await groupLimit(read)),
    inotifyInstances: Number(await read('/proc/sys/fs/inotify/max_user_instances')) || Infinity,
  };
  const low = {
    ...((found.openFiles ?? Infinity) < leastFiles && { openFiles: found.openFiles }),
    ...(found.processes < leastProcesses && { processes: found.processes }),
    ...(found.inotifyInstances < leastInotify && { inotifyInstances: found.inotifyInstances }),
  };
  if (Object.keys(low).length > 0)
    doors.log.warn('limits are low for a node: pods may fail for want of them', {
      ...low,
      hint: 'LimitNOFILE and TasksMax of the service; sysctl fs.inotify.max_user_instances',
    });
}

/** To the most that any node needs when we may raise the hard limit, else to that. */
async function raise({ spawn }: LimitDoors, hard: number): Promise<void> {
  const tries = hard < wantedFiles ? [wantedFiles, hard] : [wantedFiles];
  for (const most of tries) {
    const done = await spawn
      .run(op, [
        'prlimit',
        '--pid',
        String(process.pid),
        `--nofile=${most}:${Math.max(most, Math.min(hard, Number.MAX_SAFE_INTEGER))}`,
      ])
      .catch(() => undefined);
    if (done?.code === 0) return;
  }
}

/** pids.max of the control group that we are in, of either version. */
async function groupLimit(read: (path: string) => Promise<string>): Promise<number> {
  const lines = (await read('/proc/self/cgroup')).split('\n').map((line) => line.split(':'));
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('pids'))?.[2];
  const v2 = lines.find(([id, controllers]) => id === '0' && controllers === '')?.[2];
  const path = v1 !== undefined ? `/sys/fs/cgroup/pids${v1}` : `/sys/fs/cgroup${v2 ?? ''}`;
  return Number(await read(`${path}/pids.max`)) || Infinity;
}
