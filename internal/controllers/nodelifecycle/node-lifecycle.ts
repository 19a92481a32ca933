import { equalAs } from '../../api/equality.ts';
import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, say, writesOf, type Plan, type Step, type Write } from '../kit/write.ts';
import { isReady, podCondition } from '../pod-facts.ts';
import { nodeIndex } from '../podgc/pod-gc.ts';
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
  const leftMs = (key: string): number | undefined => {
    const last = heard.get(key);
    return last && last.atMs + last.graceMs - clock.monotonicMs();
  };
  return startPlanned<LifecycleView>(
    ctx,
    {
      ...{ name, client, title: 'node-lifecycle' },
      mirrors: [
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.leases, mirror: leases },
        { ref: refs.pods, mirror: pods },
      ],
      view: (key, { nowMs }) => {
        const node = nodes.get(key);
        if (!node) return undefined;
        return { node, nowMs, leftMs: leftMs(key), pods: [...pods.byIndex('node', key)] };
      },
      plan: planSilence,
      conclude: concludeNode,
      forget: (key) => void heard.delete(key),
    },
    (queue) => {
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
        // A node that was silent reports its conditions again itself; only the watch over it must
        // begin again.
        if (readyCondition(nodes.get(key)!)?.status === 'Unknown') queue.add(key);
      });
      pods.onChange(({ object }) => {
        const node =
          object.spec.nodeName && isReady(object) ? nodes.get(object.spec.nodeName) : undefined;
        if (node && readyCondition(node) && readyCondition(node)!.status !== 'True')
          queue.add(node.metadata.name!);
      });
    },
  );
}

export interface LifecycleView {
  node: Node;
  nowMs: number;
  /** How long it may go on without a sign of life; undefined: it was not seen yet. */
  leftMs: number | undefined;
  /** Those that are bound to it. */
  pods: Pod[];
}

/** A node that gave no sign of life for too long is not known to be anything. */
export function planSilence({ node, nowMs, leftMs }: LifecycleView): Plan {
  if (leftMs === undefined || readyCondition(node)?.status === 'Unknown') return nothing;
  if (leftMs > 0) return { steps: [], againInMs: leftMs };
  const conditions = silentConditions(node, nowMs);
  if (!conditions) return nothing;
  const object = { ...node, status: { ...node.status, conditions } };
  const write: Write = { verb: 'update', ref: refs.nodes, object, subresource: 'status' };
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  if (readyCondition(node)?.status === 'True')
    write.done = () => say(node, 'Normal', 'NodeNotReady', message);
  return { steps: [write] };
}

/** Taints and pods go by the node's conditions as they are written now. */
export function concludeNode(view: LifecycleView, outcome: Outcome, plan: Plan): Plan {
  if (outcome.failure !== undefined) return nothing;
  const [silence] = writesOf(plan);
  const written = silence && outcome.of(silence);
  // Forgiven: the node is gone.
  if (silence && written === silence.object) return nothing;
  const node = (written as Node | undefined) ?? view.node;
  const steps: Step[] = taintWrites(node, view.nowMs);
  const ready = readyCondition(node)?.status;
  // Services must not send traffic to where nobody can say that it is answered.
  if (ready !== undefined && ready !== 'True')
    steps.push({ pace: 'together', writes: unreadyWrites(view) });
  return { steps };
}

function taintWrites(node: Node, nowMs: number): Write[] {
  const taints = wantedTaints(node, nowMs);
  if (!taints) return [];
  const { resourceVersion } = node.metadata;
  const spec = { taints: taints.length > 0 ? taints : null };
  const patch = { type: 'merge' as const, body: { metadata: { resourceVersion }, spec } };
  return [{ verb: 'patch', ref: refs.nodes, object: node, patch }];
}

function unreadyWrites({ pods, nowMs }: LifecycleView): Write[] {
  return pods.filter(isReady).map((pod): Write => {
    const condition = {
      ...podCondition(pod, 'Ready')!,
      status: 'False',
      lastTransitionTime: timeOf(nowMs),
    };
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    return {
      verb: 'patch',
      ref: refs.pods,
      object: pod,
      subresource: 'status',
      patch: { type: 'strategic', body },
      done: () => say(pod, 'Warning', 'NodeNotReady', 'Node is not ready'),
    };
  });
}
