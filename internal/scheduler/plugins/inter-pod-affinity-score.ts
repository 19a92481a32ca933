import { matchesTerm, type AffinityTerm, type WeightedTerm } from '../cache/affinity-term.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import type { Handle } from '../framework/handle.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip } from '../framework/status.ts';
import { TopologyCounts } from './topology-counts.ts';

export interface InterPodAffinityArgs {
  /** What an existing pod's required affinity counts for one that it would like near. */
  hardPodAffinityWeight: number;
  ignorePreferredTermsOfExistingPods: boolean;
}

const key = new StateKey<{ counts: TopologyCounts }>('PreScoreInterPodAffinity');

/** The scoring half of InterPodAffinity: preferred terms, of the pod and of those already there. */
export function affinityScore(
  args: InterPodAffinityArgs,
  { cache, listers }: Handle,
): Required<Pick<Plugin, 'preScore' | 'score' | 'normalize'>> {
  const labelsOf = (name: string): Record<string, string> | undefined =>
    listers.namespaces.get(name)?.metadata.labels;

  /** What the terms of existing pods say about this one. */
  const ofOthers = (counts: TopologyCounts, pod: PodInfo): void => {
    for (const node of cache.nodesWithAffinity)
      for (const { terms } of node.withAffinity) {
        const count = (term: AffinityTerm, weight: number): void => {
          if (matchesTerm(term, pod, labelsOf)) counts.add(node, term, weight);
        };
        if (!terms) continue;
        if (args.hardPodAffinityWeight > 0)
          for (const term of terms.requiredAffinity) count(term, args.hardPodAffinityWeight);
        for (const { term, weight } of terms.preferredAffinity) count(term, weight);
        for (const { term, weight } of terms.preferredAntiAffinity) count(term, -weight);
      }
  };

  /** What this pod's terms say about the existing ones. */
  const own = (counts: TopologyCounts, terms: readonly WeightedTerm[], sign: 1 | -1): void => {
    for (const { term, weight } of terms)
      for (const namespace of cache.groups.namespaces())
        for (const group of cache.groups.in(namespace)) {
          if (!matchesTerm(term, group, labelsOf)) continue;
          for (const [name, count] of group.nodes) {
            const node = cache.node(name);
            if (node) counts.add(node, term, sign * weight * count);
          }
        }
  };

  return {
    preScore(state, pod) {
      const near = pod.terms?.preferredAffinity ?? [];
      const far = pod.terms?.preferredAntiAffinity ?? [];
      const prefers = near.length + far.length > 0;
      if (args.ignorePreferredTermsOfExistingPods && !prefers) return skip;
      if (!prefers && cache.nodesWithAffinity.size === 0) return skip;
      const counts = new TopologyCounts();
      ofOthers(counts, pod);
      own(counts, near, 1);
      own(counts, far, -1);
      if (counts.empty) return skip;
      state.write(key, { counts });
      return undefined;
    },
    score: (state, _pod, node: NodeInfo) => state.read(key)?.counts.sum(node) ?? 0,
    normalize(_state, scores) {
      let least = Infinity;
      let most = -Infinity;
      for (const score of scores) {
        if (score < least) least = score;
        if (score > most) most = score;
      }
      const range = most - least;
      for (let i = 0; i < scores.length; i++)
        scores[i] =
          range > 0 ? Math.floor((maxScore * ((scores[i] as number) - least)) / range) : 0;
    },
  };
}
