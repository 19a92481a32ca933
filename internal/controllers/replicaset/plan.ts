import { equalAs } from '../../api/equality.ts';
import { own } from '../../base/own.ts';
import type { ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/types/apps-v1.ts';
import type { Pod, PodTemplateSpec } from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { timeOf } from '../../api/times.ts';
import { byDeletionRank } from '../deletion-rank.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import { nothing, type Plan } from '../kit/write.ts';
import { podCreation, podDeletion, podFromTemplate, type PodOwner } from '../pod-control.ts';
import { isActive, isAvailable, isReady, nextAvailabilityMs } from '../pod-facts.ts';

/** More than this many pods are not made or deleted in one go (k/k BurstReplicas). */
const burstReplicas = 500;

/** What a ReplicaSet and a ReplicationController have in common. */
export interface SetFacts {
  replicas: number;
  minReadySeconds: number;
  templateLabels: Record<string, string>;
  generation: number;
  status: Partial<ReplicaSetStatus>;
}

/** All that the decision over one set needs. */
export interface SetView {
  set: PodOwner['object'];
  ref: ResourceRef;
  facts: SetFacts;
  template: PodTemplateSpec;
  /** The set's pods that neither ended nor are being deleted. */
  active: Pod[];
  /** The pods of this set and of its siblings. */
  related: Pod[];
  /** How many pods are being deleted; undefined where that is not reported. */
  terminating: number | undefined;
  nowMs: number;
}

/** Makes the pods that are missing, or deletes those that are too many. */
export function planSet(v: SetView): Plan {
  if (v.set.metadata.deletionTimestamp) return nothing;
  const owner: PodOwner = { ref: v.ref, object: v.set };
  const { create, remove } = planReplicas(v.facts.replicas, v.active, v.related, v.nowMs);
  if (create > 0) {
    const writes = Array.from({ length: create }, () =>
      podCreation(podFromTemplate(v.template, owner), owner),
    );
    return { steps: [{ pace: 'slow-start', writes }] };
  }
  const writes = remove.map((pod) => podDeletion(pod, owner));
  return writes.length > 0 ? { steps: [{ pace: 'together', writes }] } : nothing;
}

/** The status, and when a pod will become available by the passing of time alone. */
export function concludeSet(v: SetView, outcome: Pick<Outcome, 'failure'>): Plan {
  const { facts, active, nowMs } = v;
  const status = statusOf(facts, active, v.terminating, outcome.failure, nowMs);
  return {
    steps: statusWrite(v.ref, v.set, status),
    againInMs: nextAvailabilityMs(active.filter(isReady), facts.minReadySeconds, nowMs),
  };
}

/**
 * What to do so that `active` pods become `replicas` pods. `related` pods are those of sibling
 * sets.
 */
function planReplicas(
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
function statusOf(
  set: SetFacts,
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
  return equalAs('@apps.v1.ReplicaSetStatus', set.status, next) ? undefined : next;
}

function failureCondition(
  set: SetFacts,
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
