import type { Pod, TopologySpreadConstraint } from '../../api/generated/types/core-v1.ts';
import { wantsNode } from '../../api/scheduling/node-affinity.ts';
import { tolerates } from '../../api/scheduling/taints.ts';
import {
  selectorFromMap,
  selectorFromObject,
  type LabelSelector,
  type Labels,
} from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Listers } from '../framework/handle.ts';

/** A topology spread constraint with its selector parsed and its defaults filled in. */
export interface Constraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly minDomains: number;
  readonly selectors: readonly LabelSelector[];
  readonly countsNone: boolean;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
}

export interface TopologySpreadArgs {
  /** For pods that name none; their selector is that of what the pod belongs to. */
  defaultConstraints: readonly TopologySpreadConstraint[];
  /** The defaults are Kubernetes' own: a node without a zone still spreads by its name. */
  systemDefaulted: boolean;
}

/** Kubernetes' own defaults (defaultingType: System). */
export const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
];

/** The pod's constraints of one kind, or the defaults when it names none at all. */
export function constraintsOf(
  pod: PodInfo,
  action: 'DoNotSchedule' | 'ScheduleAnyway',
  { defaultConstraints }: TopologySpreadArgs,
  listers: Listers,
): Constraint[] {
  const named = pod.pod.spec.topologySpreadConstraints ?? [];
  if (named.length > 0)
    return named
      .filter((c) => c.whenUnsatisfiable === action)
      .map((c) => parsed(c, ownSelectors(c, pod)));
  const defaults = defaultConstraints.filter((c) => c.whenUnsatisfiable === action);
  if (defaults.length === 0) return [];
  const selectors = selectorsOfOwners(pod, listers);
  return selectors.every((s) => s.empty) ? [] : defaults.map((c) => parsed(c, selectors));
}

const parsed = (c: TopologySpreadConstraint, selectors: LabelSelector[]): Constraint => ({
  maxSkew: c.maxSkew,
  topologyKey: c.topologyKey,
  minDomains: c.minDomains ?? 1,
  selectors,
  countsNone: selectors.every((s) => s.empty),
  honorAffinity: (c.nodeAffinityPolicy ?? 'Honor') === 'Honor',
  honorTaints: c.nodeTaintsPolicy === 'Honor',
});

function ownSelectors(c: TopologySpreadConstraint, { labels }: PodInfo): LabelSelector[] {
  const selector = selectorFromObject(c.labelSelector);
  const same = (c.matchLabelKeys ?? []).flatMap((k): [string, string][] => {
    const value = own(labels, k);
    return value === undefined ? [] : [[k, value]];
  });
  return same.length > 0 ? [selector, selectorFromMap(Object.fromEntries(same))] : [selector];
}

/** The selectors of the Services that speak of the pod and of its controller (DefaultSelector). */
function selectorsOfOwners({ pod, namespace, labels }: PodInfo, listers: Listers): LabelSelector[] {
  const selectors: LabelSelector[] = [];
  for (const { spec } of listers.services.list(namespace)) {
    if (!spec.selector) continue;
    const selector = selectorFromMap(spec.selector);
    if (selector.matches(labels)) selectors.push(selector);
  }
  const owner = (pod.metadata.ownerReferences ?? []).find((o) => o.controller);
  if (!owner) return selectors;
  const key = `${namespace}/${owner.name}`;
  switch (`${owner.apiVersion} ${owner.kind}`) {
    case 'v1 ReplicationController': {
      const found = listers.replicationControllers.get(key);
      if (found) selectors.push(selectorFromMap(found.spec.selector));
      break;
    }
    case 'apps/v1 ReplicaSet': {
      const found = listers.replicaSets.get(key);
      if (found) selectors.push(selectorFromObject(found.spec.selector));
      break;
    }
    case 'apps/v1 StatefulSet': {
      const found = listers.statefulSets.get(key);
      if (found) selectors.push(selectorFromObject(found.spec.selector));
      break;
    }
  }
  return selectors;
}

export function matchesConstraint({ selectors }: Constraint, labels: Labels): boolean {
  for (const selector of selectors) if (!selector.matches(labels)) return false;
  return true;
}

export function hasAllKeys(node: NodeInfo, constraints: readonly Constraint[]): boolean {
  for (const { topologyKey } of constraints)
    if (node.label(topologyKey) === undefined) return false;
  return true;
}

/** Whether every node counts for a constraint, whatever its labels and taints. */
export function countsAll({ honorAffinity, honorTaints }: Constraint, { spec }: Pod): boolean {
  return !honorTaints && !(honorAffinity && (spec.nodeSelector || spec.affinity?.nodeAffinity));
}

/** Whether a node counts for a constraint at all (node inclusion policies, KEP-3094). */
export function counts(constraint: Constraint, { spec }: Pod, node: NodeInfo): boolean {
  if (
    constraint.honorAffinity &&
    (spec.nodeSelector || spec.affinity?.nodeAffinity) &&
    !wantsNode(spec, node.node)
  )
    return false;
  return (
    !constraint.honorTaints ||
    node.hardTaints.every((taint) => (spec.tolerations ?? []).some((t) => tolerates(t, taint)))
  );
}
