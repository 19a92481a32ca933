import { equalAs } from '../../api/equality.ts';
import type { HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { LabelSelector } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { isApiError } from '../owners.ts';
import type { History } from './bounds.ts';
import { concludeAutoscaler, historyAfter, planAutoscaler, type AutoscalerView } from './plan.ts';
import { viewOf } from './view.ts';

const name = 'horizontal-pod-autoscaler';

/**
 * Sets the number of replicas of what has a scale, by what its pods use (autoscaling/v2;
 * pkg/controller/podautoscaler). Metrics come from the metrics APIs, whoever serves them.
 */
export function startHorizontalPodAutoscaler(ctx: ControllerContext): Controller {
  const hpas = ctx.mirrors.of<HorizontalPodAutoscaler>(refs.horizontalPodAutoscalers);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const histories = new Map<string, History>();
  const selectors = new Map<string, LabelSelector>();
  const sources = {
    pods: (namespace: string) => pods.list(namespace),
    resources: () => ctx.resources(),
    selectors,
  };

  return startPlanned<AutoscalerView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.horizontalPodAutoscalers, mirror: hpas },
        { ref: refs.pods, mirror: pods },
      ],
      view: (key, { client, nowMs }) => {
        const hpa = hpas.get(key);
        const history = histories.get(key);
        return hpa && viewOf({ ...sources, client }, key, { hpa, history, nowMs });
      },
      plan: planAutoscaler,
      conclude: concludeAutoscaler,
      worthRetry: (failure) => isApiError(failure, 'Conflict'),
      remember: (key, view, outcome) => void histories.set(key, historyAfter(view, outcome)),
      forget: (key) => {
        histories.delete(key);
        selectors.delete(key);
      },
    },
    (queue) => {
      hpas.onChange(({ type, key, object, old }) => {
        // A status of our own is no reason to look again.
        if (
          type === 'DELETED' ||
          !old ||
          !equalAs('@autoscaling.v2.HorizontalPodAutoscalerSpec', old.spec, object.spec)
        )
          queue.add(key);
      });
    },
  );
}
