import type { Pod } from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import { podTotal } from '../config/pod-resources.ts';
import type { Usage } from './eviction.ts';

export interface LocalStorageOptions {
  clock: Clock;
  log: Log;
  spawn: Spawn;
  pods(): Pod[];
  /**
   * Volumes whose files are on the node's disk and go with the pod (Volumes.localUsage). `path`:
   * undefined while it does not stand; `limit`: a quantity.
   */
  localVolumes(pod: Pod): { name: string; path: string | undefined; limit: string | undefined }[];
  /** Writable layers and logs, by pod uid. */
  usage(): Promise<ReadonlyMap<string, Usage>>;
  evict(pod: Pod, reason: 'Evicted', message: string): void;
}

const periodMs = 30_000;

/**
 * Evicts pods that write more than they said they would. Measures nothing while no pod has such a
 * limit.
 */
export function startLocalStorageLimits(options: LocalStorageOptions): () => void {
  let timer: Timer | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const limited = options.pods().filter((pod) => hasLimit(pod, options));
    try {
      if (limited.length > 0) await check(limited, options);
    } catch (error) {
      options.log.warn('local storage was not measured', { error });
    }
    if (!stopped) timer = options.clock.after('gc.local-storage', periodMs, () => void look());
  };
  timer = options.clock.after('gc.local-storage', periodMs, () => void look());
  return () => {
    stopped = true;
    timer?.cancel();
  };
}

function hasLimit(pod: Pod, options: LocalStorageOptions): boolean {
  return (
    options.localVolumes(pod).some((v) => v.limit !== undefined) ||
    pod.spec.containers.some((c) => c.resources?.limits?.['ephemeral-storage'] !== undefined)
  );
}

async function check(pods: Pod[], options: LocalStorageOptions): Promise<void> {
  const usage = await options.usage();
  for (const pod of pods) {
    const message = await excess(pod, usage.get(pod.metadata.uid ?? ''), options);
    if (message) options.evict(pod, 'Evicted', message);
  }
}

async function excess(
  pod: Pod,
  used: Usage | undefined,
  options: LocalStorageOptions,
): Promise<string | undefined> {
  let inVolumes = 0;
  for (const volume of options.localVolumes(pod)) {
    const bytes = await sizeOf(volume.path, options.spawn);
    inVolumes += bytes;
    const limit = quantityOf(volume.limit);
    if (!limit.isZero() && bytes > limit.asNumber())
      return (
        `Usage of EmptyDir volume ${JSON.stringify(volume.name)} exceeds the limit ` +
        `${JSON.stringify(limit.toString())}. `
      );
  }
  for (const container of pod.spec.containers) {
    const limit = quantityOf(container.resources?.limits?.['ephemeral-storage']);
    const bytes = used?.containers.find((c) => c.name === container.name)?.diskBytes ?? 0;
    if (!limit.isZero() && bytes > limit.asNumber())
      return (
        `Container ${container.name} exceeded its local ephemeral storage limit ` +
        `${JSON.stringify(limit.toString())}. `
      );
  }
  const total = podTotal(pod, 'limits', 'ephemeral-storage');
  const everyone = pod.spec.containers.every(
    (c) => c.resources?.limits?.['ephemeral-storage'] !== undefined,
  );
  if (!total || !everyone || (used?.diskBytes ?? 0) + inVolumes <= total.asNumber())
    return undefined;
  return (
    'Pod ephemeral local storage usage exceeds the total limit of containers ' +
    `${total.toString()}. `
  );
}

async function sizeOf(path: string | undefined, spawn: Spawn): Promise<number> {
  if (path === undefined) return 0;
  const done = await spawn.run('gc.du', [
    'du',
    '--summarize',
    '--one-file-system',
    '--block-size=1',
    path,
  ]);
  return Number(done.stdout.toString().split('\t')[0] ?? 0) || 0;
}
