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
      const change = balanceChange(names, pod, node);
      return maxScore / 2 + Math.trunc((maxScore / 2 + change) / 2);
    },
  };
}

/** How much better the balance becomes. */
function balanceChange(names: readonly string[], pod: PodInfo, node: NodeInfo): number {
  const before = new Shares();
  const after = new Shares();
  for (const name of names) {
    const has = node.allocatable.get(name);
    if (has === 0 || !concerns(name, pod)) continue;
    const used = node.requested.get(name);
    before.add(used / has);
    after.add((used + pod.requests.get(name)) / has);
  }
  return after.balance() - before.balance();
}

class Shares {
  #count = 0;
  #sum = 0;
  #squares = 0;

  add(used: number): void {
    const share = Math.min(1, used);
    this.#count++;
    this.#sum += share;
    this.#squares += share * share;
  }

  /** 100 when all shares are the same, less by their standard deviation. */
  balance(): number {
    if (this.#count < 2) return maxScore;
    const mean = this.#sum / this.#count;
    const deviation = Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean));
    return Math.trunc((1 - deviation) * maxScore);
  }
}
