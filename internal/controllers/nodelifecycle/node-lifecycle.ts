import { equalAs } from '../../api/equality.ts';
import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { isReady, podCondition } from '../pod-facts.ts';
import { nodeIndex } from '../podgc/pod-gc.ts';
import { makeQueue, run } from '../run.ts';
import { readyCondition, silentConditions, statusHeartbeatMs, wantedTaints } from './taints.ts';

const name = 'node-controller';
/** A node that gave no sign of life for this long is not known to be ready. */
const defaultGraceMs = 40_000;
/** A node that has just been seen for the first time may still be starting. */
const defaultStartupGraceMs = 60_000;

/**
 * Watches over nodes: marks silent ones Unknown, taints by condition, and takes readiness from the
 * pods of nodes that are not ready.
 */
export function startNodeLifecycleController(ctx: ControllerContext): Controller {
  const { clock } = ctx;
  const graceMs = ctx.nodeMonitorGraceMs ?? defaultGraceMs;
  const startupGraceMs = ctx.nodeStartupGraceMs ?? Math.max(defaultStartupGraceMs, graceMs);
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock, log: ctx.log, component: name });
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const leases = ctx.mirrors.of<Lease>(refs.leases, { namespace: 'kube-node-lease' });
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: nodeIndex });
  /** When we saw the last sign of life, by our own clock: those of nodes may be wrong. */
  const heard = new Map<string, { atMs: number; status: number; graceMs: number }>();

  const sign = (key: string, status?: number): void => {
    const before = heard.get(key);
    heard.set(key, { atMs: clock.monotonicMs(), status: status ?? before?.status ?? 0, graceMs });
  };

  const reconcile = async (key: string): Promise<void> => {
    let node = nodes.get(key);
    if (!node) return void heard.delete(key);
    const last = heard.get(key);
    if (last && readyCondition(node)?.status !== 'Unknown') {
      const waitMs = last.atMs + last.graceMs - clock.monotonicMs();
      if (waitMs > 0) queue.addAfter(key, waitMs);
      else node = await markSilent(node);
    }
    if (!node) return;
    await taint(node);
    if (readyCondition(node) && readyCondition(node)!.status !== 'True') await markPods(node);
  };

  const markSilent = async (node: Node): Promise<Node | undefined> => {
    const conditions = silentConditions(node, clock.now());
    if (!conditions) return node;
    const wasReady = readyCondition(node)?.status === 'True';
    try {
      const next = await client.update<Node>(
        refs.nodes,
        { ...node, status: { ...node.status, conditions } },
        { subresource: 'status' },
      );
      if (wasReady)
        events.normal(
          node,
          'NodeNotReady',
          `Node ${node.metadata.name} status is now: NodeNotReady`,
        );
      return next;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  };

  const taint = async (node: Node): Promise<void> => {
    const taints = wantedTaints(node, clock.now());
    if (!taints) return;
    const { name: nodeName, resourceVersion } = node.metadata;
    await client
      .patch(
        refs.nodes,
        { name: nodeName! },
        {
          type: 'merge',
          body: {
            metadata: { resourceVersion },
            spec: { taints: taints.length > 0 ? taints : null },
          },
        },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };

  /** Services must not send traffic to where nobody can say that it is answered. */
  const markPods = async (node: Node): Promise<void> => {
    for (const pod of pods.byIndex('node', node.metadata.name!)) {
      if (!isReady(pod)) continue;
      const { namespace, name: podName, uid } = pod.metadata;
      const condition = {
        ...podCondition(pod, 'Ready')!,
        status: 'False',
        lastTransitionTime: timeOf(clock.now()),
      };
      try {
        await client.patch(
          refs.pods,
          { namespace, name: podName!, subresource: 'status' },
          { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
        );
        events.warning(pod, 'NodeNotReady', 'Node is not ready');
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
  };

  const queue = makeQueue(ctx, { name: 'node-lifecycle', reconcile });
  nodes.onChange(({ type, key, object, old }) => {
    if (type === 'DELETED') {
      heard.delete(key);
      events.normal(object, 'RemovingNode', `Removing Node ${key} from Controller`);
      return queue.unschedule(key);
    }
    const status = statusHeartbeatMs(object);
    if (type === 'ADDED') {
      heard.set(key, {
        atMs: clock.monotonicMs(),
        status,
        graceMs: readyCondition(object) ? graceMs : startupGraceMs,
      });
      events.normal(object, 'RegisteredNode', `Registered Node ${key} in Controller`);
    } else if (status !== heard.get(key)?.status) sign(key, status);
    if (
      !old ||
      !equalAs('[]@core.v1.NodeCondition', old.status?.conditions, object.status?.conditions) ||
      !equalAs('@core.v1.NodeSpec', old.spec, object.spec)
    )
      queue.add(key);
  });
  leases.onChange(({ type, object, old }) => {
    const key = object.metadata.name!;
    if (
      type === 'DELETED' ||
      !nodes.get(key) ||
      (old && old.spec?.renewTime === object.spec?.renewTime)
    )
      return;
    sign(key);
    // A node that was silent reports its conditions anew itself; only the watch over it must begin
    // again.
    if (readyCondition(nodes.get(key)!)?.status === 'Unknown') queue.add(key);
  });
  pods.onChange(({ object }) => {
    const node =
      object.spec.nodeName && isReady(object) ? nodes.get(object.spec.nodeName) : undefined;
    if (node && readyCondition(node) && readyCondition(node)!.status !== 'True')
      queue.add(node.metadata.name!);
  });
  return run(queue, { name: 'node-lifecycle', mirrors: [nodes, leases, pods] });
}
