import { equalAs } from '../../api/equality.ts';
import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/generated/types/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf, type ResourceRef } from '../../api/object.ts';
import { parseLabelSelector, type LabelSelector } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { bounded, noteChange, type History } from './bounds.ts';
import { StatusDraft } from './conditions.ts';
import { Metrics } from './metrics.ts';
import { MetricFailed, propose, type Asking } from './proposals.ts';

const name = 'horizontal-pod-autoscaler';
/** --horizontal-pod-autoscaler-sync-period: how often each autoscaler looks. */
const periodMs = 15_000;
const mostConflicts = 5;

const failedScale = 'FailedGetScale';
const noScale = "the HPA controller was unable to get the target's current scale: ";

/** A pass that came to its end early: what was written says why. */
class Ended extends Error {}

interface Wanted {
  replicas: number;
  metric: string;
  statuses: MetricStatus[];
}

/**
 * Sets the number of replicas of what has a scale, by what its pods use (autoscaling/v2;
 * pkg/controller/podautoscaler). Metrics come from the metrics APIs, whoever serves them.
 */
export function startHorizontalPodAutoscaler(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: name });
  const hpas = ctx.mirrors.of<HorizontalPodAutoscaler>(refs.horizontalPodAutoscalers);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const metrics = new Metrics(client);
  const histories = new Map<string, History>();
  /** By key: which pods an autoscaler counts. Two for one pod would work against each other. */
  const selectors = new Map<string, LabelSelector>();

  const refOf = ({
    apiVersion = '',
    kind,
  }: CrossVersionObjectReference): ResourceRef | undefined => {
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
    return ctx.resources().find((ref) => ref.group === group && ref.kind === kind);
  };

  const reconcile = async (key: string): Promise<void> => {
    const hpa = hpas.get(key);
    if (!hpa) {
      histories.delete(key);
      selectors.delete(key);
      return;
    }
    queue!.addAfter(key, periodMs);
    const nowMs = ctx.clock.now();
    const draft = new StatusDraft(hpa, nowMs);
    const save = async (status: HorizontalPodAutoscalerStatus): Promise<void> => {
      if (equalAs('@autoscaling.v2.HorizontalPodAutoscalerStatus', status, hpa.status)) return;
      await client
        .update(refs.horizontalPodAutoscalers, { ...hpa, status }, { subresource: 'status' })
        .catch((error: unknown) => {
          // Deleted or changed meanwhile: the next look is soon.
          if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
        });
    };
    try {
      await pass({ key, hpa, draft, save, nowMs });
    } catch (error) {
      // The period is the back-off: what is wrong was said, and metrics come and go.
      if (!(error instanceof Ended)) throw error;
    }
  };

  interface Pass {
    key: string;
    hpa: HorizontalPodAutoscaler;
    draft: StatusDraft;
    save(status: HorizontalPodAutoscalerStatus): Promise<void>;
    nowMs: number;
  }

  const pass = async (of: Pass): Promise<void> => {
    const { key, hpa, draft, save, nowMs } = of;
    const { ref, scale } = await scaleOf(of);
    const current = scale.spec?.replicas ?? 0;
    const { minReplicas: least = 1, maxReplicas: most } = hpa.spec;
    let history = histories.get(key);
    if (!history)
      histories.set(
        key,
        (history = { recommendations: [{ atMs: nowMs, replicas: current }], ups: [], downs: [] }),
      );
    if (current === 0) {
      draft.set('ScalingActive', 'False', {
        reason: 'ScalingDisabled',
        message: 'scaling is disabled since the replica count of the target is zero',
      });
      return await save(draft.done({ current, desired: 0, metrics: [] }));
    }
    let desired = current > most ? most : least;
    const side = current > most ? 'above Spec.MaxReplicas' : 'below Spec.MinReplicas';
    let reason = `Current number of replicas ${side}`;
    let statuses: MetricStatus[] = [];
    if (current >= least && current <= most) {
      const wanted = await wantedBy(of, scale);
      statuses = wanted.statuses;
      reason =
        wanted.replicas > current ? `${wanted.metric} above target` : 'All metrics below target';
      const wish = { current, wanted: wanted.replicas, least, most, nowMs };
      const verdict = bounded(wish, hpa.spec.behavior, history);
      draft.set('AbleToScale', 'True', verdict.able);
      draft.set('ScalingLimited', verdict.limited.status, verdict.limited);
      desired = verdict.replicas;
    }
    if (desired !== current) {
      await rescale(of, { ref, scale, desired, reason, statuses });
      if (hpa.spec.behavior) noteChange(history, { from: current, to: desired, nowMs });
    }
    await save(draft.done({ current, desired, metrics: statuses, scaled: desired !== current }));
  };

  const scaleOf = async ({
    hpa,
    draft,
    save,
  }: Pass): Promise<{ ref: ResourceRef; scale: Scale }> => {
    const target = hpa.spec.scaleTargetRef;
    try {
      const ref = refOf(target);
      if (!ref) throw new Error(`no matches for kind ${JSON.stringify(target.kind)} in group`);
      const { namespace = '' } = hpa.metadata;
      const of = { namespace, name: target.name, subresource: 'scale' };
      const scale = await client.get<Scale>(ref, of);
      draft.set('AbleToScale', 'True', {
        reason: 'SucceededGetScale',
        message: "the HPA controller was able to get the target's current scale",
      });
      return { ref, scale };
    } catch (error) {
      events.warning(hpa, failedScale, messageOf(error));
      const message = `${noScale}${messageOf(error)}`;
      draft.set('AbleToScale', 'False', { reason: failedScale, message });
      await save(draft.unknown());
      throw new Ended();
    }
  };

  /** The most that any metric asks for; when one fails, at least what there is. */
  const wantedBy = async (of: Pass, scale: Scale): Promise<Wanted> => {
    const { hpa, draft, save, nowMs } = of;
    const current = scale.spec?.replicas ?? 0;
    const selected = await podsOf(of, scale);
    const asking: Asking = {
      hpa,
      metrics,
      pods: selected.pods,
      selector: selected.text,
      replicas: { spec: current, status: scale.status?.replicas ?? 0 },
      refOf,
      nowMs,
    };
    const specs = hpa.spec.metrics ?? [];
    const wanted: Wanted = { replicas: 0, metric: '', statuses: [] };
    let failures = 0;
    let first: MetricFailed | undefined;
    for (const spec of specs) {
      try {
        const found = await propose(asking, spec);
        wanted.statuses.push(found.status);
        if (wanted.replicas === 0 || found.replicas > wanted.replicas)
          Object.assign(wanted, { replicas: found.replicas, metric: found.name });
      } catch (error) {
        if (!(error instanceof MetricFailed)) throw error;
        events.warning(hpa, error.reason, error.why);
        wanted.statuses.push({ type: '' });
        first ??= error;
        failures += 1;
      }
    }
    if (first && (failures >= specs.length || wanted.replicas < current)) {
      const message = `the HPA was unable to compute the replica count: ${first.why}`;
      draft.set('ScalingActive', 'False', { reason: first.reason, message });
      await save(draft.done({ current, metrics: wanted.statuses }));
      const text =
        `invalid metrics (${failures} invalid out of ${specs.length}), first error is: ` +
        first.message;
      events.warning(hpa, 'FailedComputeMetricsReplicas', text);
      throw new Ended();
    }
    draft.set('ScalingActive', 'True', {
      reason: 'ValidMetricFound',
      message: 'the HPA was able to successfully calculate a replica count from ' + wanted.metric,
    });
    return wanted;
  };

  /** The target's pods. They must not be another autoscaler's as well. */
  const podsOf = async (
    { key, hpa, draft, save }: Pass,
    scale: Scale,
  ): Promise<{ pods: Pod[]; text: string }> => {
    const current = scale.spec?.replicas ?? 0;
    const refuse = async (reason: string, message: string, shown = message): Promise<never> => {
      events.warning(hpa, reason, message);
      draft.set('ScalingActive', 'False', {
        reason: reason === 'SelectorRequired' ? 'InvalidSelector' : reason,
        message: shown,
      });
      await save(draft.done({ current, metrics: [] }));
      events.warning(hpa, 'FailedComputeMetricsReplicas', message);
      throw new Ended();
    };
    const text = scale.status?.selector ?? '';
    if (text === '')
      return refuse(
        'SelectorRequired',
        'selector is required',
        "the HPA target's scale is missing a selector",
      );
    let selector: LabelSelector;
    try {
      selector = parseLabelSelector(text);
    } catch (error) {
      const message = "couldn't convert selector into a corresponding internal selector object: ";
      return refuse('InvalidSelector', `${message}${messageOf(error)}`);
    }
    selectors.set(key, selector);
    const namespace = hpa.metadata.namespace ?? '';
    const selected = [...pods.list(namespace)].filter((p) => selector.matches(p.metadata.labels));
    const rivals = [...selectors].filter(
      ([other, theirs]) =>
        other.startsWith(`${namespace}/`) &&
        selected.some((pod) => theirs.matches(pod.metadata.labels)),
    );
    if (rivals.length > 1) {
      const shown = rivals.map(([other]) => `{${other.slice(namespace.length + 1)} ${namespace}}`);
      return refuse(
        'AmbiguousSelector',
        `pods by selector ${text} are controlled by multiple HPAs: [${shown.join(' ')}]`,
      );
    }
    return { pods: selected, text };
  };

  const rescale = async (
    { hpa, draft, save }: Pass,
    to: {
      ref: ResourceRef;
      scale: Scale;
      desired: number;
      reason: string;
      statuses: MetricStatus[];
    },
  ): Promise<void> => {
    const { ref, desired, reason } = to;
    let { scale } = to;
    const current = scale.spec?.replicas ?? 0;
    const { namespace = '', name: target = '' } = scale.metadata;
    for (let tries = 1; ; tries++) {
      try {
        const object = { ...scale, spec: { ...scale.spec, replicas: desired } };
        await client.update(ref, object, { subresource: 'scale' });
        break;
      } catch (error) {
        if (isApiError(error, 'Conflict') && tries < mostConflicts) {
          scale = await client.get<Scale>(ref, { namespace, name: target, subresource: 'scale' });
          continue;
        }
        const message = messageOf(error);
        events.warning(
          hpa,
          'FailedRescale',
          `New size: ${desired}; reason: ${reason}; error: ${message}`,
        );
        draft.set('AbleToScale', 'False', {
          reason: 'FailedUpdateScale',
          message: `the HPA controller was unable to update the target scale: ${message}`,
        });
        await save(draft.done({ current, metrics: to.statuses }));
        throw new Ended();
      }
    }
    draft.set('AbleToScale', 'True', {
      reason: 'SucceededRescale',
      message: `the HPA controller was able to update the target scale to ${desired}`,
    });
    events.normal(hpa, 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`);
  };

  let queue: WorkQueue | undefined;
  return startLoop(ctx, { name, mirrors: [hpas, pods], reconcile }, (made) => {
    queue = made;
    hpas.onChange(({ key, object, old }) => {
      // A status of our own is no reason to look again.
      if (!old || !equalAs('@autoscaling.v2.HorizontalPodAutoscalerSpec', old.spec, object.spec))
        made.add(key);
    });
    hpas.onChange(({ type, object }) => type === 'DELETED' && made.add(keyOf(object)));
  });
}
