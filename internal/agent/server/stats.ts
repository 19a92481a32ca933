import type { VolumeUsage } from '../volumes/volume-usage.ts';
import type { ContainerUsage, PodUsage } from './node-view.ts';

/** What the kernel counts for the whole node. */
export interface NodeUsage {
  at: string;
  startTime: string;
  /** How many processors count. */
  cpus: number;
  cpuNanoseconds: number;
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
  workingSetBytes: number;
  rssBytes: number;
  network: { name: string; rxBytes: number; rxErrors: number; txBytes: number; txErrors: number }[];
  fs: { capacityBytes: number; availableBytes: number; inodes: number; inodesFree: number };
  pids: { most: number; now: number };
}

interface Seen {
  at: number;
  cpuNanoseconds: number;
}

/** Turns counters into rates: CPU in nanocores since the last time the same thing was looked at. */
export class Rates {
  readonly #seen = new Map<string, Seen>();

  nanoCores(key: string, at: string, cpuNanoseconds: number): number | undefined {
    const now = { at: Date.parse(at), cpuNanoseconds };
    const before = this.#seen.get(key);
    this.#seen.set(key, now);
    if (!before || now.at <= before.at || cpuNanoseconds < before.cpuNanoseconds) return undefined;
    return Math.round(((cpuNanoseconds - before.cpuNanoseconds) * 1000) / (now.at - before.at));
  }

  /** Forgets what was not looked at any more. */
  keep(keys: Set<string>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}

/** The document of /stats/summary (k8s.io/kubelet stats/v1alpha1). */
export function summary(
  nodeName: string,
  node: NodeUsage,
  { pods, volumes }: { pods: PodUsage[]; volumes: VolumeUsage[] },
  rates: Rates,
): Record<string, unknown> {
  const keys = new Set(['node']);
  const document = {
    node: {
      nodeName,
      startTime: node.startTime,
      cpu: cpu(rates, 'node', node.at, node.cpuNanoseconds),
      memory: {
        time: node.at,
        availableBytes: node.memoryAvailableBytes,
        usageBytes: node.memoryTotalBytes - node.memoryAvailableBytes,
        workingSetBytes: node.workingSetBytes,
        rssBytes: node.rssBytes,
      },
      ...(node.network[0]
        ? { network: { time: node.at, ...node.network[0], interfaces: node.network } }
        : {}),
      fs: fs(node),
      runtime: { imageFs: fs(node), containerFs: fs(node) },
      rlimit: { time: node.at, maxpid: node.pids.most, curproc: node.pids.now },
    },
    pods: pods.map((pod) => {
      const own = volumes.filter(({ uid }) => uid === pod.uid).map(volumeSummary);
      return { ...podSummary(pod, rates, keys), ...(own.length > 0 && { volume: own }) };
    }),
  };
  rates.keep(keys);
  return document;
}

function cpu(rates: Rates, key: string, at: string, nanoseconds: number): Record<string, unknown> {
  const usageNanoCores = rates.nanoCores(key, at, nanoseconds);
  return {
    time: at,
    ...(usageNanoCores === undefined ? {} : { usageNanoCores }),
    usageCoreNanoSeconds: nanoseconds,
  };
}

const fs = (node: NodeUsage): Record<string, unknown> => room(node.at, node.fs);

function room(time: string, of: NodeUsage['fs']): Record<string, unknown> {
  const { capacityBytes, availableBytes, inodes, inodesFree } = of;
  return {
    time,
    availableBytes,
    capacityBytes,
    usedBytes: capacityBytes - availableBytes,
    inodesFree,
    inodes,
    inodesUsed: inodes - inodesFree,
  };
}

const total = (pod: PodUsage, of: (c: ContainerUsage) => number | undefined): number =>
  pod.containers.reduce((sum, c) => sum + (of(c) ?? 0), 0);

function podSummary(pod: PodUsage, rates: Rates, keys: Set<string>): Record<string, unknown> {
  const at = pod.containers[0]?.at ?? pod.startTime;
  keys.add(pod.uid);
  return {
    podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
    startTime: pod.startTime,
    containers: pod.containers.map((c) => containerSummary(pod, c, rates, keys)),
    cpu: cpu(
      rates,
      pod.uid,
      at,
      total(pod, (c) => c.cpuNanoseconds),
    ),
    memory: {
      time: at,
      usageBytes: total(pod, (c) => c.usageBytes),
      workingSetBytes: total(pod, (c) => c.workingSetBytes),
      rssBytes: total(pod, (c) => c.rssBytes),
    },
    ...(pod.network ? { network: { time: at, ...pod.network, interfaces: [pod.network] } } : {}),
  };
}

function volumeSummary(volume: VolumeUsage): Record<string, unknown> {
  const { at, volume: name, claim, namespace } = volume;
  return { ...room(at, volume), name, pvcRef: { name: claim, namespace } };
}

function containerSummary(
  pod: PodUsage,
  c: ContainerUsage,
  rates: Rates,
  keys: Set<string>,
): Record<string, unknown> {
  const key = `${pod.uid}/${c.name}`;
  keys.add(key);
  const { usageBytes, workingSetBytes, rssBytes, pageFaults, majorPageFaults } = c;
  return {
    name: c.name,
    startTime: c.startTime,
    cpu: cpu(rates, key, c.at, c.cpuNanoseconds),
    memory: { time: c.at, usageBytes, workingSetBytes, rssBytes, pageFaults, majorPageFaults },
    rootfs: { time: c.at, usedBytes: c.rootfsUsedBytes, inodesUsed: c.rootfsInodesUsed },
    logs: { time: c.at, usedBytes: c.logsUsedBytes },
  };
}
