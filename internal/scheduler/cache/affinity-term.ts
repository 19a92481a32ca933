import type { Pod, PodAffinityTerm } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject, type LabelSelector, type Labels } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';

/** A term of pod affinity with its selectors parsed. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly namespaces: ReadonlySet<string>;
  readonly selector: LabelSelector;
  /** Undefined: the namespaces named are all. */
  readonly namespaceSelector: LabelSelector | undefined;
  /** matchLabelKeys and mismatchLabelKeys with the owner's values. */
  readonly same: readonly (readonly [string, string])[];
  readonly differ: readonly (readonly [string, string])[];
}

export interface WeightedTerm {
  readonly term: AffinityTerm;
  readonly weight: number;
}

export function affinityTerm(owner: Pod, term: PodAffinityTerm): AffinityTerm {
  const labels = owner.metadata.labels ?? {};
  const valued = (keys: string[] | undefined): [string, string][] =>
    (keys ?? []).flatMap((key): [string, string][] => {
      const value = own(labels, key);
      return value === undefined ? [] : [[key, value]];
    });
  const namespaces = new Set(term.namespaces ?? []);
  if (namespaces.size === 0 && !term.namespaceSelector)
    namespaces.add(owner.metadata.namespace ?? '');
  return {
    topologyKey: term.topologyKey,
    namespaces,
    selector: selectorFromObject(term.labelSelector),
    namespaceSelector: term.namespaceSelector
      ? selectorFromObject(term.namespaceSelector)
      : undefined,
    same: valued(term.matchLabelKeys),
    differ: valued(term.mismatchLabelKeys),
  };
}

/** Whether a pod of this namespace with these labels is one that the term speaks of. */
export function matchesTerm(
  term: AffinityTerm,
  pod: { namespace: string; labels: Labels },
  namespaceLabels: (name: string) => Labels,
): boolean {
  if (
    !term.namespaces.has(pod.namespace) &&
    !term.namespaceSelector?.matches(namespaceLabels(pod.namespace))
  )
    return false;
  return (
    term.selector.matches(pod.labels) &&
    term.same.every(([key, value]) => own(pod.labels, key) === value) &&
    term.differ.every(([key, value]) => own(pod.labels, key) !== value)
  );
}
