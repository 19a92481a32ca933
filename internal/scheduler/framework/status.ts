/** How a plug-in answers when it does not simply agree (kube-scheduler's Code). */
export type Code =
  /** Not here and now; taking pods away could help. */
  | 'Unschedulable'
  /** Not here, and taking pods away would not help. */
  | 'UnschedulableAndUnresolvable'
  /** Waits for something outside the scheduler; no back-off when it comes. */
  | 'Pending'
  /** Permit: held until somebody allows or rejects the pod. */
  | 'Wait'
  /** Nothing to do for this pod. */
  | 'Skip'
  /** Something went wrong that has nothing to do with the pod. */
  | 'Error';

/** A plug-in's answer; `undefined` in its place is success. */
export interface Status {
  readonly code: Code;
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Permit with Wait: how long the pod may be held. */
  readonly timeoutMs?: number;
}

/** Refuses; preemption may help. */
export const unschedulable = (plugin: string, ...reasons: string[]): Status => ({
  code: 'Unschedulable',
  plugin,
  reasons,
});

/** Refuses; preemption would not help. */
export const unresolvable = (plugin: string, ...reasons: string[]): Status => ({
  code: 'UnschedulableAndUnresolvable',
  plugin,
  reasons,
});

export const failed = (plugin: string, reason: string): Status => ({
  code: 'Error',
  plugin,
  reasons: [reason],
});

export const skip: Status = { code: 'Skip', plugin: '', reasons: [] };

/** The pod does not fit, as opposed to something having gone wrong. */
export const isRejected = (status: Status): boolean =>
  status.code === 'Unschedulable' ||
  status.code === 'UnschedulableAndUnresolvable' ||
  status.code === 'Pending';

export const messageOfStatus = (status: Status): string => status.reasons.join(', ');

/**
 * What each node answered. Nodes that were not asked share one answer (`absent`), so that a whole
 * cluster can be refused without a thousand entries.
 */
export class NodeStatuses {
  readonly #explicit = new Map<string, Status>();
  absent: Status;

  constructor(absent: Status = unresolvable('')) {
    this.absent = absent;
  }

  set(node: string, status: Status): void {
    this.#explicit.set(node, status);
  }

  get(node: string): Status {
    return this.#explicit.get(node) ?? this.absent;
  }

  get size(): number {
    return this.#explicit.size;
  }

  entries(): IterableIterator<[string, Status]> {
    return this.#explicit.entries();
  }

  values(): IterableIterator<Status> {
    return this.#explicit.values();
  }
}

/** Why a pod found no node. */
export interface Diagnosis {
  statuses: NodeStatuses;
  /** The plug-ins that refused; their events wake the pod. */
  plugins: Set<string>;
  pending: Set<string>;
  /** A PreFilter plug-in refused all nodes at once. */
  preFilter?: string;
  postFilter?: string;
}

export function blame(diagnosis: Diagnosis, status: Status): void {
  if (!status.plugin) return;
  (status.code === 'Pending' ? diagnosis.pending : diagnosis.plugins).add(status.plugin);
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: ...` */
export function fitError(nodes: number, diagnosis: Diagnosis): string {
  let text = `0/${nodes} nodes are available:`;
  if (diagnosis.preFilter) text += ` ${diagnosis.preFilter}.`;
  else {
    const counts = new Map<string, number>();
    const count = (reasons: readonly string[], by: number): void => {
      for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + by);
    };
    const { statuses } = diagnosis;
    for (const { reasons } of statuses.values()) count(reasons, 1);
    if (statuses.size < nodes) count(statuses.absent.reasons, nodes - statuses.size);
    const parts = [...counts].map(([reason, of]) => `${of} ${reason}`).sort();
    if (parts.length > 0) text += ` ${parts.join(', ')}.`;
  }
  return diagnosis.postFilter ? `${text} ${diagnosis.postFilter}` : text;
}
