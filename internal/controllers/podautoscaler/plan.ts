import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/generated/types/autoscaling-v2.ts';
import type { ResourceRef } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import { nothing, say, type Plan, type Say, type Step, type Write } from '../kit/write.ts';
import { isApiError } from '../owners.ts';
import { bounded, noteChange, type History } from './bounds.ts';
import { StatusDraft } from './conditions.ts';
import { MetricFailed, type Proposed } from './proposals.ts';

/** --horizontal-pod-autoscaler-sync-period: how often each autoscaler looks. */
const periodMs = 15_000;

export interface Target {
  ref: ResourceRef;
  scale: Scale;
}

/** Why the target's pods cannot be counted. */
export interface Refusal {
  reason: string;
  message: string;
  condition: { reason: string; message: string };
}

export interface AutoscalerView {
  hpa: HorizontalPodAutoscaler;
  /** What was found and done before; undefined in the first pass. */
  history: History | undefined;
  target: Target | { error: string };
  refusal?: Refusal;
  /** For each metric, in their order; none while the target is out of its bounds. */
  proposals: (Proposed | MetricFailed)[];
  nowMs: number;
}

/** What a pass comes to, before anything is written. */
interface Decision {
  current: number;
  /** Undefined: nothing can be said about it; it stays as it was in the status. */
  desired: number | undefined;
  /** Why another number is desired. */
  reason: string;
  metrics: MetricStatus[];
  draft: StatusDraft;
  events: Say[];
  history: History;
}

/** Sets the target's scale, where another number is desired than it has. */
export function planAutoscaler(view: AutoscalerView): Plan {
  const decision = decide(view);
  const { events, reason } = decision;
  const scaling = scalingOf(view, decision);
  const steps: Step[] = [...events];
  if (scaling)
    steps.push({
      ...scaling,
      quiet: ['Conflict'],
      done: () => say(view.hpa, 'Normal', 'SuccessfulRescale', newSize(decision.desired!, reason)),
      failed: (error) => {
        const text = `${newSize(decision.desired!, reason)}; error: ${error}`;
        return say(view.hpa, 'Warning', 'FailedRescale', text);
      },
    });
  // The period is the back-off, too: metrics come and go.
  return { steps, againInMs: periodMs };
}

/** The status tells what was found, and whether the scale could be set. */
export function concludeAutoscaler(view: AutoscalerView, outcome: Outcome): Plan {
  // Somebody else set the scale meanwhile: the next pass, which is soon, sees what it is now.
  if (isApiError(outcome.failure, 'Conflict')) return nothing;
  const { current, desired, metrics, draft } = decide(view);
  if ('error' in view.target) return statusPlan(view, draft.unknown());
  if (outcome.failure !== undefined) {
    const why = messageOf(outcome.failure);
    draft.set('AbleToScale', 'False', {
      reason: 'FailedUpdateScale',
      message: `the HPA controller was unable to update the target scale: ${why}`,
    });
    return statusPlan(view, draft.done({ current, metrics }));
  }
  const scaled = isScaled(current, desired);
  if (scaled)
    draft.set('AbleToScale', 'True', {
      reason: 'SucceededRescale',
      message: `the HPA controller was able to update the target scale to ${desired}`,
    });
  return statusPlan(view, draft.done({ current, desired, metrics, scaled }));
}

/** What the next pass has to know: the wish, and the change if there was one. */
export function historyAfter(view: AutoscalerView, outcome: Outcome): History {
  const { current, desired, history } = decide(view);
  const isChange = isScaled(current, desired) && outcome.failure === undefined;
  if (!isChange || !view.hpa.spec.behavior) return history;
  return noteChange(history, { from: current, to: desired!, nowMs: view.nowMs });
}

const newSize = (desired: number, reason: string): string =>
  `New size: ${desired}; reason: ${reason}`;
const isScaled = (current: number, desired: number | undefined): boolean =>
  desired !== undefined && current !== 0 && desired !== current;

function statusPlan({ hpa }: AutoscalerView, status: HorizontalPodAutoscalerStatus): Plan {
  // Deleted or changed meanwhile: the next look is soon.
  const writes = statusWrite(refs.horizontalPodAutoscalers, hpa, status);
  return { steps: writes.map((write): Write => ({ ...write, forgives: ['Conflict'] })) };
}

function scalingOf({ target }: AutoscalerView, { current, desired }: Decision): Write | undefined {
  if ('error' in target || !isScaled(current, desired)) return undefined;
  const { ref, scale } = target;
  const object = { ...scale, spec: { ...scale.spec, replicas: desired } };
  return { verb: 'update', ref, object, subresource: 'scale' };
}

function decide(view: AutoscalerView): Decision {
  const { hpa, target, nowMs } = view;
  const draft = new StatusDraft(hpa, nowMs);
  const none: History = { recommendations: [], ups: [], downs: [] };
  const nowhere = { current: 0, desired: undefined, reason: '', metrics: [], events: [], draft };
  if ('error' in target) {
    draft.set('AbleToScale', 'False', {
      reason: 'FailedGetScale',
      message: `the HPA controller was unable to get the target's current scale: ${target.error}`,
    });
    const events = [say(hpa, 'Warning', 'FailedGetScale', target.error)];
    return { ...nowhere, events, history: view.history ?? none };
  }
  draft.set('AbleToScale', 'True', {
    reason: 'SucceededGetScale',
    message: "the HPA controller was able to get the target's current scale",
  });
  const current = target.scale.spec?.replicas ?? 0;
  const history = view.history ?? {
    ...none,
    recommendations: [{ atMs: nowMs, replicas: current }],
  };
  const { minReplicas: least = 1, maxReplicas: most } = hpa.spec;
  const here = { ...nowhere, current, history };
  if (current === 0) {
    draft.set('ScalingActive', 'False', {
      reason: 'ScalingDisabled',
      message: 'scaling is disabled since the replica count of the target is zero',
    });
    return { ...here, desired: 0 };
  }
  if (current > most || current < least) {
    const side = current > most ? 'above Spec.MaxReplicas' : 'below Spec.MinReplicas';
    const reason = `Current number of replicas ${side}`;
    return { ...here, desired: current > most ? most : least, reason };
  }
  return decideByMetrics(view, here);
}

/** The most that any metric asks for; when one fails, at least what there is. */
function decideByMetrics(
  { hpa, refusal, proposals, nowMs }: AutoscalerView,
  of: Decision,
): Decision {
  const { draft, current } = of;
  const warning = (reason: string, message: string): Say => say(hpa, 'Warning', reason, message);
  if (refusal) {
    draft.set('ScalingActive', 'False', refusal.condition);
    const { reason, message } = refusal;
    const failed = warning('FailedComputeMetricsReplicas', message);
    return { ...of, events: [warning(reason, message), failed] };
  }
  const failures = proposals.filter((p) => p instanceof MetricFailed);
  const found = proposals.flatMap((p) => (p instanceof MetricFailed ? [] : [p]));
  const metrics = proposals.map((p) => (p instanceof MetricFailed ? { type: '' } : p.status));
  const events = failures.map(({ reason, why }) => warning(reason, why));
  const wanted = found.reduce<Proposed | undefined>(
    (most, p) => (most && most.replicas !== 0 && p.replicas <= most.replicas ? most : p),
    undefined,
  );
  const [first] = failures;
  if (first && (!wanted || wanted.replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${first.why}`;
    draft.set('ScalingActive', 'False', { reason: first.reason, message });
    const text =
      `invalid metrics (${failures.length} invalid out of ${proposals.length}), first error is: ` +
      first.message;
    return { ...of, metrics, events: [...events, warning('FailedComputeMetricsReplicas', text)] };
  }
  const { replicas = 0, name = '' } = wanted ?? {};
  draft.set('ScalingActive', 'True', {
    reason: 'ValidMetricFound',
    message: `the HPA was able to successfully calculate a replica count from ${name}`,
  });
  const { minReplicas: least = 1, maxReplicas: most, behavior } = hpa.spec;
  const wish = { current, wanted: replicas, least, most, nowMs };
  const verdict = bounded(wish, behavior, of.history);
  draft.set('AbleToScale', 'True', verdict.able);
  draft.set('ScalingLimited', verdict.limited.status, verdict.limited);
  const reason = replicas > current ? `${name} above target` : 'All metrics below target';
  return { ...of, desired: verdict.replicas, reason, metrics, events, history: verdict.history };
}
