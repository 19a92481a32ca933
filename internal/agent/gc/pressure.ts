import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Log } from '../../io/log.ts';
import { broken, evictionMessage, nearby, rank, type Signal, type Signals, type Usage } from './eviction.ts';

export interface PressureOptions {
  clock: Clock;
  disk: Disk;
  log: Log;
  nodeRoom(): Promise<FilesystemRoom>;
  imageRoom(): Promise<FilesystemRoom>;
  /** Pods that run. */
  pods(): Pod[];
  usage(): Promise<ReadonlyMap<string, Usage>>;
  /** Removes dead containers and unused images. */
  reclaimDisk(): Promise<void>;
  evict(pod: Pod, reason: 'Evicted', message: string): void;
  /** Node conditions; told when they change. */
  report(pressure: { memory: boolean; disk: boolean }): void;
}

const nearMs = 10_000;
const farMs = 60_000;
/** A pressure that ended is still told for this long, so that the scheduler does not send the next pod into it. */
const lingerMs = 300_000;

/** Watches memory and disks, and evicts one pod at a time. Returns how to stop. */
export function startPressure(options: PressureOptions): () => void {
  const { clock } = options;
  let timer: Timer | undefined;
  let stopped = false;
  const since = { memory: -Infinity, disk: -Infinity };
  let told = { memory: false, disk: false };
  const look = async (): Promise<void> => {
    let near = false;
    try {
      const signals = await readSignals(options);
      const low = broken(signals);
      const now = clock.monotonicMs();
      if (low.includes('memory.available')) since.memory = now;
      if (low.some((signal) => signal !== 'memory.available')) since.disk = now;
      const is = { memory: now - since.memory < lingerMs, disk: now - since.disk < lingerMs };
      if (is.memory !== told.memory || is.disk !== told.disk) options.report((told = is));
      near = nearby(signals) || is.memory || is.disk;
      if (low[0]) await relieve(low[0], signals, options);
    } catch (error) {
      options.log.warn('pressure was not measured', { error });
    }
    if (!stopped) timer = clock.after('gc.pressure', near ? nearMs : farMs, () => void look());
  };
  timer = clock.after('gc.pressure', nearMs, () => void look());
  return () => {
    stopped = true;
    timer?.cancel();
  };
}

async function readSignals(options: PressureOptions): Promise<Signals> {
  const [meminfo, node, image] = await Promise.all([options.disk.read('gc.pressure', '/proc/meminfo'), options.nodeRoom(), options.imageRoom()]);
  const line = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo.toString())?.[1] ?? 0) * 1024;
  return {
    'memory.available': { available: line('MemAvailable'), capacity: line('MemTotal') },
    'nodefs.available': { available: node.availableBytes, capacity: node.capacityBytes },
    'nodefs.inodesFree': { available: node.inodesFree, capacity: node.inodes },
    'imagefs.available': { available: image.availableBytes, capacity: image.capacityBytes },
  };
}

async function relieve(signal: Signal, signals: Signals, options: PressureOptions): Promise<void> {
  if (signal !== 'memory.available') {
    await options.reclaimDisk();
    if (!broken(await readSignals(options)).includes(signal)) return;
  }
  const usage = await options.usage();
  const victim = rank(options.pods(), signal, usage)[0];
  if (!victim) return options.log.warn('nothing can be evicted', { signal });
  options.evict(victim, 'Evicted', evictionMessage(victim, signal, signals, usage.get(victim.metadata.uid ?? '')));
}
