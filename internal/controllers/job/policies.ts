import type {
  Job,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  SuccessPolicy,
} from '../../api/generated/types/batch-v1.ts';
import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts';
import { Intervals } from './intervals.ts';

export type FailureAction = 'Ignore' | 'FailIndex' | 'Count' | 'FailJob';

/** What the job's policy says about a failed pod. */
export interface FailureVerdict {
  /** Set when the whole job must fail. */
  failJobMessage?: string;
  counts: boolean;
  action?: FailureAction;
}

export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const { namespace, name } = pod.metadata;
    let message: string | undefined;
    if (rule.onExitCodes) {
      const container = matchingContainer(pod, rule.onExitCodes);
      if (container)
        message =
          `Container ${container.name} for pod ${namespace}/${name} failed with exit code ` +
          `${container.state?.terminated?.exitCode} matching ${rule.action} rule at index ` +
          `${index}`;
    } else if (rule.onPodConditions) {
      const condition = (pod.status?.conditions ?? []).find((c) =>
        rule.onPodConditions!.some((p) => p.type === c.type && p.status === c.status),
      );
      if (condition)
        message =
          `Pod ${namespace}/${name} has condition ${condition.type} matching ${rule.action} ` +
          `rule at index ${index}`;
    }
    if (message === undefined) continue;
    if (rule.action === 'Ignore') return { counts: false, action: 'Ignore' };
    if (rule.action === 'FailJob')
      return { counts: true, action: 'FailJob', failJobMessage: message };
    if (rule.action === 'FailIndex' || rule.action === 'Count')
      return { counts: true, action: rule.action };
  }
  return { counts: true };
}

function matchingContainer(
  pod: Pod,
  requirement: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  return [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ].find((c) => {
    const code = c.state?.terminated?.exitCode;
    if (!code || (requirement.containerName && requirement.containerName !== c.name)) return false;
    const listed = (requirement.values ?? []).includes(code);
    return requirement.operator === 'In' ? listed : !listed;
  });
}

/** The message of the first rule that the succeeded indexes meet. */
export function metSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: Intervals,
): string | undefined {
  if (succeeded.total === 0) return undefined;
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    if (rule.succeededIndexes !== undefined) {
      const required = Intervals.parse(rule.succeededIndexes, completions);
      const met = required.overlap(succeeded);
      if (
        required.total > 0 &&
        (met === required.total ||
          (rule.succeededCount !== undefined && met >= rule.succeededCount))
      )
        return `Matched rules at index ${index}`;
    } else if (rule.succeededCount !== undefined && succeeded.total >= rule.succeededCount)
      return `Matched rules at index ${index}`;
  }
  return undefined;
}

/** Terminating pods are replaced only when they have really failed. */
export function replacesOnlyFailed(job: Job): boolean {
  return job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy !== undefined;
}

export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}
