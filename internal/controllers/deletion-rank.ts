import { table } from '../base/own.ts';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { msOf } from '../api/times.ts';
import { isReady, podCondition, restarts } from './pod-facts.ts';

const phaseRank: Record<string, number> = table({ Pending: 0, Unknown: 1, Running: 2 });
const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * The order in which pods of a set are given up, first to go first (k/k ActivePodsWithRanks):
 * unassigned, pending, not ready, cheap to delete, crowded together, lately ready, often restarted,
 * young. `crowd` tells how many related pods share a pod's node.
 */
export function byDeletionRank(
  crowd: (pod: Pod) => number,
  nowMs: number,
): (a: Pod, b: Pod) => number {
  return (a, b) =>
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    (phaseRank[a.status?.phase ?? ''] ?? 0) - (phaseRank[b.status?.phase ?? ''] ?? 0) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    crowd(b) - crowd(a) ||
    (isReady(a) && isReady(b) ? byAge(readyMs(a), readyMs(b), nowMs) : 0) ||
    restarts(b) - restarts(a) ||
    byAge(msOf(a.metadata.creationTimestamp), msOf(b.metadata.creationTimestamp), nowMs) ||
    ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1);
}

/**
 * The younger first, but ages of the same magnitude (power of two of their nanoseconds) count as
 * equal: a random choice among them spreads better.
 */
function byAge(aMs: number, bMs: number, nowMs: number): number {
  if (aMs === bMs) return 0;
  if (aMs === 0) return -1;
  if (bMs === 0) return 1;
  return magnitude(nowMs - aMs) - magnitude(nowMs - bMs);
}

function magnitude(ageMs: number): number {
  return ageMs <= 0 ? 0 : Math.floor(Math.log2(ageMs * 1e6));
}

function readyMs(pod: Pod): number {
  return msOf(podCondition(pod, 'Ready')?.lastTransitionTime);
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[costAnnotation];
  return text && /^(0|[-+]?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}
