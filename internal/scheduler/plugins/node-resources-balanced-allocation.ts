import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip } from '../framework/status.ts';
import { concerns, type ResourceSpec } from './scoring-strategy.ts';

export interface BalancedAllocationArgs {
  resources: readonly ResourceSpec[];
}

/**
 * Prefers nodes whose resources the pod makes more evenly used: the change of the balance counts,
 * not the balance itself, so 75 means no change.
 */
export function nodeResourcesBalancedAllocation({ resources }: BalancedAllocationArgs): Plugin {
  const names = resources.map((r) => r.name);
  return {
    name: 'NodeResourcesBalancedAllocation',
    // A pod that asks for nothing changes no balance.
    preScore: (_state, pod) => (names.every((n) => pod.requests.get(n) === 0) ? skip : undefined),
    score(_state, pod, node) {
      const after = balance(names, pod, node, 1);
      const before = balance(names, pod, node, 0);
      return maxScore / 2 + Math.trunc((maxScore / 2 + after - before) / 2);
    },
  };
}

/** 100 when all shares are the same, less by their standard deviation. */
function balance(names: readonly string[], pod: PodInfo, node: NodeInfo, times: 0 | 1): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const name of names) {
    const has = node.allocatable.get(name);
    if (has === 0 || !concerns(name, pod)) continue;
    const used = node.requested.get(name) + times * pod.requests.get(name);
    const share = Math.min(1, used / has);
    count++;
    sum += share;
    squares += share * share;
  }
  if (count < 2) return maxScore;
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  return Math.trunc((1 - deviation) * maxScore);
}
