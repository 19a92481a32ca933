import { timeOf } from '../../api/times.ts';
import type { Condition, HelmChartStatus } from './chart.ts';
import type { Plan } from './plan.ts';

/** What a pass came to. */
export type Verdict =
  | { refused: string }
  | { failed: string; hash: string; failures: number }
  | { plan: Plan; hash: string; failures: number; revision: number | undefined };

/** The status to write; undefined when it stands there already. */
export function statusOf(
  before: HelmChartStatus | undefined,
  verdict: Verdict,
  nowMs: number,
): HelmChartStatus | undefined {
  const status: HelmChartStatus = {
    ...before,
    ...('hash' in verdict && { wanted: verdict.hash, failures: verdict.failures }),
    ...('revision' in verdict && verdict.revision !== undefined && { revision: verdict.revision }),
  };
  const conditions = conditionsOf(verdict, before).map((one): Condition => {
    const old = before?.conditions?.find(({ type }) => type === one.type);
    const same = old?.status === one.status;
    return { ...one, lastTransitionTime: (same && old.lastTransitionTime) || timeOf(nowMs) };
  });
  const next = { ...status, conditions };
  return JSON.stringify(next) === JSON.stringify(before) ? undefined : next;
}

function conditionsOf(verdict: Verdict, before: HelmChartStatus | undefined): Condition[] {
  if ('refused' in verdict) return both(false, 'InvalidChart', verdict.refused);
  if ('failed' in verdict) return both(false, 'HelmFailed', verdict.failed);
  const { plan } = verdict;
  if (plan.do === 'nothing') return both(true, 'Deployed', `revision ${verdict.revision ?? 0}`);
  if (plan.do === 'give up') {
    const why = before?.conditions?.find(({ type }) => type === 'Failed')?.message ?? '';
    return both(false, plan.reason, why);
  }
  return both(false, 'OtherOperation', 'another Helm is at work on the release', true);
}

function both(deployed: boolean, reason: string, message: string, waits = false): Condition[] {
  return [
    { type: 'Deployed', status: deployed ? 'True' : 'False', reason, message },
    // k3s' condition.
    { type: 'Failed', status: deployed || waits ? 'False' : 'True', reason, message },
  ];
}
