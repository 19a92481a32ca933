import { labelNames } from './config/labels.ts';
import type { Disk } from '../io/disk.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import { diskNames, readCounters, readNetwork } from './counters.ts';
import type { CriClient } from './cri/client.ts';
import type { RuntimeContainer } from './pods/model.ts';
import type { PodSet } from './pods/pod-set.ts';
import type { ContainerDetail, ContainerUsage, PodDetail, PodUsage } from './server/node-view.ts';
import type { Usage } from './gc/eviction.ts';
import type { ContainerStats } from '../wire/cri/cri.ts';
import { msOf } from '../api/times.ts';

const isoOfNanos = (nanos: bigint): string => new Date(Number(nanos / 1_000_000n)).toISOString();

/** What every running container uses now. */
export async function readUsage(cri: CriClient, pods: PodSet): Promise<PodUsage[]> {
  const [{ stats }, { stats: sandboxes }] = await Promise.all([
    cri.listContainerStats({}),
    cri.listPodSandboxStats({}).catch(() => ({ stats: [] })),
  ]);
  const byUid = new Map<string, PodUsage>();
  for (const worker of pods.workers()) {
    const { namespace = '', name = '' } = worker.pod.metadata;
    if (worker.runtime.sandboxes.some((s) => s.ready))
      byUid.set(worker.uid, {
        namespace,
        name,
        uid: worker.uid,
        startTime: new Date(msOf(worker.status.startTime)).toISOString(),
        containers: [],
      });
  }
  for (const one of stats) {
    const pod = byUid.get(one.attributes?.labels?.[labelNames.podUid] ?? '');
    const worker = pod && pods.worker(pod.uid);
    const container = worker?.runtime.containers.find((c) => c.id === one.attributes?.id);
    if (pod && container && container.startedAt > 0n) pod.containers.push(usageOf(one, container));
  }
  for (const sandbox of sandboxes) {
    const pod = byUid.get(sandbox.attributes?.metadata?.uid ?? '');
    const device = sandbox.linux?.network?.defaultInterface;
    const value = (v: { value?: number } | undefined): number => v?.value ?? 0;
    if (pod && device)
      pod.network = {
        name: device.name,
        rxBytes: value(device.rxBytes),
        rxErrors: value(device.rxErrors),
        txBytes: value(device.txBytes),
        txErrors: value(device.txErrors),
      };
  }
  return [...byUid.values()];
}

function usageOf(one: ContainerStats, container: RuntimeContainer): ContainerUsage {
  const { cpu, memory, writableLayer } = one;
  return {
    id: container.id,
    image: container.image,
    name:
      one.attributes?.labels?.[labelNames.containerName] ?? one.attributes?.metadata?.name ?? '',
    startTime: isoOfNanos(container.startedAt),
    at: isoOfNanos(cpu?.timestamp ?? memory?.timestamp ?? 0n),
    cpuNanoseconds: cpu?.usageCoreNanoSeconds?.value ?? 0,
    workingSetBytes: memory?.workingSetBytes?.value ?? 0,
    usageBytes: memory?.usageBytes?.value ?? 0,
    rssBytes: memory?.rssBytes?.value ?? 0,
    pageFaults: memory?.pageFaults?.value,
    majorPageFaults: memory?.majorPageFaults?.value,
    rootfsUsedBytes: writableLayer?.usedBytes?.value,
    rootfsInodesUsed: writableLayer?.inodesUsed?.value,
  };
}

/** The same, with what the kernel counts for each container and pod. */
export async function readDetails(
  cri: CriClient,
  pods: PodSet,
  doors: { disk: Disk; cgroups: Cgroups; image: string },
): Promise<PodDetail[]> {
  const [usage, names] = await Promise.all([readUsage(cri, pods), diskNames(doors.disk)]);
  const details = usage.map(async (pod): Promise<PodDetail[]> => {
    const worker = pods.worker(pod.uid);
    const sandbox = worker?.runtime.sandboxes.find((s) => s.ready);
    if (!worker || !sandbox) return [];
    const parent = doors.cgroups.parentOf(worker.pod);
    const group = `${parent}/${sandbox.id}`;
    const containers = pod.containers.map(async (c): Promise<ContainerDetail> => {
      const own = `${parent}/${c.id}`;
      const counters = await readCounters(doors, own);
      for (const row of counters.devices) row.device = names.get(row.device) ?? row.device;
      return { ...c, group: own, counters };
    });
    return [
      {
        ...pod,
        group,
        sandboxId: sandbox.id,
        sandboxImage: doors.image,
        interfaces: worker.pod.spec.hostNetwork ? [] : await readNetwork(doors, group),
        containers: await Promise.all(containers),
      },
    ];
  });
  return (await Promise.all(details)).flat();
}

/** The same, as eviction weighs it. */
export function evictionUsage(pods: PodUsage[]): Map<string, Usage> {
  return new Map(
    pods.map((pod) => {
      const containers = pod.containers.map((c) => ({
        name: c.name,
        memoryBytes: c.workingSetBytes,
        diskBytes: (c.rootfsUsedBytes ?? 0) + (c.logsUsedBytes ?? 0),
      }));
      const sum = (of: (c: (typeof containers)[0]) => number): number =>
        containers.reduce((n, c) => n + of(c), 0);
      return [
        pod.uid,
        { memoryBytes: sum((c) => c.memoryBytes), diskBytes: sum((c) => c.diskBytes), containers },
      ];
    }),
  );
}
