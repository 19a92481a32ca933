import type { Node, NodeCondition, Taint } from '../../api/generated/types/core-v1.ts';
import { msOf, timeOf } from '../../api/times.ts';

/** The conditions a silent kubelet's node has no word about. */
const heartbeatConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

const pressureTaints: [condition: string, taint: string][] = [
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
];
const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const unschedulable = 'node.kubernetes.io/unschedulable';
const ours = new Set([
  ...pressureTaints.map(([, key]) => key),
  notReady,
  unreachable,
  unschedulable,
]);

export function readyCondition(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find((c) => c.type === 'Ready');
}

/**
 * The taints that the node's conditions ask for, beside those that others have put; undefined when
 * it has just these.
 */
export function wantedTaints(node: Node, nowMs: number): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const conditions = node.status?.conditions ?? [];
  const wanted: [string, string][] = [];
  for (const [type, key] of pressureTaints)
    if (conditions.some((c) => c.type === type && c.status === 'True'))
      wanted.push([key, 'NoSchedule']);
  const ready = readyCondition(node)?.status;
  if (ready === 'False') wanted.push([notReady, 'NoSchedule'], [notReady, 'NoExecute']);
  if (ready === 'Unknown') wanted.push([unreachable, 'NoSchedule'], [unreachable, 'NoExecute']);
  if (node.spec?.unschedulable) wanted.push([unschedulable, 'NoSchedule']);
  const keep = present.filter((t) => {
    if (!ours.has(t.key) || (t.effect !== 'NoSchedule' && t.effect !== 'NoExecute')) return true;
    // A node that registers itself with a taint has no Ready condition yet: leave it alone until it
    // has.
    if (ready === undefined && (t.key === notReady || t.key === unreachable)) return true;
    return wanted.some(([key, effect]) => key === t.key && effect === t.effect);
  });
  const add = wanted.filter(
    ([key, effect]) => !keep.some((t) => t.key === key && t.effect === effect),
  );
  if (add.length === 0 && keep.length === present.length) return undefined;
  // Only NoExecute taints count time, and from when they came.
  return [
    ...keep,
    ...add.map(([key, effect]) => ({
      key,
      effect,
      ...(effect === 'NoExecute' ? { timeAdded: timeOf(nowMs) } : {}),
    })),
  ];
}

/**
 * The conditions of a node that has been silent too long, or undefined when they say so already.
 */
export function silentConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const present = node.status?.conditions ?? [];
  const next = new Map(present.map((c) => [c.type, c]));
  let changed = false;
  for (const type of heartbeatConditions) {
    const c = next.get(type);
    if (c?.status === 'Unknown') continue;
    changed = true;
    const lastTransitionTime = timeOf(nowMs);
    if (c)
      next.set(type, {
        ...c,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime,
      });
    else {
      const never = {
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp,
      };
      next.set(type, { type, status: 'Unknown', ...never, lastTransitionTime });
    }
  }
  return changed ? [...next.values()] : undefined;
}

/** The newest sign of life in the node's status. */
export function statusHeartbeatMs(node: Node): number {
  return msOf(readyCondition(node)?.lastHeartbeatTime);
}
