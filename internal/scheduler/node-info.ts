import type { Container, Node, Pod } from '../api/generated/types/core-v1.ts';
import {
  addAmounts,
  amountsOf,
  podRequests,
  type Amounts,
} from '../api/scheduling/pod-resources.ts';

/**
 * A container that asks for nothing is ranked as if it asked for this (kube-scheduler
 * GetNonzeroRequests).
 */
const usualCpuMilli = 100;
const usualMemoryBytes = 200 * 1024 * 1024;

/** A pod with what the plug-ins need to know of it, computed once. */
export interface PodInfo {
  pod: Pod;
  requests: Amounts;
  /** Requests for ranking, with the usual amounts filled in. */
  usual: { cpu: number; memory: number };
  hostPorts: HostPort[];
}

export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

const usualOf = (container: Container): Amounts => {
  const amounts: Amounts = new Map();
  if (container.resources?.requests?.['cpu'] === undefined) amounts.set('cpu', usualCpuMilli);
  if (container.resources?.requests?.['memory'] === undefined)
    amounts.set('memory', usualMemoryBytes);
  return amounts;
};

export function podInfo(pod: Pod): PodInfo {
  const usual = podRequests(pod.spec, { fallback: usualOf });
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  const hostPorts = [...pod.spec.containers, ...sidecars].flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort
        ? [{ ip: p.hostIP || '0.0.0.0', protocol: p.protocol ?? 'TCP', port: p.hostPort }]
        : [],
    ),
  );
  return {
    pod,
    requests: podRequests(pod.spec),
    usual: { cpu: usual.get('cpu') ?? 0, memory: usual.get('memory') ?? 0 },
    hostPorts,
  };
}

/** A node and what is promised on it. */
export class NodeInfo {
  readonly node: Node;
  readonly allocatable: Amounts;
  readonly pods = new Map<string, PodInfo>();
  readonly requested: Amounts = new Map();
  readonly usual = { cpu: 0, memory: 0 };

  constructor(node: Node) {
    this.node = node;
    this.allocatable = amountsOf(node.status.allocatable);
  }

  get name(): string {
    return this.node.metadata.name ?? '';
  }

  add(info: PodInfo): void {
    this.pods.set(info.pod.metadata.uid ?? '', info);
    addAmounts(this.requested, info.requests);
    this.usual.cpu += info.usual.cpu;
    this.usual.memory += info.usual.memory;
  }

  remove(uid: string): void {
    const info = this.pods.get(uid);
    if (!info) return;
    this.pods.delete(uid);
    for (const [name, value] of info.requests)
      this.requested.set(name, (this.requested.get(name) ?? 0) - value);
    this.usual.cpu -= info.usual.cpu;
    this.usual.memory -= info.usual.memory;
  }

  /** The same node with the same pods, to try things on. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.node);
    for (const info of this.pods.values()) copy.add(info);
    return copy;
  }
}
