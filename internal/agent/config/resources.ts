import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { parseQuantity, quantityOf, zeroQuantity, type Quantity } from '../../api/quantity.ts';
import type { HugepageLimit, LinuxContainerResources } from '../../wire/cri/cri.ts';
import type { NodeFacts } from './node-facts.ts';
import { isSidecar, podTotal, qosOf } from './pod-resources.ts';

const periodMicros = 100_000;
/** The kernel refuses a quota below one millisecond. */
const leastQuotaMicros = 1000;
const leastShares = 2;
const mostShares = 262_144;
const guaranteedScore = -997;
const bestEffortScore = 1000;

/** cgroup v1 cpu.shares: 1024 for a whole CPU. */
export function cpuShares(milli: bigint): number {
  if (milli === 0n) return leastShares;
  return Math.min(mostShares, Math.max(leastShares, Math.floor((Number(milli) * 1024) / 1000)));
}

export function cpuQuota(milli: bigint): number {
  return milli === 0n
    ? 0
    : Math.max(leastQuotaMicros, Math.floor((Number(milli) * periodMicros) / 1000));
}

/** What a container may use: for its creation, and for a change while it runs. */
export function containerResources(
  pod: Pod,
  container: Container,
  node: NodeFacts,
): LinuxContainerResources {
  const requests = container.resources?.requests;
  const cpuLimit = limitWithPod(pod, container, 'cpu');
  const memoryLimit = limitWithPod(pod, container, 'memory');
  const basic = linuxResources({
    cpuRequest: requests?.['cpu'] === undefined ? cpuLimit : quantityOf(requests['cpu']),
    cpuLimit,
    memoryLimit,
  });
  const made: LinuxContainerResources = {
    ...basic,
    oomScoreAdj: oomScoreAdjust(pod, container, node.memoryCapacityBytes),
    hugepageLimits: hugePageLimits(pod, container, node.hugePageSizes),
  };
  if (node.swapAccounting && made.memoryLimitInBytes)
    made.memorySwapLimitInBytes = made.memoryLimitInBytes;
  return made;
}

function limitWithPod(pod: Pod, container: Container, name: string): Quantity {
  const own = quantityOf(container.resources?.limits?.[name]);
  return own.isZero() ? quantityOf(pod.spec.resources?.limits?.[name]) : own;
}

function linuxResources(of: {
  cpuRequest: Quantity;
  cpuLimit: Quantity;
  memoryLimit: Quantity;
}): LinuxContainerResources {
  const memory = Number(of.memoryLimit.value());
  return {
    cpuShares: cpuShares(of.cpuRequest.milliValue()),
    cpuQuota: cpuQuota(of.cpuLimit.milliValue()),
    cpuPeriod: periodMicros,
    ...(memory > 0 ? { memoryLimitInBytes: memory } : {}),
  };
}

/**
 * All of a pod's containers together, and its overhead: VM runtimes size their sandbox by these.
 */
export function sandboxResources(pod: Pod): {
  resources: LinuxContainerResources;
  overhead: LinuxContainerResources;
} {
  const cpuLimit = podTotal(pod, 'limits', 'cpu') ?? zeroQuantity;
  const resources = linuxResources({
    cpuRequest: podTotal(pod, 'requests', 'cpu') ?? cpuLimit,
    cpuLimit,
    memoryLimit: podTotal(pod, 'limits', 'memory') ?? zeroQuantity,
  });
  if (!pod.spec.overhead) return { resources, overhead: {} };
  const cpu = quantityOf(pod.spec.overhead['cpu']);
  return {
    resources,
    overhead: linuxResources({
      cpuRequest: cpu,
      cpuLimit: cpu,
      memoryLimit: quantityOf(pod.spec.overhead['memory']),
    }),
  };
}

/**
 * Who dies first when memory runs out: best effort before burstable, which go by how little they
 * asked for.
 */
export function oomScoreAdjust(pod: Pod, container: Container, capacityBytes: number): number {
  if (pod.spec.priorityClassName === 'system-node-critical') return guaranteedScore;
  const qos = qosOf(pod);
  if (qos === 'Guaranteed') return guaranteedScore;
  if (qos === 'BestEffort') return bestEffortScore;
  const capacity = BigInt(Math.max(1, Math.floor(capacityBytes)));
  const score = (bytes: bigint): number => Number(1000n - (1000n * bytes) / capacity);
  const shared = unclaimedShare(pod);
  let adjust = score(memoryRequest(container) + shared);
  if ((pod.spec.initContainers ?? []).some((c) => c.name === container.name && isSidecar(c))) {
    const least = pod.spec.containers.map(memoryRequest).reduce((a, b) => (a < b ? a : b));
    adjust = Math.min(adjust, score(least + shared));
  }
  if (adjust < 1000 + guaranteedScore) return 1000 + guaranteedScore;
  return adjust === bestEffortScore ? adjust - 1 : adjust;
}

function memoryRequest(container: Container): bigint {
  return quantityOf(container.resources?.requests?.['memory']).value();
}

/** What the pod asked for beyond its containers, in equal parts. */
function unclaimedShare(pod: Pod): bigint {
  if (!pod.spec.resources?.requests) return 0n;
  const members = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)];
  const left =
    quantityOf(pod.spec.resources.requests['memory']).value() -
    members.map(memoryRequest).reduce((a, b) => a + b, 0n);
  return left > 0n ? left / BigInt(members.length) : 0n;
}

const hugePagePrefix = 'hugepages-';

function hugePageLimits(pod: Pod, container: Container, sizes: string[]): HugepageLimit[] {
  const asked = new Map<string, number>();
  for (const limits of [pod.spec.resources?.limits, container.resources?.limits]) {
    for (const [name, value] of Object.entries(limits ?? {})) {
      if (name.startsWith(hugePagePrefix))
        asked.set(
          pageSizeName(name.slice(hugePagePrefix.length)),
          Number(quantityOf(value).value()),
        );
    }
  }
  return sizes.map((pageSize) => ({ pageSize, limit: asked.get(pageSize) ?? 0 }));
}

/** `2Mi` as the kernel and runc write it: `2MB`. */
export function pageSizeName(size: string): string {
  let bytes = parseQuantity(size).value();
  let unit = 0;
  while (bytes >= 1024n && unit < 5) [bytes, unit] = [bytes / 1024n, unit + 1];
  return `${bytes}${['B', 'KB', 'MB', 'GB', 'TB', 'PB'][unit] ?? 'B'}`;
}
