import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { own } from '../../base/own.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action, type ClusterEvent } from '../framework/events.ts';
import type { Handle } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable, unschedulable } from '../framework/status.ts';
import {
  constraintsOf,
  counts,
  countsAll,
  hasAllKeys,
  matchesConstraint,
  type Constraint,
  type TopologySpreadArgs,
} from './spread-constraints.ts';
import { spreadScore } from './spread-score.ts';

const name = 'PodTopologySpread';
const mismatch = "node(s) didn't match pod topology spread constraints";
const refusal = unschedulable(name, mismatch);
const noLabel = unresolvable(name, `${mismatch} (missing required label)`);

/** How many matching pods each value of a constraint's topology key has. */
class SpreadState {
  readonly constraints: readonly Constraint[];
  readonly domains: readonly Map<string, number>[];
  /** The least of each constraint's counts; computed when asked for. */
  readonly #least: (number | undefined)[] = [];

  constructor(constraints: readonly Constraint[], domains: readonly Map<string, number>[]) {
    this.constraints = constraints;
    this.domains = domains;
  }

  clone(): SpreadState {
    return new SpreadState(
      this.constraints,
      this.domains.map((d) => new Map(d)),
    );
  }

  least(i: number): number {
    const known = this.#least[i];
    if (known !== undefined) return known;
    const domain = this.domains[i]!;
    let least = Infinity;
    if (domain.size < this.constraints[i]!.minDomains) least = 0;
    else for (const count of domain.values()) if (count < least) least = count;
    return (this.#least[i] = least);
  }

  count(incoming: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void {
    if (other.namespace !== incoming.namespace || !hasAllKeys(node, this.constraints)) return;
    for (const [i, constraint] of this.constraints.entries()) {
      if (!matchesConstraint(constraint, other.labels) || !counts(constraint, incoming.pod, node))
        continue;
      const value = node.label(constraint.topologyKey)!;
      const domain = this.domains[i]!;
      domain.set(value, (domain.get(value) ?? 0) + by);
      this.#least[i] = undefined;
    }
  }
}

const key = new StateKey<SpreadState>(`PreFilter${name}`);

function spreadState(
  { cache }: Handle,
  constraints: readonly Constraint[],
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): SpreadState {
  const [only] = constraints;
  if (only && constraints.length === 1 && countsAll(only, pod.pod))
    return new SpreadState(constraints, [plainDomain({ cache }, only, pod, nodes)]);
  const domains = constraints.map(() => new Map<string, number>());
  const eligible = new Map<string, boolean[]>();
  for (const node of nodes) {
    if (!hasAllKeys(node, constraints)) continue;
    const here = constraints.map((c) => counts(c, pod.pod, node));
    eligible.set(node.name, here);
    for (const [i, c] of constraints.entries()) {
      const value = node.label(c.topologyKey)!;
      if (here[i] && !domains[i]!.has(value)) domains[i]!.set(value, 0);
    }
  }
  for (const group of cache.groups.in(pod.namespace)) {
    if (group.terminating) continue;
    for (const [i, c] of constraints.entries()) {
      // An empty selector counts no pods (countPodsMatchSelector).
      if (c.countsNone || !matchesConstraint(c, group.labels)) continue;
      for (const [nodeName, count] of group.nodes) {
        if (!eligible.get(nodeName)?.[i]) continue;
        const value = cache.node(nodeName)!.label(c.topologyKey)!;
        domains[i]!.set(value, (domains[i]!.get(value) ?? 0) + count);
      }
    }
  }
  return new SpreadState(constraints, domains);
}

/** The counts of one constraint that every node with its label counts for. */
function plainDomain(
  { cache }: Pick<Handle, 'cache'>,
  constraint: Constraint,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): Map<string, number> {
  const domain = new Map<string, number>();
  for (const node of nodes) {
    const value = node.label(constraint.topologyKey);
    if (value !== undefined && !domain.has(value)) domain.set(value, 0);
  }
  if (constraint.countsNone) return domain;
  for (const group of cache.groups.in(pod.namespace)) {
    if (group.terminating || !matchesConstraint(constraint, group.labels)) continue;
    for (const [value, count] of cache.groups.spreadOf(group, constraint.topologyKey))
      if (value !== undefined) domain.set(value, (domain.get(value) ?? 0) + count);
  }
  return domain;
}

/** Keeps pods spread over zones, nodes and the like. */
export function podTopologySpread(args: TopologySpreadArgs, handle: Handle): Plugin {
  const hard = (pod: PodInfo): Constraint[] =>
    constraintsOf(pod, 'DoNotSchedule', args, handle.listers);
  return {
    name,
    events: () => [
      {
        resource: 'Pod',
        actions: action.add | action.updatePodLabel | action.updatePodToleration | action.delete,
        hint: podMatters,
      },
      {
        resource: 'Node',
        actions: action.add | action.delete | action.updateNodeLabel | action.updateNodeTaint,
        hint: nodeMatters,
      },
    ],
    preFilter(state, pod, nodes) {
      const constraints = hard(pod);
      if (constraints.length === 0) return skip;
      state.write(key, spreadState(handle, constraints, pod, nodes));
      return undefined;
    },
    addPod: (state, pod, added, node) => state.read(key)?.count(pod, added, node, 1),
    removePod: (state, pod, removed, node) => state.read(key)?.count(pod, removed, node, -1),
    filter(state, pod, node) {
      const read = state.read(key);
      if (!read) return undefined;
      for (const [i, constraint] of read.constraints.entries()) {
        const value = node.label(constraint.topologyKey);
        if (value === undefined) return noLabel;
        const self = matchesConstraint(constraint, pod.labels) ? 1 : 0;
        const skew = (read.domains[i]!.get(value) ?? 0) + self - read.least(i);
        if (skew > constraint.maxSkew) return refusal;
      }
      return undefined;
    },
    ...spreadScore(args, handle),
  };
}

/** Pods of the same namespace that come, go or change labels move the counts. */
function podMatters(pod: Pod, { old, now }: ClusterEvent): boolean {
  const other = (now ?? old) as Pod;
  if (other.metadata.uid === pod.metadata.uid) return true;
  return Boolean(other.spec.nodeName) && other.metadata.namespace === pod.metadata.namespace;
}

function nodeMatters(pod: Pod, { old, now }: ClusterEvent): boolean {
  const keys = (pod.spec.topologySpreadConstraints ?? [])
    .filter((c) => c.whenUnsatisfiable === 'DoNotSchedule')
    .map((c) => c.topologyKey);
  const values = (node: object | undefined): (string | undefined)[] | undefined => {
    if (!node) return undefined;
    const found = keys.map((k) => own((node as Node).metadata.labels, k));
    return found.includes(undefined) ? undefined : found;
  };
  const [before, after] = [values(old), values(now)];
  if (!before || !after) return before !== after;
  const taints = (node: object | undefined): string =>
    JSON.stringify((node as Node).spec.taints ?? []);
  return before.join('\0') !== after.join('\0') || taints(old) !== taints(now);
}
