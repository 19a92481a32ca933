import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { markDisrupted } from '../pod-disruption.ts';
import { isFinished } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';

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
  const client = ctx.clientFor(name);
  const { clock } = ctx;
  const told = ctx.terminatedPodGcThreshold ?? defaultMostFinishedPods;
  const mostFinishedPods = told > 0 ? told : Infinity;
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: nodeIndex });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  /** Since when a node that pods are bound to has been missing. */
  const missingSince = new Map<string, number>();
  let finished = 0;

  const forceDelete = async (
    pod: Pod,
    mark?: { reason: string; message: string },
  ): Promise<void> => {
    const { namespace, name: podName, uid } = pod.metadata;
    try {
      const phase = isFinished(pod) ? undefined : ('Failed' as const);
      if (mark) await markDisrupted(client, pod, { ...mark, nowMs: clock.now(), phase });
      else if (phase)
        await client.patch(
          refs.pods,
          { namespace, name: podName!, subresource: 'status' },
          { type: 'merge', body: { metadata: { uid }, status: { phase } } },
        );
      await client.delete(
        refs.pods,
        { namespace, name: podName! },
        { gracePeriodSeconds: 0, preconditions: { uid } },
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    if (key === '') return trimFinished();
    const pod = pods.get(key);
    if (!pod) return;
    const nodeName = pod.spec.nodeName;
    if (!nodeName) {
      if (pod.metadata.deletionTimestamp) await forceDelete(pod);
      return;
    }
    const node = nodes.get(nodeName);
    if (node) {
      const out = (node.spec?.taints ?? []).some((t) => t.key === outOfServiceTaint);
      const ready = node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
      if (pod.metadata.deletionTimestamp && out && !ready) await forceDelete(pod);
      return;
    }
    const since = missingSince.get(nodeName) ?? clock.monotonicMs();
    missingSince.set(nodeName, since);
    const waitMs = since + nodeQuarantineMs - clock.monotonicMs();
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    // The mirror may lag; deletion for a missing node needs the server's word.
    const there = await client.get(refs.nodes, { name: nodeName }).then(
      () => true,
      (error: unknown) => !isApiError(error, 'NotFound'),
    );
    if (!there)
      await forceDelete(pod, {
        reason: 'DeletionByPodGC',
        message: 'PodGC: node no longer exists',
      });
  };

  const trimFinished = async (): Promise<void> => {
    const all = [...pods.list()].filter((p) => isFinished(p) && !p.metadata.deletionTimestamp);
    finished = all.length;
    const excess = all
      .sort((a, b) => msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp))
      .slice(0, Math.max(0, all.length - mostFinishedPods));
    for (const pod of excess) await forceDelete(pod);
  };

  const queue = makeQueue(ctx, { name: 'pod-gc', reconcile });
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
  return run(queue, { name: 'pod-gc', mirrors: [pods, nodes] });
}

/** The index `node`: pods by the node they are bound to. */
export const nodeIndex = {
  node: (pod: Pod): string[] => (pod.spec.nodeName ? [pod.spec.nodeName] : []),
};
