import { equalAs, stringMap } from '../../api/equality.ts';
import type { Deployment, ReplicaSet, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod, ReplicationController } from '../../api/generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts';
import { keyOf, type ResourceRef } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import type { Change, Mirror } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { isReady } from '../pod-facts.ts';
import { isAbsolute, needsScale, plan, selectedBy, staleInMs, type View } from './plan.ts';
import { scaleOf, type ScaleMirrors } from './scale.ts';

const name = 'disruption-controller';
/** Keys of pods whose mark may be stale; all others are keys of budgets. */
const ofPod = 'pod:';

/** Says in each PodDisruptionBudget how many of its pods may be evicted now. */
export function startDisruptionController(ctx: ControllerContext): Controller {
  const budgets = ctx.mirrors.of<PodDisruptionBudget>(refs.podDisruptionBudgets);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const scales: ScaleMirrors = {
    sets: ctx.mirrors.of<ReplicaSet>(refs.replicaSets),
    deployments: ctx.mirrors.of<Deployment>(refs.deployments),
    stateful: ctx.mirrors.of<StatefulSet>(refs.statefulSets),
    controllers: ctx.mirrors.of<ReplicationController>(refs.replicationControllers),
  };
  const scaledKinds: { ref: ResourceRef; mirror: Mirror<{ metadata: { namespace?: string } }> }[] =
    [
      { ref: refs.replicaSets, mirror: scales.sets },
      { ref: refs.deployments, mirror: scales.deployments },
      { ref: refs.statefulSets, mirror: scales.stateful },
      { ref: refs.replicationControllers, mirror: scales.controllers },
    ];

  const view = async (key: string, read: Reading): Promise<View | undefined> => {
    const { nowMs } = read;
    if (key.startsWith(ofPod)) {
      const pod = pods.get(key.slice(ofPod.length));
      return pod && { what: 'mark', pod, nowMs };
    }
    const budget = budgets.get(key);
    if (!budget) return undefined;
    const selected = selectedBy(budget, pods.list(budget.metadata.namespace));
    const scale = needsScale(budget)
      ? await scaleOf(selected, {
          mirrors: scales,
          client: read.client,
          kinds: ctx.resources(),
        }).catch((error: unknown) => ({ unknown: messageOf(error) }))
      : { expected: 0, unmanaged: 0 };
    return { what: 'budget', budget, pods: selected, scale, nowMs };
  };

  return startPlanned<View>(
    ctx,
    {
      name,
      component: 'controllermanager',
      mirrors: [
        { ref: refs.podDisruptionBudgets, mirror: budgets },
        { ref: refs.pods, mirror: pods },
        ...scaledKinds,
      ],
      view,
      plan,
    },
    (queue) => {
      budgets.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
      const podChanged = ({ type, key, object: pod, old }: Change<Pod>): void => {
        if (type !== 'DELETED' && staleInMs(pod, ctx.clock.now()) !== undefined)
          queue.add(`${ofPod}${key}`);
        if (
          type === 'MODIFIED' &&
          old &&
          isReady(old) === isReady(pod) &&
          old.metadata.deletionTimestamp === pod.metadata.deletionTimestamp &&
          equalAs(stringMap, old.metadata.labels, pod.metadata.labels)
        )
          return;
        for (const budget of budgets.list(pod.metadata.namespace)) {
          const selector = selectorFromObject(budget.spec.selector);
          if (
            selector.matches(pod.metadata.labels) ||
            (old && selector.matches(old.metadata.labels))
          )
            queue.add(keyOf(budget));
        }
      };
      pods.onChange(podChanged);
      for (const { mirror } of scaledKinds) {
        mirror.onChange(({ object, old }) => {
          const replicas = (o: unknown): unknown =>
            (o as { spec?: { replicas?: number } } | undefined)?.spec?.replicas;
          if (old && replicas(old) === replicas(object)) return;
          for (const budget of budgets.list(object.metadata.namespace))
            if (!isAbsolute(budget)) queue.add(keyOf(budget));
        });
      }
    },
  );
}
