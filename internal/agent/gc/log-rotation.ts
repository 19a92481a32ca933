import { packFile } from '../../io/archive.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Tree } from '../../io/tree.ts';
import { LogFollower } from './log-follower.ts';

export interface LogRotationOptions {
  clock: Clock;
  disk: Disk;
  tree: Tree;
  log: Log;
  maxBytes?: number;
  maxFiles?: number;
  /** CRI ReopenContainerLog. */
  reopen(id: string): Promise<void>;
}

/** A container that runs and where its log is. */
export interface LoggedContainer {
  id: string;
  logPath: string;
}

const op = 'log.rotate';
const defaultMaxBytes = 10 * 1024 * 1024;
const defaultMaxFiles = 5;
/** A container that fills its log sooner writes faster than is worth packing. */
const hurryMs = 30_000;

/** Keeps the logs of all running containers within their size and number. */
export class LogRotation {
  readonly #options: LogRotationOptions;
  readonly #pods = new Map<string, Map<string, LogFollower>>();

  constructor(options: LogRotationOptions) {
    this.#options = options;
  }

  /** These containers of the pod run now, and no others. Cheap when that is known. */
  sync(uid: string, running: readonly LoggedContainer[]): void {
    const known = this.#pods.get(uid) ?? new Map<string, LogFollower>();
    for (const [id, follower] of known) {
      if (running.some((c) => c.id === id)) continue;
      follower.stop();
      known.delete(id);
    }
    for (const container of running)
      if (container.logPath && !known.has(container.id))
        known.set(container.id, this.#follow(container));
    if (known.size > 0) this.#pods.set(uid, known);
    else this.#pods.delete(uid);
  }

  stop(): void {
    for (const uid of [...this.#pods.keys()]) this.sync(uid, []);
  }

  #follow({ id, logPath }: LoggedContainer): LogFollower {
    let lastMs = -Infinity;
    const { clock, disk, log, maxBytes = defaultMaxBytes } = this.#options;
    const rotate = async (): Promise<void> => {
      const now = clock.monotonicMs();
      await rotateLog(id, logPath, { ...this.#options, hurry: now - lastMs < hurryMs });
      lastMs = now;
    };
    return new LogFollower({ path: logPath, maxBytes, clock, disk, log, rotate });
  }
}

/**
 * One rotation: drop the oldest, put the current aside, let the runtime open a new one, compress
 * the older unless in a hurry.
 */
export async function rotateLog(
  id: string,
  logPath: string,
  options: LogRotationOptions & { hurry?: boolean },
): Promise<void> {
  const { disk, tree, clock } = options;
  const slash = logPath.lastIndexOf('/');
  const [dir, base] = [logPath.slice(0, slash), logPath.slice(slash + 1)];
  const names = (await disk.list(op, dir)).filter((name) => name.startsWith(`${base}.`)).sort();
  for (const name of names.filter((n) => n.endsWith('.tmp')))
    await disk.remove(op, `${dir}/${name}`);
  const rotated = names.filter((name) => !name.endsWith('.tmp'));
  const sizeOf = async (path: string): Promise<number> => (await disk.stat(op, path))?.size ?? 0;
  const { maxBytes = defaultMaxBytes, maxFiles = defaultMaxFiles } = options;
  // The current file and the one it becomes count too.
  const files = Math.max(0, maxFiles - 2);
  // A flood that outruns the looks makes larger files: then fewer of them are kept, for the disk's
  // sake. What all of them may take is left for those that are full.
  const [most, size] = [maxBytes * maxFiles, await sizeOf(logPath)];
  let room = most - size;
  const kept: string[] = [];
  for (const name of rotated.toReversed()) {
    room -= await sizeOf(`${dir}/${name}`);
    if (room < 0 || kept.length === files) break;
    kept.unshift(name);
  }
  for (const name of rotated.slice(0, rotated.length - kept.length))
    await disk.remove(op, `${dir}/${name}`);
  const aside = `${logPath}.${nextStamp(clock.now(), rotated.at(-1)?.slice(base.length + 1))}`;
  await tree.rename(op, logPath, aside);
  try {
    await options.reopen(id);
  } catch (error) {
    // The runtime still writes to the old file: it gets its name back and the next look tries
    // again.
    await tree.rename(op, aside, logPath);
    throw error;
  }
  // One file that is larger than all may be is packed at once: after the flood nobody may come to
  // rotate again.
  if (size > most) await compress(aside, options);
  if (options.hurry) return;
  for (const name of kept) if (!name.endsWith('.gz')) await compress(`${dir}/${name}`, options);
}

const stampOf = (ms: number): string =>
  new Date(ms).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);

/**
 * The kubelet's `20060102-150405`. Names are the order of the files, so two of one second, or a
 * clock set back, must not take each other's.
 */
function nextStamp(nowMs: number, newest: string | undefined): string {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)/.exec(newest ?? '') ?? [];
  const before = y === undefined ? 0 : Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  return stampOf(Math.max(nowMs, (before || 0) + 1000));
}

async function compress(path: string, { disk, tree }: LogRotationOptions): Promise<void> {
  await packFile(op, path, `${path}.tmp`, 0o640);
  await tree.rename(op, `${path}.tmp`, `${path}.gz`);
  await disk.remove(op, path);
}
