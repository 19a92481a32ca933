import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { StateKey, type CycleState } from '../framework/cycle-state.ts';
import type { Handle } from '../framework/handle.ts';
import { maxScore, type Plugin } from '../framework/plugin.ts';
import { skip, type Status } from '../framework/status.ts';
import {
  constraintsOf,
  counts,
  countsAll,
  hasAllKeys,
  matchesConstraint,
  type Constraint,
  type TopologySpreadArgs,
} from './spread-constraints.ts';

const hostname = 'kubernetes.io/hostname';
/** Up to this many look-ups for a node are as cheap as one sum over all. */
const fewGroups = 4;

/** What stands for a node that lacks a label which the constraints speak of. */
const ignored = -1;

interface ScoreState {
  /** Matching pods around each node, weighted: small topologies are not watered down by large ones. */
  sums: Float64Array;
}

const key = new StateKey<ScoreState>('PreScorePodTopologySpread');

/** The scoring half of PodTopologySpread: constraints that may be broken. */
export function spreadScore(
  args: TopologySpreadArgs,
  handle: Handle,
): Required<Pick<Plugin, 'preScore' | 'score' | 'normalize'>> {
  return {
    preScore(state, pod, nodes) {
      const constraints = constraintsOf(pod, 'ScheduleAnyway', args, handle.listers);
      if (constraints.length === 0) return skip;
      const named = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
      const all = named || !args.systemDefaulted;
      return prepare(handle, state, { pod, nodes, constraints, all });
    },
    score: (state, _pod, _node, at) => Math.max(0, state.read(key)?.sums[at] ?? 0),
    normalize(state, scores) {
      const read = state.read(key);
      if (!read) return;
      const { sums } = read;
      let least = Infinity;
      let most = 0;
      for (const sum of sums) {
        if (sum === ignored) continue;
        if (sum < least) least = sum;
        if (sum > most) most = sum;
      }
      for (let i = 0; i < sums.length; i++) {
        const sum = sums[i]!;
        if (sum === ignored) scores[i] = 0;
        else if (most === 0) scores[i] = maxScore;
        else scores[i] = Math.floor((maxScore * (most + least - sum)) / most);
      }
    },
  };
}

function prepare(
  { cache }: Handle,
  state: CycleState,
  from: {
    pod: PodInfo;
    nodes: readonly NodeInfo[];
    constraints: readonly Constraint[];
    /** A node must have all topology keys to count. */
    all: boolean;
  },
): Status | undefined {
  const { pod, nodes, constraints, all } = from;
  const domains = constraints.map(() => new Map<string, number>());
  // Labels are looked up once: this is a good part of a cycle's work.
  const labels = constraints.map(() => new Array<string | undefined>(nodes.length));
  const sums = new Float64Array(nodes.length);
  let counted = 0;
  for (let n = 0; n < nodes.length; n++) {
    const node = nodes[n]!;
    if (all && !hasAllKeys(node, constraints)) {
      sums[n] = ignored;
      continue;
    }
    sums[n] = 0;
    counted += 1;
    for (let i = 0; i < constraints.length; i++) {
      const { topologyKey } = constraints[i]!;
      const value = node.label(topologyKey);
      labels[i]![n] = value;
      if (topologyKey !== hostname && !domains[i]!.has(value ?? ''))
        domains[i]!.set(value ?? '', 0);
    }
  }
  const hosts = constraints.map((): ReadonlyMap<string, number>[] => []);
  for (const group of cache.groups.in(pod.namespace)) {
    if (group.terminating) continue;
    for (const [i, c] of constraints.entries()) {
      if (c.countsNone || !matchesConstraint(c, group.labels)) continue;
      if (c.topologyKey === hostname) {
        hosts[i]!.push(group.nodes);
        continue;
      }
      const domain = domains[i]!;
      if (countsAll(c, pod.pod) && !(all && constraints.length > 1)) {
        for (const [label, count] of cache.groups.spreadOf(group, c.topologyKey)) {
          const value = all ? label : (label ?? '');
          const before = value === undefined ? undefined : domain.get(value);
          if (before !== undefined) domain.set(value!, before + count);
        }
        continue;
      }
      for (const [name, count] of group.nodes) {
        const node = cache.node(name);
        if (!node || (all && !hasAllKeys(node, constraints)) || !counts(c, pod.pod, node)) continue;
        const before = domain.get(node.label(c.topologyKey) ?? '');
        if (before !== undefined) domain.set(node.label(c.topologyKey) ?? '', before + count);
      }
    }
  }
  for (const [i, c] of constraints.entries()) {
    const ofHost = c.topologyKey === hostname ? fewMaps(hosts[i]!) : undefined;
    const domain = domains[i]!;
    const weight = Math.log((ofHost ? counted : domain.size) + 2);
    for (let n = 0; n < nodes.length; n++) {
      const value = labels[i]![n];
      if (value === undefined) continue;
      let count = 0;
      if (ofHost) for (const group of ofHost) count += group.get(nodes[n]!.name) ?? 0;
      else count = domain.get(value) ?? 0;
      sums[n] = sums[n]! + count * weight + (c.maxSkew - 1);
    }
  }
  for (let n = 0; n < sums.length; n++) sums[n] = Math.round(sums[n]!);
  state.write(key, { sums });
  return undefined;
}

/** Of many groups (each pod of a StatefulSet is one) the sum, so that a node is one look-up. */
function fewMaps(groups: ReadonlyMap<string, number>[]): ReadonlyMap<string, number>[] {
  if (groups.length <= fewGroups) return groups;
  const sum = new Map<string, number>();
  for (const group of groups)
    for (const [name, count] of group) sum.set(name, (sum.get(name) ?? 0) + count);
  return [sum];
}
