import { timeOf } from '../../api/times.ts';
import type { PlanCondition, PlanStatus } from './plan-types.ts';

/** What is to be said of a condition. */
export interface Said {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message?: string;
}

export const conditionOf = (status: PlanStatus, type: string): PlanCondition | undefined =>
  status.conditions?.find((one) => one.type === type);

/** The status with this condition; the same object when it says so already. */
export function withCondition(
  status: PlanStatus,
  type: string,
  said: Said,
  nowMs: number,
): PlanStatus {
  const { message = '' } = said;
  const before = conditionOf(status, type);
  if (
    before?.status === said.status &&
    before.reason === said.reason &&
    (before.message ?? '') === message
  )
    return status;
  const now = timeOf(nowMs);
  const condition: PlanCondition = {
    type,
    status: said.status,
    reason: said.reason,
    ...(message !== '' && { message }),
    lastUpdateTime: now,
    lastTransitionTime: before?.status === said.status ? (before.lastTransitionTime ?? now) : now,
  };
  const others = (status.conditions ?? []).filter((one) => one.type !== type);
  return { ...status, conditions: [...others, condition] };
}
