import type { Node, Pod, PodSpec } from '../../api/generated/types/core-v1.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable } from '../framework/status.ts';

const name = 'NodeDeclaredFeatures';
const refusal = unresolvable(name, "node(s) didn't match Pod's required features");
const key = new StateKey<{ needs: readonly string[] }>(`PreFilter${name}`);

/** What a pod asks of its kubelet beyond what every kubelet can (KEP-5328), by feature. */
const needs: readonly (readonly [feature: string, (spec: PodSpec) => boolean])[] = [
  [
    'RestartAllContainersOnContainerExits',
    (spec) =>
      [...spec.containers, ...(spec.initContainers ?? [])].some((c) =>
        (c.restartPolicyRules ?? []).some((r) => r.action === 'RestartAllContainers'),
      ),
  ],
  [
    'UserNamespacesHostNetworkSupport',
    (spec) => spec.hostNetwork === true && spec.hostUsers === false,
  ],
];

const neededBy = ({ spec }: Pod): string[] =>
  needs.filter(([, asks]) => asks(spec)).map(([feature]) => feature);

/** A pod that needs a feature goes to a node that declares it. */
export const nodeDeclaredFeatures = (): Plugin => ({
  name,
  events: () => [
    {
      resource: 'Node',
      actions: action.add | action.updateNodeDeclaredFeature,
      hint: (_pod, { old, now }) =>
        !old ||
        (old as Node).status.declaredFeatures?.join() !==
          (now as Node).status.declaredFeatures?.join(),
    },
    {
      resource: 'Pod',
      actions: action.update,
      hint: (pod, { old, now }) =>
        (now as Pod).metadata.uid === pod.metadata.uid &&
        neededBy(old as Pod).join() !== neededBy(now as Pod).join(),
    },
  ],
  preFilter(state, { pod }) {
    const needed = neededBy(pod);
    if (needed.length === 0) return skip;
    state.write(key, { needs: needed });
    return undefined;
  },
  filter: (state, { pod }, node) =>
    (state.read(key)?.needs ?? neededBy(pod)).every((f) => node.features.has(f))
      ? undefined
      : refusal,
});
