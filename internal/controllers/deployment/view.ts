import { equalAs } from '../../api/equality.ts';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/types/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/generated/types/core-v1.ts';
import { msOf, timeOf } from '../../api/times.ts';
import { scaled } from '../int-or-percent.ts';

/** The rules of k/k pkg/controller/deployment/util, without its effects. */

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
export const rollbackAnnotation = 'deprecated.deployment.rollback.to';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

const maxInt32 = 2 ** 31 - 1;
/** Longer revision histories are cut from the front. */
const maxHistoryChars = 2000;

const ownAnnotations = new Set([
  lastAppliedAnnotation,
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredAnnotation,
  maxAnnotation,
  rollbackAnnotation,
]);

export const desired = (d: Deployment): number => d.spec.replicas ?? 1;
export const size = (rs: ReplicaSet): number => rs.spec.replicas ?? 1;
export const sum = (sets: ReplicaSet[], of: (rs: ReplicaSet) => number | undefined): number =>
  sets.reduce((n, rs) => n + (of(rs) ?? 0), 0);
export const isRolling = (d: Deployment): boolean =>
  (d.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
export const hasDeadline = (d: Deployment): boolean =>
  d.spec.progressDeadlineSeconds !== undefined && d.spec.progressDeadlineSeconds !== maxInt32;

export function fenceposts(d: Deployment): { surge: number; unavailable: number } {
  if (!isRolling(d)) return { surge: 0, unavailable: 0 };
  const rolling = d.spec.strategy?.rollingUpdate;
  const surge = scaled(rolling?.maxSurge, desired(d), true);
  const unavailable = scaled(rolling?.maxUnavailable, desired(d), false);
  // Both may round to zero, and then nothing could ever move.
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

export function maxUnavailable(d: Deployment): number {
  if (!isRolling(d) || desired(d) === 0) return 0;
  return Math.min(fenceposts(d).unavailable, desired(d));
}

/** Revisions are Go's int64: an adopted set may bring one that no double holds. */
export function revisionOf(rs: { metadata: { annotations?: Record<string, string> } }): bigint {
  const text = rs.metadata.annotations?.[revisionAnnotation];
  return text && /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp) ||
  (a.metadata.name! < b.metadata.name! ? -1 : 1);
export const bySizeNewer = (a: ReplicaSet, b: ReplicaSet): number =>
  size(b) - size(a) || byAge(b, a);
export const bySizeOlder = (a: ReplicaSet, b: ReplicaSet): number =>
  size(b) - size(a) || byAge(a, b);
export const byRevision = (a: ReplicaSet, b: ReplicaSet): number =>
  Number(revisionOf(a) - revisionOf(b)) || byAge(a, b);

export function equalIgnoringHash(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return equalAs('@core.v1.PodTemplateSpec', withoutHash(a), withoutHash(b));
}

export function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  if (!template.metadata?.labels?.[hashLabel]) return template;
  const { [hashLabel]: _hash, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

/**
 * The set with the deployment's template (the oldest, when a collision made several) and all
 * others.
 */
export function splitSets(
  d: Deployment,
  sets: ReplicaSet[],
): { current: ReplicaSet | undefined; old: ReplicaSet[] } {
  const current = [...sets]
    .sort(byAge)
    .find((rs) => equalIgnoringHash(rs.spec.template!, d.spec.template));
  return { current, old: sets.filter((rs) => rs !== current) };
}

/**
 * The annotations of the current set: the deployment's own, the revision, and how it came there.
 */
export function setAnnotations(
  d: Deployment,
  rs: { metadata: { annotations?: Record<string, string> } },
  revision: bigint,
  exists: boolean,
): Record<string, string> {
  const annotations = { ...rs.metadata.annotations };
  for (const [key, value] of Object.entries(d.metadata.annotations ?? {}))
    if (!ownAnnotations.has(key)) annotations[key] = value;
  const oldText = annotations[revisionAnnotation];
  if (oldText !== undefined && !/^\d+$/.test(oldText)) return annotations;
  if (BigInt(oldText ?? 0) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (oldText !== undefined)
      annotations[revisionHistoryAnnotation] = longerHistory(
        annotations[revisionHistoryAnnotation] ?? '',
        oldText,
      );
  }
  return exists ? annotations : { ...annotations, ...replicaAnnotations(d) };
}

function longerHistory(history: string, revision: string): string {
  const all = history === '' ? [revision] : [...history.split(','), revision];
  while (all.length > 1 && all.join(',').length > maxHistoryChars) all.shift();
  return all.join(',');
}

export function replicaAnnotations(d: Deployment): Record<string, string> {
  return {
    [desiredAnnotation]: String(desired(d)),
    [maxAnnotation]: String(desired(d) + fenceposts(d).surge),
  };
}

/** The annotations a rollback gives back to the deployment. */
export function annotationsFrom(d: Deployment, rs: ReplicaSet): Record<string, string> {
  const kept = Object.entries(d.metadata.annotations ?? {}).filter(([key]) =>
    ownAnnotations.has(key),
  );
  return Object.fromEntries([
    ...kept,
    ...Object.entries(rs.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key)),
  ]);
}

/** How large the current set may be now. */
export function currentSetSize(d: Deployment, all: ReplicaSet[], presentSize: number): number {
  if (!isRolling(d)) return desired(d);
  const room =
    desired(d) +
    scaled(d.spec.strategy?.rollingUpdate?.maxSurge, desired(d), true) -
    sum(all, size);
  return room <= 0 ? presentSize : presentSize + Math.min(room, desired(d) - presentSize);
}

export function isSaturated(d: Deployment, rs: ReplicaSet | undefined): boolean {
  if (!rs) return false;
  return (
    size(rs) === desired(d) &&
    Number(rs.metadata.annotations?.[desiredAnnotation]) === desired(d) &&
    (rs.status?.availableReplicas ?? 0) === desired(d)
  );
}

/** The one set that may be scaled without thought of the others, if there is one. */
export function activeOrLatest(
  current: ReplicaSet | undefined,
  old: ReplicaSet[],
): ReplicaSet | undefined {
  const active = [...old, ...(current ? [current] : [])].filter((rs) => size(rs) > 0);
  if (active.length === 1) return active[0];
  return active.length > 1 ? undefined : (current ?? [...old].sort(byAge).at(-1));
}

/**
 * The sizes of all active sets after the deployment was scaled in the middle of a rollout: each
 * gets its share.
 */
export function proportionalSizes(d: Deployment, sets: ReplicaSet[]): Map<ReplicaSet, number> {
  const allowed = desired(d) > 0 ? desired(d) + fenceposts(d).surge : 0;
  const toAdd = allowed - sum(sets, size);
  const order = [...sets].sort(toAdd < 0 ? bySizeOlder : bySizeNewer);
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const rs of order) {
    const share = toAdd === 0 ? 0 : proportion(d, rs, toAdd, added);
    sizes.set(rs, size(rs) + share);
    added += share;
  }
  const first = order[0];
  if (first && toAdd !== 0) sizes.set(first, Math.max(0, sizes.get(first)! + toAdd - added));
  return sizes;
}

function proportion(d: Deployment, rs: ReplicaSet, toAdd: number, added: number): number {
  if (size(rs) === 0 || toAdd === added) return 0;
  const left = toAdd - added;
  const fraction = fractionOf(d, rs);
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function fractionOf(d: Deployment, rs: ReplicaSet): number {
  if (desired(d) === 0) return -size(rs);
  const before = Number(rs.metadata.annotations?.[maxAnnotation] ?? 0) || d.status?.replicas || 0;
  if (before === 0) return 0;
  const now = desired(d) + fenceposts(d).surge;
  return Math.round((size(rs) * now) / before) - size(rs);
}

export function condition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const now = timeOf(nowMs);
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

/**
 * Puts a condition in; one of the same status and reason stays as it is, one of the same status
 * keeps its transition time.
 */
export function withCondition(
  conditions: DeploymentCondition[],
  next: DeploymentCondition,
): DeploymentCondition[] {
  const present = conditions.find((c) => c.type === next.type);
  if (present && present.status === next.status && present.reason === next.reason)
    return conditions;
  const kept =
    present && present.status === next.status
      ? { ...next, lastTransitionTime: present.lastTransitionTime }
      : next;
  return [...withoutCondition(conditions, next.type), kept];
}

export function withoutCondition(
  conditions: DeploymentCondition[],
  type: string,
): DeploymentCondition[] {
  return conditions.filter((c) => c.type !== type);
}

export function isComplete(d: Deployment, status: DeploymentStatus): boolean {
  const n = desired(d);
  return (
    (status.updatedReplicas ?? 0) === n &&
    (status.replicas ?? 0) === n &&
    (status.availableReplicas ?? 0) === n &&
    (status.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  );
}
