import { own } from '../../base/own.ts';
import type { TopologySpreadConstraint } from '../../api/generated/types/core-v1.ts';
import { wantsNode } from '../../api/scheduling/node-affinity.ts';
import { untolerated } from '../../api/scheduling/taints.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { NodeInfo } from '../node-info.ts';
import { namespaceOf, refuse, refuseFinally, type Filter, type View } from '../plugin.ts';

/**
 * How many matching pods each value of a constraint's topology key has, over the nodes that count.
 */
export function domainCounts(
  view: View,
  constraint: TopologySpreadConstraint,
): Map<string, number> {
  const matches = spreadSelector(view, constraint);
  const counts = new Map<string, number>();
  for (const node of view.nodes) {
    const value = own(node.node.metadata.labels, constraint.topologyKey);
    if (value === undefined || !counted(view, constraint, node)) continue;
    counts.set(value, (counts.get(value) ?? 0) + countOn(view, node, matches));
  }
  return counts;
}

/** The constraint's selector, narrowed to this pod's values of matchLabelKeys. */
export function spreadSelector(
  view: View,
  constraint: TopologySpreadConstraint,
): (labels: Record<string, string>) => boolean {
  const selector = selectorFromObject(constraint.labelSelector);
  const mine = view.pod.pod.metadata.labels ?? {};
  const keys = (constraint.matchLabelKeys ?? []).filter((k) => own(mine, k) !== undefined);
  return (labels) => selector.matches(labels) && keys.every((k) => own(labels, k) === mine[k]);
}

export function countOn(
  view: View,
  node: NodeInfo,
  matches: (labels: Record<string, string>) => boolean,
): number {
  let count = 0;
  for (const { pod } of node.pods.values()) {
    if (
      !pod.metadata.deletionTimestamp &&
      namespaceOf(pod) === namespaceOf(view.pod.pod) &&
      matches(pod.metadata.labels ?? {})
    )
      count++;
  }
  return count;
}

function counted(view: View, constraint: TopologySpreadConstraint, node: NodeInfo): boolean {
  const { spec } = view.pod.pod;
  if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !wantsNode(spec, node.node))
    return false;
  return (
    (constraint.nodeTaintsPolicy ?? 'Ignore') === 'Ignore' ||
    !untolerated(node.node.spec.taints, spec.tolerations, ['NoSchedule', 'NoExecute'])
  );
}

const mismatch = "node(s) didn't match pod topology spread constraints";

export const podTopologySpread: Filter = {
  name: 'PodTopologySpread',
  prepare(view) {
    const constraints = (view.pod.pod.spec.topologySpreadConstraints ?? []).filter(
      (c) => c.whenUnsatisfiable === 'DoNotSchedule',
    );
    if (constraints.length === 0) return undefined;
    const prepared = constraints.map((constraint) => {
      const counts = domainCounts(view, constraint);
      const least = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts.values());
      const self = spreadSelector(view, constraint)(view.pod.pod.metadata.labels ?? {}) ? 1 : 0;
      return { constraint, counts, least, self };
    });
    return (node) => {
      for (const { constraint, counts, least, self } of prepared) {
        const value = own(node.node.metadata.labels, constraint.topologyKey);
        if (value === undefined) return refuseFinally(`${mismatch} (missing required label)`);
        if ((counts.get(value) ?? 0) + self - least > constraint.maxSkew) return refuse(mismatch);
      }
      return undefined;
    };
  },
};
