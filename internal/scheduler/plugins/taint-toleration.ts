import type { Node, Pod, Taint, Toleration } from '../../api/generated/types/core-v1.ts';
import { tolerates, untolerated } from '../../api/scheduling/taints.ts';
import { action } from '../framework/events.ts';
import { normalizeScores, type Plugin } from '../framework/plugin.ts';
import { skip, unresolvable } from '../framework/status.ts';

const name = 'TaintToleration';
const refusal = unresolvable(name, 'node(s) had untolerated taint(s)');
const hard = ['NoSchedule', 'NoExecute'];

const all = (tolerations: Toleration[], taints: readonly Taint[]): boolean =>
  taints.every((taint) => tolerations.some((t) => tolerates(t, taint)));

const suits = (node: Node, pod: Pod): boolean =>
  untolerated(node.spec.taints, pod.spec.tolerations, hard) === undefined;

/** Keeps pods from nodes whose taints they do not tolerate, and prefers fewer soft taints. */
export const taintToleration = (): Plugin => ({
  name,
  events: () => [
    {
      resource: 'Node',
      actions: action.add | action.updateNodeTaint,
      hint: (pod, { old, now }) => suits(now as Node, pod) && !(old && suits(old as Node, pod)),
    },
    {
      resource: 'Pod',
      actions: action.updatePodToleration,
      hint: (pod, { now }) => (now as Pod).metadata.uid === pod.metadata.uid,
    },
  ],
  filter: (_state, { pod }, node) =>
    node.hardTaints.length === 0 || all(pod.spec.tolerations ?? [], node.hardTaints)
      ? undefined
      : refusal,
  // Without a soft taint every node is as good as the next.
  preScore: (_state, _pod, nodes) =>
    nodes.some((n) => n.softTaints.length > 0) ? undefined : skip,
  score(_state, { pod }, node) {
    const tolerations = pod.spec.tolerations ?? [];
    return node.softTaints.filter((t) => !tolerations.some((x) => tolerates(x, t))).length;
  },
  normalize: (_state, scores) => normalizeScores(scores, true),
});
