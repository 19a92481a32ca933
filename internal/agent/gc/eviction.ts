import type { Pod } from '../../api/generated/types/core-v1.ts';
import { Quantity, quantityOf } from '../../api/quantity.ts';
import { podTotal } from '../config/pod-resources.ts';

export type Signal =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available';

/** What is left of each, and of how much. */
export type Signals = Partial<Record<Signal, { available: number; capacity: number }>>;

/** A share is of the capacity. */
export type Threshold = { amount: number } | { share: number };
/** Signals without a threshold evict nobody. */
export type Thresholds = Partial<Record<Signal, Threshold>>;

/** The kubelet's evictionHard of Linux. */
export const defaultEvictionHard: Thresholds = {
  'memory.available': { amount: 100 * 1024 * 1024 },
  'nodefs.available': { share: 0.1 },
  'nodefs.inodesFree': { share: 0.05 },
  'imagefs.available': { share: 0.15 },
};

const resourceOf: Record<Signal, string> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
};

/** The amount below which a signal breaks its threshold; 0 = none. */
export function limitOf(thresholds: Thresholds, signal: Signal, capacity: number): number {
  const threshold = thresholds[signal];
  if (!threshold) return 0;
  return 'amount' in threshold ? threshold.amount : Math.floor(capacity * threshold.share);
}

/**
 * The signals below their thresholds; memory comes first, because it is the more urgent. One that
 * was broken before (`since`) stays so until it has `minReclaim` more than its threshold.
 */
export function broken(
  signals: Signals,
  thresholds: Thresholds = defaultEvictionHard,
  before?: { since: ReadonlySet<Signal>; minReclaim: Thresholds },
): Signal[] {
  return (Object.keys(resourceOf) as Signal[]).filter((signal) => {
    const now = signals[signal];
    if (now === undefined || now.capacity === 0) return false;
    const limit = limitOf(thresholds, signal, now.capacity);
    return (
      limit > 0 &&
      now.available <
        limit + (before?.since.has(signal) ? limitOf(before.minReclaim, signal, now.capacity) : 0)
    );
  });
}

/** One signal is within twice its threshold: time to look often. */
export function nearby(signals: Signals, thresholds: Thresholds = defaultEvictionHard): boolean {
  return (Object.keys(signals) as Signal[]).some((signal) => {
    const now = signals[signal];
    return now !== undefined && now.available < 2 * limitOf(thresholds, signal, now.capacity);
  });
}

export interface Usage {
  memoryBytes: number;
  /** Writable layers and, where they were measured, logs and emptyDir volumes. */
  diskBytes: number;
  inodes?: number;
  containers: { name: string; memoryBytes: number; diskBytes: number }[];
}

const systemCritical = 2_000_000_000;

/** Static, mirror and system-critical pods stay (kubelet IsCriticalPod). */
function mayBeEvicted(pod: Pod): boolean {
  const annotations = pod.metadata.annotations ?? {};
  if (annotations['kubernetes.io/config.mirror'] !== undefined) return false;
  if ((annotations['kubernetes.io/config.source'] ?? 'api') !== 'api') return false;
  return (pod.spec.priority ?? 0) < systemCritical;
}

/** What the going of a pod must free of a disk, or it is no help to anybody. */
const leastGain = { bytes: 1024 * 1024, inodes: 100 };

/** Whether the end of a pod brings this signal anything. */
export function frees(signal: Signal, usage: Usage | undefined): boolean {
  if (signal === 'memory.available') return true;
  if (signal === 'nodefs.inodesFree') return (usage?.inodes ?? 0) >= leastGain.inodes;
  return (usage?.diskBytes ?? 0) >= leastGain.bytes;
}

/** First those who use more than they asked for, then the less important, then the greediest. */
export function rank(pods: Pod[], signal: Signal, usage: ReadonlyMap<string, Usage>): Pod[] {
  const memory = signal === 'memory.available';
  const excess = (pod: Pod): number => {
    const used = usage.get(pod.metadata.uid ?? '');
    // Pods cannot request inodes.
    if (signal === 'nodefs.inodesFree') return used?.inodes ?? 0;
    const asked =
      podTotal(pod, 'requests', memory ? 'memory' : 'ephemeral-storage')?.asNumber() ?? 0;
    return (memory ? (used?.memoryBytes ?? 0) : (used?.diskBytes ?? 0)) - asked;
  };
  return pods
    .filter(mayBeEvicted)
    .map((pod) => ({ pod, excess: excess(pod) }))
    .sort(
      (a, b) =>
        Number(b.excess > 0) - Number(a.excess > 0) ||
        (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0) ||
        b.excess - a.excess,
    )
    .map(({ pod }) => pod);
}

/** The message of an evicted pod. */
export function evictionMessage(
  pod: Pod,
  signal: Signal,
  options: { signals: Signals; thresholds: Thresholds; usage: Usage | undefined },
): string {
  const { signals, thresholds, usage } = options;
  const resource = resourceOf[signal];
  const now = signals[signal] ?? { available: 0, capacity: 0 };
  const bytes = (value: number): string =>
    new Quantity(BigInt(Math.max(0, Math.floor(value))), 0, 'BinarySI').toString();
  let text =
    `The node was low on resource: ${resource}. Threshold quantity: ` +
    `${bytes(limitOf(thresholds, signal, now.capacity))}, available: ` +
    `${bytes(Math.floor(now.available / 1024) * 1024)}. `;
  if (resource === 'inodes') return text;
  for (const container of pod.spec.containers) {
    const measured = usage?.containers.find((c) => c.name === container.name);
    const used = resource === 'memory' ? (measured?.memoryBytes ?? 0) : (measured?.diskBytes ?? 0);
    const asked = quantityOf(container.resources?.requests?.[resource]);
    if (used > asked.asNumber())
      text +=
        `Container ${container.name} was using ${bytes(used)}, request is ${asked.toString()}, ` +
        `has larger consumption of ${resource}. `;
  }
  return text;
}
