import { equalAs } from '../../api/equality.ts';
import type { Node, Pod, Taint } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { markDisrupted } from '../pod-disruption.ts';
import { nodeIndex } from '../podgc/pod-gc.ts';
import { makeQueue, run } from '../run.ts';
import { toleratedForMs } from '../tolerations.ts';

const name = 'taint-eviction-controller';

/** Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer. */
export function startTaintEvictionController(ctx: ControllerContext): Controller {
  const { clock } = ctx;
  const client = ctx.clientFor('node-controller'); // the account whose role allows it, as upstream
  const events = eventRecorder({ client, clock, log: ctx.log, component: name });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: nodeIndex });
  /**
   * When the clock of a pod that tolerates for a while began to run, by the one that nobody sets.
   */
  const since = new Map<string, number>();

  const cancel = (key: string, pod: Pod): void => {
    queue.unschedule(key);
    if (since.delete(key))
      events.normal(pod, 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
  };

  const reconcile = async (key: string): Promise<void> => {
    const pod = pods.get(key);
    if (!pod || pod.metadata.deletionTimestamp) return void since.delete(key);
    const taints = noExecute(nodes.get(pod.spec.nodeName ?? ''));
    if (taints.length === 0) return cancel(key, pod);
    const toleratedMs = toleratedForMs(pod.spec.tolerations ?? [], taints);
    if (toleratedMs === undefined) return cancel(key, pod);
    const start = since.get(key) ?? beginning(taints);
    const dueMs = start + toleratedMs - clock.monotonicMs();
    if (toleratedMs > 0 && dueMs > 0) {
      since.set(key, start);
      queue.unschedule(key);
      return queue.addAfter(key, dueMs);
    }
    since.delete(key);
    await evict(pod);
  };

  /**
   * Taints say when they came; after a restart of ours the time of a pod goes on instead of
   * beginning again.
   */
  const beginning = (taints: Taint[]): number => {
    const added = taints.map((t) => msOf(t.timeAdded)).filter((ms) => ms > 0);
    const agoMs = added.length > 0 ? Math.max(0, clock.now() - Math.max(...added)) : 0;
    return clock.monotonicMs() - agoMs;
  };

  const evict = async (pod: Pod): Promise<void> => {
    const { namespace, name: podName, uid } = pod.metadata;
    events.normal(pod, 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${podName}`);
    try {
      await markDisrupted(client, pod, {
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
        nowMs: clock.now(),
      });
      await client.delete(refs.pods, { namespace, name: podName! }, { preconditions: { uid } });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  };

  const queue = makeQueue(ctx, { name: 'taint-eviction', reconcile });
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
  return run(queue, { name: 'taint-eviction', mirrors: [nodes, pods] });
}

function noExecute(node: Node | undefined): Taint[] {
  return (node?.spec?.taints ?? []).filter((t) => t.effect === 'NoExecute');
}
