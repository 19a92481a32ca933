import type {
  Node,
  NodeAffinity,
  Pod,
  PreferredSchedulingTerm,
} from '../../api/generated/types/core-v1.ts';
import { matchesNodeSelector, matchesTerm, wantsNode } from '../../api/scheduling/node-affinity.ts';
import { action } from '../framework/events.ts';
import { normalizeScores, type Plugin, type PreFilterResult } from '../framework/plugin.ts';
import { skip, unresolvable, type Status } from '../framework/status.ts';

const name = 'NodeAffinity';
const refusal = unresolvable(name, "node(s) didn't match Pod's node affinity/selector");
const enforced = unresolvable(name, "node(s) didn't match scheduler-enforced node affinity");
const conflict = unresolvable(name, 'pod affinity terms conflict');

export interface NodeAffinityArgs {
  /** Holds for every pod of the profile besides its own. */
  addedAffinity?: NodeAffinity;
}

/** nodeSelector and node affinity. */
export function nodeAffinity({ addedAffinity }: NodeAffinityArgs): Plugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const suits = (node: Node, pod: Pod): boolean =>
    (!added || matchesNodeSelector(added, node)) && wantsNode(pod.spec, node);
  return {
    name,
    events: () => [
      {
        resource: 'Node',
        actions: action.add | action.updateNodeLabel,
        hint: (pod, { old, now }) => suits(now as Node, pod) && !(old && suits(old as Node, pod)),
      },
    ],
    preFilter(_state, { pod }) {
      const { nodeSelector, affinity } = pod.spec;
      const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (!required && !nodeSelector && !added) return skip;
      return required ? namedNodes(pod) : undefined;
    },
    filter(_state, { pod }, { node }) {
      if (added && !matchesNodeSelector(added, node)) return enforced;
      return wantsNode(pod.spec, node) ? undefined : refusal;
    },
    preScore: (_state, { pod }) =>
      preferred.length + termsOf(pod).length === 0 ? skip : undefined,
    score: (_state, { pod }, { node }) => sum(preferred, node) + sum(termsOf(pod), node),
    normalize: (_state, scores) => normalizeScores(scores, false),
  };
}

const termsOf = ({ spec }: Pod): PreferredSchedulingTerm[] =>
  spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

const sum = (terms: PreferredSchedulingTerm[], node: Node): number =>
  terms.reduce((total, t) => total + (matchesTerm(t.preference, node) ? t.weight : 0), 0);

/** Only the nodes that every term names, as a DaemonSet's pods do. */
function namedNodes({ spec }: Pod): PreFilterResult | Status | undefined {
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      ?.nodeSelectorTerms ?? [];
  const names = new Set<string>();
  for (const term of terms) {
    let own: string[] | undefined;
    for (const { key, operator, values = [] } of term.matchFields ?? [])
      if (key === 'metadata.name' && operator === 'In')
        own = own ? own.filter((n) => values.includes(n)) : values;
    if (!own) return undefined;
    for (const n of own) names.add(n);
  }
  if (terms.length === 0) return undefined;
  return names.size === 0 ? conflict : { nodeNames: names };
}
