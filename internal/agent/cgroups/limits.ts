import type { Pod } from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { podTotal, qosOf } from '../config/pod-resources.ts';
import { cpuQuota, cpuShares } from '../config/resources.ts';

const periodMicros = 100_000;

/** What a pod's own group is held to. Undefined = no limit. */
export interface PodLimits {
  cpuShares: number;
  cpuQuota: number | undefined;
  memoryBytes: bigint | undefined;
}

export function podLimits(pod: Pod): PodLimits {
  const qos = qosOf(pod);
  if (qos === 'BestEffort') return { cpuShares: 2, cpuQuota: undefined, memoryBytes: undefined };
  const overhead = (name: string) => quantityOf(pod.spec.overhead?.[name]);
  const cpu = (podTotal(pod, 'requests', 'cpu') ?? podTotal(pod, 'limits', 'cpu') ?? quantityOf(undefined)).add(overhead('cpu'));
  // One container without a limit leaves the whole pod without one.
  const limited = (name: string): boolean => pod.spec.resources?.limits?.[name] !== undefined || [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].every((c) => c.resources?.limits?.[name] !== undefined);
  const cpuLimit = limited('cpu') ? podTotal(pod, 'limits', 'cpu')?.add(overhead('cpu')) : undefined;
  const memory = limited('memory') ? podTotal(pod, 'limits', 'memory')?.add(overhead('memory')) : undefined;
  return { cpuShares: cpuShares(cpu.milliValue()), cpuQuota: cpuLimit ? cpuQuota(cpuLimit.milliValue()) : undefined, memoryBytes: memory?.value() };
}

/** Files of the hierarchies, in the order in which they must be written. */
export function limitFiles(limits: PodLimits, version: 1 | 2): { controller: string; file: string; value: string }[] {
  const { cpuQuota: quota, memoryBytes } = limits;
  if (version === 1) {
    return [
      { controller: 'cpu', file: 'cpu.shares', value: String(limits.cpuShares) },
      { controller: 'cpu', file: 'cpu.cfs_period_us', value: String(periodMicros) },
      { controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(quota ?? -1) },
      { controller: 'memory', file: 'memory.limit_in_bytes', value: String(memoryBytes ?? -1) },
    ];
  }
  return [
    { controller: 'cpu', file: 'cpu.weight', value: String(weightOf(limits.cpuShares)) },
    { controller: 'cpu', file: 'cpu.max', value: `${quota ?? 'max'} ${periodMicros}` },
    { controller: 'memory', file: 'memory.max', value: memoryBytes === undefined ? 'max' : String(memoryBytes) },
  ];
}

/** KEP-2254's way from shares (2..262144) to weight (1..10000). */
export function weightOf(shares: number): number {
  return Math.floor(1 + ((Math.min(262_144, Math.max(2, shares)) - 2) * 9999) / 262_142);
}
