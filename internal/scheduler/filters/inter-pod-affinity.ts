import { own } from '../../base/own.ts';
import type { Pod, PodAffinityTerm } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { NodeInfo } from '../node-info.ts';
import { namespaceOf, refuse, refuseFinally, type Filter, type View } from '../plugin.ts';

/** Whether `other` is one of the pods that a term of `owner` speaks of. */
export function termMatcher(
  view: View,
  owner: Pod,
  term: PodAffinityTerm,
): (other: Pod) => boolean {
  const selector = selectorFromObject(term.labelSelector);
  const labels = owner.metadata.labels ?? {};
  const same = (term.matchLabelKeys ?? []).filter((k) => own(labels, k) !== undefined);
  const differ = (term.mismatchLabelKeys ?? []).filter((k) => own(labels, k) !== undefined);
  const namespaces = new Set(term.namespaces ?? []);
  const byLabels = term.namespaceSelector ? selectorFromObject(term.namespaceSelector) : undefined;
  if (namespaces.size === 0 && !byLabels) namespaces.add(namespaceOf(owner));
  return (other) => {
    const namespace = namespaceOf(other);
    if (!namespaces.has(namespace) && !byLabels?.matches(view.namespaceLabels(namespace)))
      return false;
    const has = other.metadata.labels ?? {};
    return (
      selector.matches(has) &&
      same.every((k) => own(has, k) === own(labels, k)) &&
      differ.every((k) => own(has, k) !== own(labels, k))
    );
  };
}

const labelOf = (node: NodeInfo, key: string): string | undefined =>
  own(node.node.metadata.labels, key);

/** The topology values under which some pod satisfies `matches`. */
function valuesWith(view: View, key: string, matches: (pod: Pod) => boolean): Set<string> {
  const values = new Set<string>();
  for (const node of view.nodes) {
    const value = labelOf(node, key);
    if (value === undefined || values.has(value)) continue;
    for (const { pod } of node.pods.values()) {
      if (!matches(pod)) continue;
      values.add(value);
      break;
    }
  }
  return values;
}

/** `key=value` pairs that existing pods' required anti-affinity forbids to this pod. */
function forbiddenByOthers(view: View): Set<string> {
  const forbidden = new Set<string>();
  for (const node of view.nodes) {
    for (const { pod } of node.pods.values()) {
      for (const term of pod.spec.affinity?.podAntiAffinity
        ?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        const value = labelOf(node, term.topologyKey);
        if (value !== undefined && termMatcher(view, pod, term)(view.pod.pod))
          forbidden.add(`${term.topologyKey}=${value}`);
      }
    }
  }
  return forbidden;
}

export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  prepare(view) {
    const { pod } = view.pod;
    const wanted = (
      pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    ).map((term) => {
      const matches = termMatcher(view, pod, term);
      return {
        key: term.topologyKey,
        values: valuesWith(view, term.topologyKey, matches),
        self: matches(pod),
      };
    });
    const unwanted = (
      pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    ).map((term) => ({
      key: term.topologyKey,
      values: valuesWith(view, term.topologyKey, termMatcher(view, pod, term)),
    }));
    const forbidden = forbiddenByOthers(view);
    if (wanted.length === 0 && unwanted.length === 0 && forbidden.size === 0) return undefined;
    // The first of a group that wants to be together may go anywhere (it matches its own terms and
    // nobody is there yet).
    const first = wanted.length > 0 && wanted.every((w) => w.self && w.values.size === 0);
    return (node) => {
      for (const { key, values } of wanted) {
        const value = labelOf(node, key);
        if (value === undefined || (!values.has(value) && !first))
          return refuseFinally("node(s) didn't match pod affinity rules");
      }
      if (unwanted.some(({ key, values }) => values.has(labelOf(node, key) ?? '\0')))
        return refuse("node(s) didn't match pod anti-affinity rules");
      const labels = Object.entries(node.node.metadata.labels ?? {});
      if (forbidden.size && labels.some(([k, v]) => forbidden.has(`${k}=${v}`)))
        return refuse("node(s) didn't satisfy existing pods anti-affinity rules");
      return undefined;
    };
  },
};
