import type { StatefulSet, StatefulSetStatus } from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { scaled } from '../int-or-percent.ts';
import { isAvailable, isFinished, isReady } from '../pod-facts.ts';
import { ordinalOf, replicasOf, revisionNameOf, startOrdinal, wrongLabels } from './identity.ts';

/** One thing to do with one replica. */
export type Step =
  | { do: 'create'; ordinal: number; revision: 'current' | 'update' }
  | { do: 'delete'; pod: Pod }
  | { do: 'claims'; ordinal: number }
  | { do: 'relabel'; pod: Pod; labels: Record<string, string> };

export interface SetView {
  set: StatefulSet;
  pods: Pod[];
  currentRevision: string;
  updateRevision: string;
  nowMs: number;
}

const isRunningReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);

function availableIn(v: SetView, pod: Pod): boolean {
  return isRunningReady(pod) && isAvailable(pod, v.set.spec.minReadySeconds ?? 0, v.nowMs);
}

/**
 * The next steps. Ordered sets take one at a time and wait for each replica; parallel ones take all
 * at once.
 */
export function planSteps(v: SetView): Step[] {
  const { set } = v;
  if (set.metadata.deletionTimestamp) return [];
  const ordered = (set.spec.podManagementPolicy ?? 'OrderedReady') === 'OrderedReady';
  const start = startOrdinal(set);
  const replicas: (Pod | undefined)[] = Array.from({ length: replicasOf(set) }, () => undefined);
  const condemned: Pod[] = [];
  for (const pod of v.pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal >= start && ordinal < start + replicas.length) replicas[ordinal - start] = pod;
    else if (ordinal >= 0) condemned.push(pod);
  }
  condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a));
  const steps: Step[] = [];
  for (const [i, pod] of replicas.entries())
    if (planReplica(v, pod, start + i, ordered, steps) && ordered) return steps;
  const ascending = [...replicas, ...[...condemned].reverse()];
  const firstUnhealthy = ascending.find(
    (p) => p && (p.metadata.deletionTimestamp || !availableIn(v, p)),
  );
  for (const pod of condemned)
    if (planCondemned(v, pod, ordered, firstUnhealthy, steps) && ordered) return steps;
  // A parallel set that has just changed its size updates in the next pass: what it made is not
  // available yet.
  if (steps.some((s) => s.do === 'create' || s.do === 'delete')) return steps;
  return [...steps, ...planUpdate(v, replicas as Pod[])];
}

/** True when an ordered set must wait here. */
function planReplica(
  v: SetView,
  pod: Pod | undefined,
  ordinal: number,
  ordered: boolean,
  steps: Step[],
): boolean {
  if (!pod) {
    steps.push({
      do: 'create',
      ordinal,
      revision: needsCurrent(v, ordinal) ? 'current' : 'update',
    });
    return true;
  }
  if (isFinished(pod)) {
    if (!pod.metadata.deletionTimestamp) steps.push({ do: 'delete', pod });
    return true;
  }
  if ((pod.status?.phase ?? 'Pending') === 'Pending') steps.push({ do: 'claims', ordinal });
  if (ordered && (pod.metadata.deletionTimestamp || !availableIn(v, pod))) return true;
  const labels = wrongLabels(pod, ordinal);
  if (labels) steps.push({ do: 'relabel', pod, labels });
  return false;
}

function planCondemned(
  v: SetView,
  pod: Pod,
  ordered: boolean,
  firstUnhealthy: Pod | undefined,
  steps: Step[],
): boolean {
  if (pod.metadata.deletionTimestamp) return ordered;
  if (ordered && !availableIn(v, pod) && pod !== firstUnhealthy) return true;
  steps.push({ do: 'delete', pod });
  return true;
}

function planUpdate(v: SetView, replicas: Pod[]): Step[] {
  const { set } = v;
  if (set.spec.updateStrategy?.type === 'OnDelete') return [];
  const rolling = set.spec.updateStrategy?.rollingUpdate;
  const most =
    rolling?.maxUnavailable === undefined
      ? 1
      : Math.max(1, scaled(rolling.maxUnavailable, replicas.length, false));
  const gone = (p: Pod): boolean => Boolean(p.metadata.deletionTimestamp) || !availableIn(v, p);
  let budget = most - replicas.filter(gone).length;
  const steps: Step[] = [];
  const waitsInOrder = rolling?.maxUnavailable === undefined;
  for (let i = replicas.length - 1; i >= (rolling?.partition ?? 0) && i >= 0; i -= 1) {
    const pod = replicas[i]!;
    const outdated = revisionNameOf(pod) !== v.updateRevision && !pod.metadata.deletionTimestamp;
    if (waitsInOrder) {
      if (outdated) return [{ do: 'delete', pod }];
      if (gone(pod)) return [];
    } else if (outdated && budget > 0) {
      steps.push({ do: 'delete', pod });
      budget -= 1;
    }
  }
  return steps;
}

/** A replica below the partition is made from the revision that the set comes from. */
function needsCurrent({ set }: SetView, ordinal: number): boolean {
  if ((set.spec.updateStrategy?.type ?? 'RollingUpdate') !== 'RollingUpdate') return false;
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition;
  return ordinal < startOrdinal(set) + (partition ?? set.status?.currentReplicas ?? 0);
}

export function statusOf(v: SetView, collisionCount: number): StatefulSetStatus {
  const { set, pods } = v;
  const created = pods.filter((p) => p.status?.phase !== undefined && p.status.phase !== '');
  const staying = created.filter((p) => !p.metadata.deletionTimestamp);
  const ready = pods.filter(isRunningReady);
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: created.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((p) => availableIn(v, p)).length,
    currentReplicas: staying.filter((p) => revisionNameOf(p) === v.currentRevision).length,
    updatedReplicas: staying.filter((p) => revisionNameOf(p) === v.updateRevision).length,
    currentRevision: v.currentRevision,
    updateRevision: v.updateRevision,
    collisionCount,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  };
  const rolling = (set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
  if (
    rolling &&
    status.updatedReplicas === replicasOf(set) &&
    status.readyReplicas === replicasOf(set) &&
    status.replicas === replicasOf(set)
  ) {
    status.currentReplicas = status.updatedReplicas;
    status.currentRevision = status.updateRevision;
  }
  return status;
}
