import { equalAs } from '../../api/equality.ts';
import type { Node, Pod, Taint } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, say, type Plan } from '../kit/write.ts';
import { disruptionMark } from '../pod-disruption.ts';
import { nodeIndex } from '../podgc/pod-gc.ts';
import { toleratedForMs } from '../tolerations.ts';

const name = 'taint-eviction-controller';

/** Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer. */
export function startTaintEvictionController(ctx: ControllerContext): Controller {
  const { clock } = ctx;
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: nodeIndex });
  /**
   * When the clock of a pod that tolerates for a while began to run, by the one that nobody sets.
   */
  const since = new Map<string, number>();
  return startPlanned<EvictionView>(
    ctx,
    {
      name: 'node-controller', // the account whose role allows it, as upstream
      title: 'taint-eviction',
      component: name,
      mirrors: [
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.pods, mirror: pods },
      ],
      view: (key, { nowMs }) => {
        const pod = pods.get(key);
        if (!pod || pod.metadata.deletionTimestamp) return undefined;
        const taints = noExecute(nodes.get(pod.spec.nodeName ?? ''));
        return { pod, taints, nowMs, monotonicMs: clock.monotonicMs(), since: since.get(key) };
      },
      plan: planEviction,
      remember: (key, view) => {
        const left = leftMs(view);
        if (left !== undefined && left.ms > 0) since.set(key, left.since);
        else since.delete(key);
      },
      forget: (key) => void since.delete(key),
    },
    (queue) => {
      pods.onChange(({ type, key, object, old }) => {
        if (type === 'DELETED') {
          queue.unschedule(key);
          return void since.delete(key);
        }
        const moved =
          !old ||
          old.spec.nodeName !== object.spec.nodeName ||
          !equalAs('[]@core.v1.Toleration', old.spec.tolerations, object.spec.tolerations);
        if (object.spec.nodeName && moved && noExecute(nodes.get(object.spec.nodeName)).length > 0)
          queue.add(key);
      });
      nodes.onChange(({ type, key, object, old }) => {
        if (type === 'DELETED' || equalAs('[]@core.v1.Taint', noExecute(old), noExecute(object)))
          return;
        for (const pod of pods.byIndex('node', key)) queue.add(keyOf(pod));
      });
    },
  );
}

export interface EvictionView {
  /** Not deleted yet. */
  pod: Pod;
  /** Those of its node that evict. */
  taints: Taint[];
  nowMs: number;
  monotonicMs: number;
  /** When its time began to run, by the monotonic clock; undefined: it does not run yet. */
  since: number | undefined;
}

/** It goes at once, in its time, or not at all. */
export function planEviction(view: EvictionView): Plan {
  const { pod, nowMs } = view;
  const at = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const left = leftMs(view);
  if (left === undefined) {
    if (view.since === undefined) return nothing;
    const message = `Cancelling deletion of Pod ${at}`;
    return { steps: [say(pod, 'Normal', 'TaintManagerEviction', message)] };
  }
  if (left.ms > 0) return { steps: [], againInMs: left.ms };
  const options = { preconditions: { uid: pod.metadata.uid } };
  return {
    steps: [
      say(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${at}`),
      ...disruptionMark(pod, {
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
        nowMs,
      }),
      { verb: 'delete', ref: refs.pods, object: pod, options },
    ],
  };
}

/** How long it may stay, and since when that time runs; undefined = forever. */
function leftMs(view: EvictionView): { ms: number; since: number } | undefined {
  const { pod, taints, monotonicMs } = view;
  if (taints.length === 0) return undefined;
  const tolerated = toleratedForMs(pod.spec.tolerations ?? [], taints);
  if (tolerated === undefined) return undefined;
  const since = view.since ?? beginning(view);
  return { ms: tolerated > 0 ? since + tolerated - monotonicMs : 0, since };
}

/**
 * Taints say when they came; after a restart of ours the time of a pod goes on instead of beginning
 * again.
 */
function beginning({ taints, nowMs, monotonicMs }: EvictionView): number {
  const added = taints.map((t) => msOf(t.timeAdded)).filter((ms) => ms > 0);
  const agoMs = added.length > 0 ? Math.max(0, nowMs - Math.max(...added)) : 0;
  return monotonicMs - agoMs;
}

function noExecute(node: Node | undefined): Taint[] {
  return (node?.spec?.taints ?? []).filter((t) => t.effect === 'NoExecute');
}
