import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Log } from '../../io/log.ts';
import { broken, defaultEvictionHard, evictionMessage, nearby, rank, type Signal, type Signals, type Thresholds, type Usage } from './eviction.ts';

/** When pods are evicted; the defaults are the kubelet's. */
export interface EvictionPolicy {
  hard?: Thresholds;
  /** A signal that stays below one of these for its grace period evicts too. */
  soft?: Thresholds;
  softGraceMs?: Partial<Record<Signal, number>>;
  /** The most that a pod evicted by a soft threshold gets to end in. */
  maxPodGraceSeconds?: number;
  /** A pressure that ended is still told for this long. */
  lingerMs?: number;
}

export interface PressureOptions {
  policy?: EvictionPolicy;
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
  evict(pod: Pod, reason: 'Evicted', message: string, graceSeconds: number): void;
  /** Node conditions; told when they change. */
  report(pressure: { memory: boolean; disk: boolean }): void;
}

const nearMs = 10_000;
const farMs = 60_000;
/** A pressure that ended is still told for this long, so that the scheduler does not send the next pod into it. */
const defaultLingerMs = 300_000;
/** A node that is out of room cannot wait for anybody. */
const hardGraceSeconds = 1;

/** Watches memory and disks, and evicts one pod at a time. Returns how to stop. */
export function startPressure(options: PressureOptions): () => void {
  const { clock } = options;
  let timer: Timer | undefined;
  let stopped = false;
  const since = { memory: -Infinity, disk: -Infinity };
  const softSince = new Map<Signal, number>();
  const hard = options.policy?.hard ?? defaultEvictionHard;
  const soft = options.policy?.soft ?? {};
  const lingerMs = options.policy?.lingerMs ?? defaultLingerMs;
  let told = { memory: false, disk: false };
  const look = async (): Promise<void> => {
    let near = false;
    try {
      const signals = await readSignals(options);
      const now = clock.monotonicMs();
      const low = broken(signals, hard);
      const ripe = outlasted(broken(signals, soft), softSince, { now, graceMs: options.policy?.softGraceMs ?? {} });
      const all = [...low, ...ripe];
      if (all.includes('memory.available')) since.memory = now;
      if (all.some((signal) => signal !== 'memory.available')) since.disk = now;
      const is = { memory: now - since.memory < lingerMs, disk: now - since.disk < lingerMs };
      if (is.memory !== told.memory || is.disk !== told.disk) options.report((told = is));
      near = nearby(signals, hard) || nearby(signals, soft) || is.memory || is.disk;
      const graceSeconds = low[0] ? hardGraceSeconds : (options.policy?.maxPodGraceSeconds ?? 0);
      if (all[0]) await relieve(all[0], { signals, thresholds: low[0] ? hard : soft, graceSeconds }, options);
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

/** The signals that have been below their soft thresholds for longer than their grace periods. */
function outlasted(low: Signal[], since: Map<Signal, number>, { now, graceMs }: { now: number; graceMs: Partial<Record<Signal, number>> }): Signal[] {
  for (const signal of since.keys()) if (!low.includes(signal)) since.delete(signal);
  return low.filter((signal) => {
    const began = since.get(signal) ?? now;
    since.set(signal, began);
    return now - began >= (graceMs[signal] ?? 0);
  });
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

async function relieve(signal: Signal, { signals, thresholds, graceSeconds }: { signals: Signals; thresholds: Thresholds; graceSeconds: number }, options: PressureOptions): Promise<void> {
  if (signal !== 'memory.available') {
    await options.reclaimDisk();
    if (!broken(await readSignals(options), thresholds).includes(signal)) return;
  }
  const usage = await options.usage();
  const victim = rank(options.pods(), signal, usage)[0];
  if (!victim) return options.log.warn('nothing can be evicted', { signal });
  options.evict(victim, 'Evicted', evictionMessage(victim, signal, { signals, thresholds, usage: usage.get(victim.metadata.uid ?? '') }), graceSeconds);
}
