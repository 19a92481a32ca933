import { timeOf } from '../../api/times.ts';
import { messageOf } from '../../base/errors.ts';
import type { Hands } from './hands.ts';
import type { PlanStatus, UpgradePlan } from './plan-types.ts';
import { faultOf, idleFields, isVersion, munged } from './spec.ts';
import { conditionOf, withCondition } from './status.ts';

/** How often a channel is asked; as upstream. */
const pollMs = 15 * 60_000;
/** One that does not answer is asked again sooner. */
const retryMs = 60_000;

export interface Resolved {
  status: PlanStatus;
  /** As it was said; undefined while there is none to go by. */
  version: string | undefined;
  againInMs?: number;
}

/** Whether the plan can be carried out, and to which version it leads. */
export async function resolve(hands: Hands, plan: UpgradePlan): Promise<Resolved> {
  const { events, nowMs } = hands;
  let status: PlanStatus = plan.status ?? {};
  if (!conditionOf(status, 'Complete'))
    status = withCondition(status, 'Complete', { status: 'Unknown', reason: '' }, nowMs);
  const fault = faultOf(plan);
  if (fault) {
    if (conditionOf(status, 'Validated')?.message !== fault.message)
      events.warning(plan, 'ValidateFailed', `Failed to validate plan: ${fault.message}`);
    status = withCondition(status, 'Validated', { status: 'False', ...fault }, nowMs);
    return { status, version: undefined };
  }
  if (conditionOf(status, 'Validated')?.status !== 'True') {
    const idle = idleFields(plan);
    const none = idle.length > 0 ? `; no pod is made, so ${idle.join(', ')} have no effect` : '';
    events.normal(plan, 'Validated', `Plan is valid${none}`);
  }
  status = withCondition(status, 'Validated', { status: 'True', reason: 'PlanIsValid' }, nowMs);
  const { version, channel } = plan.spec ?? {};
  const unresolved = (message: string): PlanStatus => {
    if (conditionOf(status, 'LatestResolved')?.message !== message)
      events.warning(plan, 'ResolveFailed', message);
    return withCondition(
      status,
      'LatestResolved',
      { status: 'False', reason: 'Error', message },
      nowMs,
    );
  };
  const known = (latest: string, reason: 'Version' | 'Channel'): PlanStatus => {
    const before = status.latestVersion;
    const next = withCondition(
      { ...status, latestVersion: munged(latest) },
      'LatestResolved',
      { status: 'True', reason },
      nowMs,
    );
    if (before === munged(latest)) return next;
    const from = `Resolved latest version from Spec.${reason}: ${munged(latest)}`;
    events.normal(plan, 'Resolved', from);
    return withCondition(next, 'Complete', { status: 'False', reason: 'Resolved' }, nowMs);
  };
  if (version && !isVersion(version))
    return { status: unresolved(`"${version}" is no version of skiff`), version: undefined };
  if (version) return { status: known(version, 'Version'), version };
  if (!channel)
    return {
      status: unresolved('cannot resolve plan: missing channel and version'),
      version: undefined,
    };
  const last = conditionOf(status, 'LatestResolved');
  const sinceMs = nowMs - Date.parse(last?.lastUpdateTime ?? '');
  const kept = status.latestVersion;
  if (last?.status === 'True' && kept && sinceMs < pollMs)
    return { status, version: kept, againInMs: pollMs - sinceMs };
  try {
    const latest = await hands.channel(channel);
    if (!isVersion(latest)) throw new Error(`"${latest}" is no version of skiff`);
    status = touched(known(latest, 'Channel'), nowMs);
    return { status, version: latest, againInMs: pollMs };
  } catch (error) {
    const message = `Failed to resolve latest version from Spec.Channel: ${messageOf(error)}`;
    // A channel that is away for a while does not undo what it said.
    if (kept && last?.status === 'True') return { status, version: kept, againInMs: retryMs };
    return { status: unresolved(message), version: undefined, againInMs: retryMs };
  }
}

/** With the time of the last look at the channel. */
function touched(status: PlanStatus, nowMs: number): PlanStatus {
  const conditions = (status.conditions ?? []).map((one) =>
    one.type === 'LatestResolved' ? { ...one, lastUpdateTime: timeOf(nowMs) } : one,
  );
  return { ...status, conditions };
}
