import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Log } from '../../io/log.ts';
import {
  broken,
  defaultEvictionHard,
  evictionMessage,
  frees,
  nearby,
  rank,
  type Signal,
  type Signals,
  type Thresholds,
  type Usage,
} from './eviction.ts';

/** When pods are evicted; the defaults are the kubelet's. */
export interface EvictionPolicy {
  hard?: Thresholds;
  /** A signal that stays below one of these for its grace period evicts too. */
  soft?: Thresholds;
  softGraceMs?: Partial<Record<Signal, number>>;
  /** The most that a pod evicted by a soft threshold gets to end in. */
  maxPodGraceSeconds?: number;
  /** A pressure that ended is still told for this long; unsaid, only one that ended narrowly is. */
  lingerMs?: number;
  /** How far above its threshold a signal must come once it was below. */
  minReclaim?: Thresholds;
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
  /** What pods use; for a disk with their logs and volumes, which takes a while. */
  usage(of: 'memory' | 'disk'): Promise<ReadonlyMap<string, Usage>>;
  /** Removes what finished pods have left, and then every unused image. */
  reclaimDisk(): Promise<void>;
  evict(pod: Pod, reason: 'Evicted', message: string, graceSeconds: number): void;
  /** Resolves when nothing of an evicted pod is left, or when that takes too long. */
  ended(pod: Pod): Promise<void>;
  /** A signal is broken and no pod's end would help. Told once while that lasts. */
  helpless(signal: Signal, now: { available: number; capacity: number }): void;
  /** Node conditions; called when they change. */
  report(pressure: Pressures): void;
  /** The node's file system takes no writes. */
  readOnly(): Promise<boolean>;
}

export interface Pressures {
  memory: boolean;
  disk: boolean;
  /**
   * The file system of the node is read-only: the disk is under pressure, too, for nothing can
   * start.
   */
  readOnly: boolean;
}

/** After an eviction: what it freed shows, and the next may be due. */
const soonMs = 1000;
const nearMs = 10_000;
const farMs = 60_000;
/**
 * A pressure that ended narrowly is still told for this long, so that the scheduler does not send
 * the next pod into it.
 */
const defaultLingerMs = 300_000;
/** A node that is out of room cannot wait for anybody. */
const hardGraceSeconds = 1;

/** Watches memory and disks, and evicts one pod at a time. Returns how to stop. */
export function startPressure(options: PressureOptions): () => void {
  const pressure = new Pressure(options);
  pressure.start();
  return () => pressure.stop();
}

class Pressure {
  readonly #options: PressureOptions;
  readonly #hard: Thresholds;
  readonly #soft: Thresholds;
  readonly #minReclaim: Thresholds;
  readonly #since = { memory: -Infinity, disk: -Infinity };
  readonly #softSince = new Map<Signal, number>();
  #broken: ReadonlySet<Signal> = new Set();
  #told: Pressures = { memory: false, disk: false, readOnly: false };
  /** It was logged that evicting a pod would not help. */
  #helpless = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: PressureOptions) {
    this.#options = options;
    this.#hard = options.policy?.hard ?? defaultEvictionHard;
    this.#soft = options.policy?.soft ?? {};
    this.#minReclaim = options.policy?.minReclaim ?? {};
  }

  start(): void {
    this.#next(nearMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #next(ms: number): void {
    if (!this.#stopped)
      this.#timer = this.#options.clock.after('gc.pressure', ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    let nextMs = nearMs;
    try {
      nextMs = await this.#once();
    } catch (error) {
      this.#options.log.warn('pressure was not measured', { error });
    }
    this.#next(nextMs);
  }

  /** Measures, tells and relieves. Returns when to look again. */
  async #once(): Promise<number> {
    const { policy, clock } = this.#options;
    const signals = await readSignals(this.#options);
    const now = clock.monotonicMs();
    const before = { since: this.#broken, minReclaim: this.#minReclaim };
    const low = broken(signals, this.#hard, before);
    const ripe = outlasted(broken(signals, this.#soft), this.#softSince, {
      now,
      graceMs: policy?.softGraceMs ?? {},
    });
    const all = [...new Set([...low, ...ripe])];
    this.#broken = new Set(all);
    const near = nearby(signals, this.#hard) || nearby(signals, this.#soft);
    this.#tell(all, { now, near, readOnly: await this.#options.readOnly() });
    if (all[0] === undefined) {
      this.#helpless = false;
      return near || this.#told.memory || this.#told.disk ? nearMs : farMs;
    }
    const by =
      low.length > 0
        ? { thresholds: this.#hard, graceSeconds: hardGraceSeconds }
        : { thresholds: this.#soft, graceSeconds: policy?.maxPodGraceSeconds ?? 0 };
    return (await this.#relieve(all[0], { ...by, signals })) ? soonMs : nearMs;
  }

  #tell(
    all: Signal[],
    { now, near, readOnly }: { now: number; near: boolean; readOnly: boolean },
  ): void {
    if (all.includes('memory.available')) this.#since.memory = now;
    if (all.some((signal) => signal !== 'memory.available')) this.#since.disk = now;
    const lingerMs = this.#options.policy?.lingerMs ?? (near ? defaultLingerMs : 0);
    const lasts = (since: number): boolean => since === now || now - since < lingerMs;
    const is = {
      memory: lasts(this.#since.memory),
      disk: readOnly || lasts(this.#since.disk),
      readOnly,
    };
    if (
      is.memory !== this.#told.memory ||
      is.disk !== this.#told.disk ||
      is.readOnly !== this.#told.readOnly
    )
      this.#options.report((this.#told = is));
  }

  /** True when a pod was evicted and has ended: it is worth looking again at once. */
  async #relieve(
    signal: Signal,
    {
      signals,
      thresholds,
      graceSeconds,
    }: { signals: Signals; thresholds: Thresholds; graceSeconds: number },
  ): Promise<boolean> {
    const options = this.#options;
    if (signal !== 'memory.available') {
      await options.reclaimDisk();
      if (
        !broken(await readSignals(options), thresholds, {
          since: this.#broken,
          minReclaim: this.#minReclaim,
        }).includes(signal)
      )
        return false;
    }
    const pods = options.pods();
    const usage = await options.usage(signal === 'memory.available' ? 'memory' : 'disk');
    const victim = rank(pods, signal, usage).find((pod) =>
      frees(signal, usage.get(pod.metadata.uid ?? '')),
    );
    if (!victim) {
      if (!this.#helpless)
        options.helpless(signal, signals[signal] ?? { available: 0, capacity: 0 });
      this.#helpless = true;
      return false;
    }
    options.evict(
      victim,
      'Evicted',
      evictionMessage(victim, signal, {
        signals,
        thresholds,
        usage: usage.get(victim.metadata.uid ?? ''),
      }),
      graceSeconds,
    );
    await options.ended(victim);
    return true;
  }
}

/** The signals that have been below their soft thresholds for longer than their grace periods. */
function outlasted(
  low: Signal[],
  since: Map<Signal, number>,
  { now, graceMs }: { now: number; graceMs: Partial<Record<Signal, number>> },
): Signal[] {
  for (const signal of since.keys()) if (!low.includes(signal)) since.delete(signal);
  return low.filter((signal) => {
    const began = since.get(signal) ?? now;
    since.set(signal, began);
    return now - began >= (graceMs[signal] ?? 0);
  });
}

async function readSignals(options: PressureOptions): Promise<Signals> {
  const [meminfo, node, image] = await Promise.all([
    options.disk.read('gc.pressure', '/proc/meminfo'),
    options.nodeRoom(),
    options.imageRoom(),
  ]);
  const line = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo.toString())?.[1] ?? 0) * 1024;
  return {
    'memory.available': { available: line('MemAvailable'), capacity: line('MemTotal') },
    'nodefs.available': { available: node.availableBytes, capacity: node.capacityBytes },
    'nodefs.inodesFree': { available: node.inodesFree, capacity: node.inodes },
    'imagefs.available': { available: image.availableBytes, capacity: image.capacityBytes },
  };
}
