import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/types/apps-v1.ts';
import { msOf } from '../../api/times.ts';
import {
  condition,
  desired,
  hasDeadline,
  isComplete,
  maxUnavailable,
  size,
  sum,
  withCondition,
  withoutCondition,
} from './view.ts';

/** Counts and the Available condition, as seen from the sets. */
export function countedStatus(
  d: Deployment,
  all: ReplicaSet[],
  current: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const available = sum(all, (rs) => rs.status?.availableReplicas);
  const enough = available >= desired(d) - maxUnavailable(d);
  const next = enough
    ? condition(
        'Available',
        'True',
        'MinimumReplicasAvailable',
        'Deployment has minimum availability.',
        nowMs,
      )
    : condition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        nowMs,
      );
  const terminating = terminatingReplicas(all);
  return {
    observedGeneration: d.metadata.generation ?? 0,
    replicas: sum(all, (rs) => rs.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(all, (rs) => rs.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(all, size) - available),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    ...(d.status?.collisionCount === undefined ? {} : { collisionCount: d.status.collisionCount }),
    conditions: withCondition(d.status?.conditions ?? [], next),
  };
}

function terminatingReplicas(all: ReplicaSet[]): number | undefined {
  let total = 0;
  for (const rs of all) {
    const count = rs.status?.terminatingReplicas;
    if (count === undefined && (rs.status?.observedGeneration ?? 0) > 0) return undefined;
    total += count ?? 0;
  }
  return total;
}

/** The status in the course of a rollout: also the Progressing and ReplicaFailure conditions. */
export function rolloutStatus(
  d: Deployment,
  all: ReplicaSet[],
  current: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const status = countedStatus(d, all, current, nowMs);
  let conditions = status.conditions ?? [];
  if (!hasDeadline(d)) conditions = withoutCondition(conditions, 'Progressing');
  const present = (d.status?.conditions ?? []).find((c) => c.type === 'Progressing');
  const wasComplete =
    status.replicas === status.updatedReplicas && present?.reason === 'NewReplicaSetAvailable';
  if (hasDeadline(d) && !wasComplete)
    conditions = progressing(d, status, current, present, conditions, nowMs);
  const failure = [...(current ? [current] : []), ...all]
    .flatMap((rs) => rs.status?.conditions ?? [])
    .find((c) => c.type === 'ReplicaFailure');
  conditions = failure
    ? withCondition(conditions, { ...failure, lastUpdateTime: failure.lastTransitionTime })
    : withoutCondition(conditions, 'ReplicaFailure');
  return { ...status, conditions };
}

// eslint-disable-next-line max-params -- one decision that needs all of it
function progressing(
  d: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
  present: DeploymentCondition | undefined,
  conditions: DeploymentCondition[],
  nowMs: number,
): DeploymentCondition[] {
  const who = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${d.metadata.name}"`;
  if (isComplete(d, status)) {
    return withCondition(
      conditions,
      condition(
        'Progressing',
        'True',
        'NewReplicaSetAvailable',
        `${who} has successfully progressed.`,
        nowMs,
      ),
    );
  }
  if (hasProgressed(d, status)) {
    const next = condition(
      'Progressing',
      'True',
      'ReplicaSetUpdated',
      `${who} is progressing.`,
      nowMs,
    );
    if (present?.status === 'True') next.lastTransitionTime = present.lastTransitionTime;
    // Replaced whole, so that lastUpdateTime moves with each step of progress.
    return withCondition(withoutCondition(conditions, 'Progressing'), next);
  }
  if (hasTimedOut(d, conditions, nowMs)) {
    return withCondition(
      conditions,
      condition(
        'Progressing',
        'False',
        'ProgressDeadlineExceeded',
        `${who} has timed out progressing.`,
        nowMs,
      ),
    );
  }
  return conditions;
}

function hasProgressed(d: Deployment, next: DeploymentStatus): boolean {
  const old = d.status ?? {};
  const updated = (s: DeploymentStatus): number => s.updatedReplicas ?? 0;
  const rest = (s: DeploymentStatus): number => (s.replicas ?? 0) - updated(s);
  return (
    updated(next) > updated(old) ||
    rest(next) < rest(old) ||
    (next.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

function hasTimedOut(d: Deployment, conditions: DeploymentCondition[], nowMs: number): boolean {
  const c = conditions.find((x) => x.type === 'Progressing');
  if (!c || c.reason === 'NewReplicaSetAvailable') return false;
  if (c.reason === 'ProgressDeadlineExceeded') return true;
  return msOf(c.lastUpdateTime) + (d.spec.progressDeadlineSeconds ?? 600) * 1000 < nowMs;
}

/** When to look again whether the deadline has passed; undefined when no deadline runs. */
export function progressCheckInMs(
  d: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const c = (d.status?.conditions ?? []).find((x) => x.type === 'Progressing');
  if (!hasDeadline(d) || !c || isComplete(d, status) || c.reason === 'ProgressDeadlineExceeded')
    return undefined;
  // A second more, because times are stored in whole seconds.
  return (
    Math.max(0, msOf(c.lastUpdateTime) + d.spec.progressDeadlineSeconds! * 1000 - nowMs) + 1000
  );
}
