import type {
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionStatus,
} from '../generated/types/apiextensions-v1.ts';

type Status = CustomResourceDefinitionStatus;
export type Condition = Pick<
  CustomResourceDefinitionCondition,
  'type' | 'status' | 'reason' | 'message'
>;

/** Held by a definition until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** The status with a condition set; its time changes only with its status. `now` is RFC 3339. */
export function withCondition(
  status: Status | undefined,
  condition: Condition,
  now: string,
): Status {
  const conditions = [...(status?.conditions ?? [])];
  const at = conditions.findIndex((one) => one.type === condition.type);
  const same = at >= 0 && conditions[at]?.status === condition.status;
  const next = {
    ...condition,
    lastTransitionTime: same ? conditions[at]?.lastTransitionTime : now,
  } as CustomResourceDefinitionCondition;
  const ordered = {
    type: next.type,
    status: next.status,
    lastTransitionTime: next.lastTransitionTime,
    reason: next.reason,
    message: next.message,
  } as CustomResourceDefinitionCondition;
  if (at >= 0) conditions[at] = ordered;
  else conditions.push(ordered);
  return { ...status, conditions } as Status;
}
