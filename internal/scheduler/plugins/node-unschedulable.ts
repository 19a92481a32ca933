import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { tolerates } from '../../api/scheduling/taints.ts';
import { action } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { unresolvable } from '../framework/status.ts';

const name = 'NodeUnschedulable';
const refusal = unresolvable(name, 'node(s) were unschedulable');
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

const toleratesCordon = ({ spec }: Pod): boolean =>
  (spec.tolerations ?? []).some((t) => tolerates(t, taint));

/** A cordoned node takes only pods that tolerate its taint. */
export const nodeUnschedulable = (): Plugin => ({
  name,
  events: () => [
    {
      resource: 'Node',
      actions: action.add | action.updateNodeTaint,
      hint: (_pod, { now }) => !(now as Node).spec.unschedulable,
    },
    {
      resource: 'Pod',
      actions: action.updatePodToleration,
      hint: (pod, { now }) =>
        (now as Pod).metadata.uid === pod.metadata.uid && toleratesCordon(now as Pod),
    },
  ],
  filter: (_state, { pod }, node) =>
    node.unschedulable && !toleratesCordon(pod) ? refusal : undefined,
});
