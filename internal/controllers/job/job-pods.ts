import type { Job } from '../../api/generated/types/batch-v1.ts';
import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { byDeletionRank } from '../deletion-rank.ts';
import { podFromTemplate } from '../pod-control.ts';
import { judgeFailure } from './policies.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';
const indexEnv = 'JOB_COMPLETION_INDEX';
/** What generateName may be at most, so that the random part fits. */
const longestNamePrefix = 58;

export const isIndexed = (job: Job): boolean => job.spec.completionMode === 'Indexed';
export const isTracked = (pod: Pod): boolean =>
  pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
export const isSuspended = (job: Job): boolean => job.spec.suspend === true;

/** The completion index of a pod; -1 when it has none. */
export function indexOf(pod: Pod): number {
  const text = pod.metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : -1;
}

function count(pod: Pod, annotation: string): number {
  const n = Number(pod.metadata.annotations?.[annotation] ?? 0);
  return Number.isInteger(n) && n > 0 ? n : 0;
}

export const failureCount = (pod: Pod): number => count(pod, failureCountAnnotation);
/** Failures of this index, counted and ignored ones. */
export const absoluteFailureCount = (pod: Pod): number =>
  failureCount(pod) + count(pod, ignoredCountAnnotation);

/** A pod of the job, for `index` when it is an indexed one, taking the place of `replaced`. */
export function podOf(job: Job, index: number | undefined, replaced: Pod | undefined): object {
  const pod = podFromTemplate(job.spec.template, { ref: refs.jobs, object: job });
  pod.metadata.finalizers = [...new Set([...(pod.metadata.finalizers ?? []), trackingFinalizer])];
  if (index === undefined) return pod;
  const fieldPath = `metadata.labels['${indexAnnotation}']`;
  const withIndex = (c: Container): Container =>
    (c.env ?? []).some((e) => e.name === indexEnv)
      ? c
      : {
          ...c,
          env: [...(c.env ?? []), { name: indexEnv, valueFrom: { fieldRef: { fieldPath } } }],
        };
  const suffix = `-${index}-`;
  pod.metadata.generateName =
    `${job.metadata.name}${suffix}`.length > longestNamePrefix
      ? `${job.metadata.name!.slice(0, longestNamePrefix - suffix.length)}${suffix}`
      : `${job.metadata.name}${suffix}`;
  pod.metadata.labels = { ...pod.metadata.labels, [indexAnnotation]: String(index) };
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [indexAnnotation]: String(index),
    ...failureCounts(job, replaced),
  };
  const { containers, initContainers } = pod.spec;
  pod.spec = {
    ...pod.spec,
    hostname: `${job.metadata.name}-${index}`,
    containers: containers.map(withIndex),
    ...(initContainers ? { initContainers: initContainers.map(withIndex) } : {}),
  };
  return pod;
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  let counted = replaced ? failureCount(replaced) : 0;
  let ignored = replaced ? count(replaced, ignoredCountAnnotation) : 0;
  if (replaced && judgeFailure(job.spec.podFailurePolicy, replaced).counts) counted += 1;
  else if (replaced) ignored += 1;
  return {
    [failureCountAnnotation]: String(counted),
    ...(ignored > 0 ? { [ignoredCountAnnotation]: String(ignored) } : {}),
  };
}

/**
 * At least `atLeast` active pods to delete: those of doubled or too high indexes, then the least
 * worth keeping.
 */
export function podsToRemove(job: Job, active: Pod[], atLeast: number, nowMs: number): Pod[] {
  const rank = byDeletionRank(() => 0, nowMs);
  const remove: Pod[] = [];
  let rest = active;
  if (isIndexed(job)) {
    const byIndex = new Map<number, Pod[]>();
    for (const pod of active)
      byIndex.set(indexOf(pod), [...(byIndex.get(indexOf(pod)) ?? []), pod]);
    rest = [];
    for (const [index, pods] of byIndex) {
      if (index < 0 || index >= (job.spec.completions ?? 0)) remove.push(...pods);
      else {
        const sorted = [...pods].sort(rank);
        remove.push(...sorted.slice(0, -1));
        rest.push(sorted.at(-1)!);
      }
    }
  }
  if (remove.length < atLeast)
    remove.push(...[...rest].sort(rank).slice(0, atLeast - remove.length));
  return remove;
}
