import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Scheme } from '../../api/scheme.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { staticPod } from './static-pod.ts';

export interface StaticPodsOptions {
  dir: string;
  node: string;
  scheme: Scheme;
  clock: Clock;
  disk: Disk;
  log: Log;
  /** Gets every static pod after the first reading, and whenever the set has changed since. */
  changed(pods: Pod[]): void;
}

const op = 'static-pods';
/** Editors write a file in several steps; read it when they are done. */
const settleMs = 200;

/**
 * Reads the folder now and after each change. Resolves after the first reading; returns how to
 * stop.
 */
export async function watchStaticPods(options: StaticPodsOptions): Promise<() => void> {
  const { dir, clock, disk } = options;
  await disk.makeDir(op, dir, 0o700);
  let known: Map<string, Pod> | undefined;
  let timer: Timer | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const before = known ?? new Map<string, Pod>();
    const found = await readAll(options, before);
    const same =
      known !== undefined &&
      found.size === before.size &&
      [...found].every(([path, pod]) => before.get(path)?.metadata.uid === pod.metadata.uid);
    known = found;
    if (!same && !stopped) options.changed([...found.values()]);
  };
  const stopWatching = disk.watch(op, dir, () => {
    timer ??= clock.after(op, settleMs, () => {
      timer = undefined;
      look().catch((error: unknown) =>
        options.log.warn('static pods were not read', { dir, error }),
      );
    });
  });
  await look();
  return () => {
    stopped = true;
    timer?.cancel();
    stopWatching();
  };
}

async function readAll(
  options: StaticPodsOptions,
  known: ReadonlyMap<string, Pod>,
): Promise<Map<string, Pod>> {
  const { dir, disk, log, scheme, node, clock } = options;
  const found = new Map<string, Pod>();
  for (const name of (await disk.list(op, dir)).sort()) {
    if (name.startsWith('.') || !/\.(ya?ml|json)$/.test(name)) continue;
    const path = `${dir}/${name}`;
    try {
      const pod = staticPod(await disk.read(op, path), { scheme, node, path, nowMs: clock.now() });
      const before = known.get(path);
      found.set(path, before && before.metadata.uid === pod.metadata.uid ? before : pod);
    } catch (error) {
      log.warn('file is not a static pod', { path, error });
      // A broken edit does not take down what runs.
      const before = known.get(path);
      if (before) found.set(path, before);
    }
  }
  return found;
}
