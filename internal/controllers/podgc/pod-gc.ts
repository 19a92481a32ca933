import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { nothing, type Plan, type Write } from '../kit/write.ts';
import { isApiError } from '../owners.ts';
import { disruptionMark } from '../pod-disruption.ts';
import { isFinished } from '../pod-facts.ts';

const name = 'pod-garbage-collector';
/**
 * A node that was just heard of may not have reached the mirror yet: its pods wait this long before
 * they count as lost.
 */
const nodeQuarantineMs = 40_000;
/** kube-controller-manager's --terminated-pod-gc-threshold. */
const defaultMostFinishedPods = 12_500;
const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

/**
 * Takes away pods that nobody else will: those of lost nodes, those deleted before they had a node,
 * and too many finished ones.
 */
export function startPodGc(ctx: ControllerContext): Controller {
  const { clock } = ctx;
  const told = ctx.terminatedPodGcThreshold ?? defaultMostFinishedPods;
  const mostFinishedPods = told > 0 ? told : Infinity;
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: nodeIndex });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  /** Since when a node that pods are bound to has been missing. */
  const missingSince = new Map<string, number>();
  let finished = 0;

  /** How much longer a node that is not in the mirror may yet be heard of. */
  const quarantineMs = (nodeName: string): number => {
    const since = missingSince.get(nodeName) ?? clock.monotonicMs();
    missingSince.set(nodeName, since);
    return since + nodeQuarantineMs - clock.monotonicMs();
  };
  const viewOf = async (pod: Pod, { client, nowMs }: Reading): Promise<PodGcView> => {
    const { nodeName } = pod.spec;
    const node = nodeName ? nodes.get(nodeName) : undefined;
    if (!nodeName || node) return { pods: [pod], nowMs, node };
    const waitMs = quarantineMs(nodeName);
    if (waitMs > 0) return { pods: [pod], nowMs, waitMs };
    // The mirror may lag; deletion for a missing node needs the server's word.
    const lost = await client.get(refs.nodes, { name: nodeName }).then(
      () => false,
      (error: unknown) => isApiError(error, 'NotFound'),
    );
    return { pods: [pod], nowMs, lost };
  };
  const finishedPods = (): Pod[] => {
    const all = [...pods.list()].filter((p) => isFinished(p) && !p.metadata.deletionTimestamp);
    finished = all.length;
    return all;
  };
  return startPlanned<PodGcView>(
    ctx,
    {
      name,
      title: 'pod-gc',
      mirrors: [
        { ref: refs.pods, mirror: pods },
        { ref: refs.nodes, mirror: nodes },
      ],
      view: (key, read) => {
        if (key === '') return { pods: finishedPods(), nowMs: read.nowMs, most: mostFinishedPods };
        const pod = pods.get(key);
        return pod && viewOf(pod, read);
      },
      plan: planPodGc,
    },
    (queue) => {
      pods.onChange(({ type, key, object, old }) => {
        if (
          type !== 'DELETED' &&
          isFinished(object) &&
          !(old && isFinished(old)) &&
          ++finished > mostFinishedPods
        )
          queue.add('');
        const { nodeName } = object.spec;
        if (
          type === 'DELETED' ||
          (nodeName
            ? nodes.get(nodeName) && !object.metadata.deletionTimestamp
            : !object.metadata.deletionTimestamp)
        )
          return;
        queue.add(key);
      });
      nodes.onChange(({ type, key, object }) => {
        if (type !== 'DELETED') missingSince.delete(key);
        const out = (object.spec?.taints ?? []).some((t) => t.key === outOfServiceTaint);
        if (type === 'DELETED' || out)
          for (const pod of pods.byIndex('node', key)) queue.add(keyOf(pod));
      });
    },
  );
}

export interface PodGcView {
  /** One that may have lost its place; or all finished ones, and how many of them may stay. */
  pods: Pod[];
  most?: number;
  nowMs: number;
  /** The node of the one. */
  node?: Node | undefined;
  /** It is not known yet whether its node is lost. */
  waitMs?: number;
  /** Its node is. */
  lost?: boolean;
}

const nodeGone = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };

export function planPodGc({ pods, most, nowMs, node, waitMs, lost }: PodGcView): Plan {
  if (most !== undefined) {
    const excess = pods
      .toSorted((a, b) => msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp))
      .slice(0, Math.max(0, pods.length - most));
    return { steps: excess.flatMap((pod) => forceDeletion(pod, nowMs)) };
  }
  const [pod] = pods;
  if (!pod) return nothing;
  if (waitMs !== undefined) return { steps: [], againInMs: waitMs };
  if (lost) return { steps: forceDeletion(pod, nowMs, nodeGone) };
  const deleted = pod.metadata.deletionTimestamp !== undefined;
  if (!pod.spec.nodeName) return deleted ? { steps: forceDeletion(pod, nowMs) } : nothing;
  const out = (node?.spec?.taints ?? []).some((t) => t.key === outOfServiceTaint);
  const ready = node?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
  return deleted && out && !ready ? { steps: forceDeletion(pod, nowMs) } : nothing;
}

function forceDeletion(
  pod: Pod,
  nowMs: number,
  mark?: { reason: string; message: string },
): Write[] {
  const { uid } = pod.metadata;
  const phase = isFinished(pod) ? undefined : ('Failed' as const);
  const body = { metadata: { uid }, status: { phase } };
  const failed: Write = {
    verb: 'patch',
    ref: refs.pods,
    object: pod,
    subresource: 'status',
    patch: { type: 'merge', body },
  };
  const options = { gracePeriodSeconds: 0, preconditions: { uid } };
  return [
    ...(mark ? disruptionMark(pod, { ...mark, nowMs, phase }) : phase ? [failed] : []),
    { verb: 'delete', ref: refs.pods, object: pod, options },
  ];
}

/** The index `node`: pods by the node they are bound to. */
export const nodeIndex = {
  node: (pod: Pod): string[] => (pod.spec.nodeName ? [pod.spec.nodeName] : []),
};
