import type { Pod } from '../../api/generated/types/core-v1.ts';
import { quantityOf, zeroQuantity } from '../../api/quantity.ts';
import { podTotal, qosOf } from '../config/pod-resources.ts';
import { cpuQuota, cpuShares } from '../config/resources.ts';

/** What a pod as a whole may use. Undefined = no limit of its own. */
export interface PodLimits {
  cpuShares: number;
  cpuQuota: number | undefined;
  memoryBytes: number | undefined;
  /** What it asked for, for the share of its class. */
  cpuMilli: bigint;
}

export const leastShares = 2;
export const periodMicros = 100_000;

export function podLimits(pod: Pod): PodLimits {
  const overhead = (name: string) => quantityOf(pod.spec.overhead?.[name]);
  const total = (list: 'requests' | 'limits', name: string) =>
    (podTotal(pod, list, name) ?? zeroQuantity).add(overhead(name));
  const cpuMilli = (
    podTotal(pod, 'requests', 'cpu') ??
    podTotal(pod, 'limits', 'cpu') ??
    zeroQuantity
  )
    .add(overhead('cpu'))
    .milliValue();
  const qos = qosOf(pod);
  if (qos === 'BestEffort')
    return { cpuShares: leastShares, cpuQuota: undefined, memoryBytes: undefined, cpuMilli: 0n };
  // One container without a limit means that the pod has none.
  const quota = declared(pod, 'cpu') ? cpuQuota(total('limits', 'cpu').milliValue()) : undefined;
  const memory = declared(pod, 'memory') ? Number(total('limits', 'memory').value()) : undefined;
  return { cpuShares: cpuShares(cpuMilli), cpuQuota: quota, memoryBytes: memory, cpuMilli };
}

function declared(pod: Pod, name: string): boolean {
  if (!quantityOf(pod.spec.resources?.limits?.[name]).isZero()) return true;
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].every(
    (c) => !quantityOf(c.resources?.limits?.[name]).isZero(),
  );
}

/** cgroup v1 shares (2..262144) as a v2 weight (1..10000). */
export function weightOf(shares: number): number {
  return shares >= 262_144 ? 10_000 : 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}
