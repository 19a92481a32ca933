import type { Clock, Timer } from '../../io/clock.ts';
import { packFile } from '../../io/archive.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Tree } from '../../io/tree.ts';

export interface LogRotationOptions {
  clock: Clock;
  disk: Disk;
  tree: Tree;
  log: Log;
  maxBytes?: number;
  maxFiles?: number;
  /** Running containers and their log files. */
  running(): Iterable<{ id: string; logPath: string }>;
  /** CRI ReopenContainerLog. */
  reopen(id: string): Promise<void>;
}

const op = 'log.rotate';
const defaultMaxBytes = 10 * 1024 * 1024;
const defaultMaxFiles = 5;
/** How soon to look again: soon while some log grows fast, seldom while all are quiet. */
const busyMs = 10_000;
const quietMs = 60_000;
const busyGrowthBytes = 512 * 1024;

/** Rotates logs from now on. Returns how to stop. */
export function startLogRotation(options: LogRotationOptions): () => void {
  const sizes = new Map<string, number>();
  let timer: Timer | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    let busy = false;
    const seen = new Set<string>();
    for (const { id, logPath } of options.running()) {
      seen.add(id);
      try {
        const size = (await options.disk.stat(op, logPath))?.size ?? 0;
        busy ||= size - (sizes.get(id) ?? size) > busyGrowthBytes;
        sizes.set(id, size);
        if (size >= (options.maxBytes ?? defaultMaxBytes)) await rotateLog(id, logPath, options);
      } catch (error) {
        options.log.warn('log was not rotated', { logPath, error });
      }
    }
    for (const id of sizes.keys()) if (!seen.has(id)) sizes.delete(id);
    if (!stopped) timer = options.clock.after(op, busy ? busyMs : quietMs, () => void look());
  };
  timer = options.clock.after(op, quietMs, () => void look());
  return () => {
    stopped = true;
    timer?.cancel();
  };
}

/** One rotation: drop the oldest, compress the older, put the current aside, let the runtime open a new one. */
export async function rotateLog(id: string, logPath: string, options: LogRotationOptions): Promise<void> {
  const { disk, tree, clock } = options;
  const slash = logPath.lastIndexOf('/');
  const [dir, base] = [logPath.slice(0, slash), logPath.slice(slash + 1)];
  const names = (await disk.list(op, dir)).filter((name) => name.startsWith(`${base}.`)).sort();
  for (const name of names.filter((n) => n.endsWith('.tmp'))) await disk.remove(op, `${dir}/${name}`);
  const rotated = names.filter((name) => !name.endsWith('.tmp'));
  // The current file and the one it becomes count too.
  const keep = Math.max(0, (options.maxFiles ?? defaultMaxFiles) - 2);
  const surplus = rotated.slice(0, Math.max(0, rotated.length - keep));
  for (const name of surplus) await disk.remove(op, `${dir}/${name}`);
  for (const name of rotated.slice(surplus.length)) if (!name.endsWith('.gz')) await compress(`${dir}/${name}`, options);
  const stamp = new Date(clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const aside = `${logPath}.${stamp}`;
  await tree.rename(op, logPath, aside);
  try {
    await options.reopen(id);
  } catch (error) {
    // The runtime still writes to the old file: it gets its name back and the next look tries again.
    await tree.rename(op, aside, logPath);
    throw error;
  }
}

async function compress(path: string, { disk, tree }: LogRotationOptions): Promise<void> {
  await packFile(op, path, `${path}.tmp`, 0o640);
  await tree.rename(op, `${path}.tmp`, `${path}.gz`);
  await disk.remove(op, path);
}
