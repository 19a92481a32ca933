import { own } from '../../base/own.ts';
import type { ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { timeOf } from '../../api/times.ts';
import { byDeletionRank } from '../deletion-rank.ts';
import { isActive, isAvailable, isReady } from '../pod-facts.ts';
import { same } from '../same.ts';

/** More than this many pods are not made or deleted in one go (k/k BurstReplicas). */
export const burstReplicas = 500;

/** What a ReplicaSet and a ReplicationController have in common. */
export interface SetView {
  replicas: number;
  minReadySeconds: number;
  templateLabels: Record<string, string>;
  generation: number;
  status: Partial<ReplicaSetStatus>;
}

/**
 * What to do so that `active` pods become `replicas` pods. `related` pods are those of sibling
 * sets.
 */
export function planReplicas(
  replicas: number,
  active: Pod[],
  related: Iterable<Pod>,
  nowMs: number,
): { create: number; remove: Pod[] } {
  const diff = active.length - replicas;
  if (diff < 0) return { create: Math.min(-diff, burstReplicas), remove: [] };
  const count = Math.min(diff, burstReplicas);
  if (count === 0) return { create: 0, remove: [] };
  if (count >= active.length) return { create: 0, remove: active };
  const onNode = new Map<string, number>();
  for (const pod of related)
    if (isActive(pod))
      onNode.set(pod.spec.nodeName ?? '', (onNode.get(pod.spec.nodeName ?? '') ?? 0) + 1);
  const order = byDeletionRank((pod) => onNode.get(pod.spec.nodeName ?? '') ?? 0, nowMs);
  return { create: 0, remove: [...active].sort(order).slice(0, count) };
}

/** The status to write, or undefined when the present one says the same. */
export function statusOf(
  set: SetView,
  active: Pod[],
  terminating: number | undefined,
  failure: unknown,
  nowMs: number,
): ReplicaSetStatus | undefined {
  const wanted = Object.entries(set.templateLabels);
  const ready = active.filter(isReady);
  const conditions = failureCondition(set, active.length, failure, nowMs);
  const next: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((p) =>
      wanted.every(([key, value]) => own(p.metadata.labels, key) === value),
    ).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((p) => isAvailable(p, set.minReadySeconds, nowMs)).length,
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    observedGeneration: set.generation,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  const old = set.status;
  const counted = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'terminatingReplicas',
    'observedGeneration',
  ] as const;
  return counted.every((field) => (old[field] ?? 0) === (next[field] ?? 0)) &&
    same(old.conditions, next.conditions)
    ? undefined
    : next;
}

function failureCondition(
  set: SetView,
  active: number,
  failure: unknown,
  nowMs: number,
): ReplicaSetCondition[] {
  const old = set.status.conditions ?? [];
  const present = old.find((c) => c.type === 'ReplicaFailure');
  if (failure === undefined) return old.filter((c) => c.type !== 'ReplicaFailure');
  if (present) return old;
  const reason = active < set.replicas ? 'FailedCreate' : 'FailedDelete';
  return [
    ...old,
    {
      type: 'ReplicaFailure',
      status: 'True',
      reason,
      message: messageOf(failure),
      lastTransitionTime: timeOf(nowMs),
    },
  ];
}
