import { interPodAffinity } from './filters/inter-pod-affinity.ts';
import {
  nodeAffinity,
  nodeName,
  nodePorts,
  nodeResourcesFit,
  nodeUnschedulable,
  taintToleration,
} from './filters/node.ts';
import { podTopologySpread } from './filters/topology-spread.ts';
import { volumeBinding, volumeRestrictions } from './filters/volumes.ts';
import type { NodeInfo } from './node-info.ts';
import type { Filter, Refusal, View } from './plugin.ts';
import { scores } from './scores/scores.ts';

/** In kube-scheduler's order: the first refusal of a node is the one that is told. */
export const filters: Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  volumeBinding,
  podTopologySpread,
  interPodAffinity,
];

export type Plan =
  | { node: string }
  | { node: undefined; refusals: Map<string, Refusal>; message: string };

/** Checks one node against all filters. Made once for a pod and a set of nodes. */
export function nodeCheck(view: View): ((node: NodeInfo) => Refusal | undefined) | string {
  const checks: ((node: NodeInfo) => Refusal | undefined)[] = [];
  for (const filter of filters) {
    const check = filter.prepare(view);
    if (typeof check === 'string') return check;
    if (check) checks.push(check);
  }
  return (node) => {
    for (const check of checks) {
      const refusal = check(node);
      if (refusal) return refusal;
    }
    return undefined;
  };
}

/** The best node for a pod, or why there is none. Pure: the same view gives the same answer. */
export function plan(view: View): Plan {
  if (view.nodes.length === 0)
    return { node: undefined, refusals: new Map(), message: 'no nodes available to schedule pods' };
  const check = nodeCheck(view);
  if (typeof check === 'string') {
    const refusals = new Map(view.nodes.map((n) => [n.name, { reasons: [check], final: true }]));
    return {
      node: undefined,
      refusals,
      message: `0/${view.nodes.length} nodes are available: ${check}.`,
    };
  }
  const refusals = new Map<string, Refusal>();
  const fit: NodeInfo[] = [];
  for (const node of view.nodes) {
    const refusal = check(node);
    if (refusal) refusals.set(node.name, refusal);
    else fit.push(node);
  }
  if (fit.length === 0)
    return { node: undefined, refusals, message: unavailable(view.nodes.length, refusals) };
  return { node: best(view, fit) };
}

function best(view: View, fit: NodeInfo[]): string {
  if (fit.length === 1) return (fit[0] as NodeInfo).name;
  const totals = fit.map(() => 0);
  for (const score of scores) {
    score
      .rank(view, fit)
      ?.forEach((value, i) => (totals[i] = (totals[i] as number) + value * score.weight));
  }
  const most = Math.max(...totals);
  return (fit[totals.indexOf(most)] as NodeInfo).name;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function unavailable(all: number, refusals: Map<string, Refusal>): string {
  const counts = new Map<string, number>();
  for (const { reasons } of refusals.values())
    for (const r of reasons) counts.set(r, (counts.get(r) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${all} nodes are available: ${parts.join(', ')}.`;
}
