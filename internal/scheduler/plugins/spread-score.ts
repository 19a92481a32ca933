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
/** So many look-ups for a node cost no more than summing up. */
const fewGroups = 4;

interface ScoreState {
  constraints: readonly Constraint[];
  /** Nodes that lack a label which the constraints speak of. */
  ignored: ReadonlySet<NodeInfo>;
  /** Matching pods by topology value. For the host name: of each group of labels, by node name. */
  domains: readonly Map<string, number>[];
  hosts: readonly ReadonlyMap<string, number>[][];
  /** Small topologies are not watered down by large ones. */
  weights: readonly number[];
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
    score(state, _pod, node) {
      const read = state.read(key);
      if (!read || read.ignored.has(node)) return 0;
      let sum = 0;
      for (const [i, c] of read.constraints.entries()) {
        const value = node.label(c.topologyKey);
        if (value === undefined) continue;
        let count = 0;
        if (c.topologyKey === hostname)
          for (const group of read.hosts[i]!) count += group.get(node.name) ?? 0;
        else count = read.domains[i]!.get(value) ?? 0;
        sum += count * read.weights[i]! + (c.maxSkew - 1);
      }
      return Math.round(sum);
    },
    normalize(state, scores, nodes) {
      const read = state.read(key);
      if (!read) return;
      let least = Infinity;
      let most = 0;
      for (const [i, node] of nodes.entries()) {
        if (read.ignored.has(node)) continue;
        const score = scores[i] as number;
        if (score < least) least = score;
        if (score > most) most = score;
      }
      for (const [i, node] of nodes.entries()) {
        if (read.ignored.has(node)) scores[i] = 0;
        else if (most === 0) scores[i] = maxScore;
        else scores[i] = Math.floor((maxScore * (most + least - (scores[i] as number))) / most);
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
  const ignored = new Set<NodeInfo>();
  const domains = constraints.map(() => new Map<string, number>());
  for (const node of nodes) {
    if (all && !hasAllKeys(node, constraints)) {
      ignored.add(node);
      continue;
    }
    for (let i = 0; i < constraints.length; i++) {
      const { topologyKey } = constraints[i]!;
      if (topologyKey === hostname) continue;
      const value = node.label(topologyKey) ?? '';
      if (!domains[i]!.has(value)) domains[i]!.set(value, 0);
    }
  }
  const weights = constraints.map((c, i) =>
    Math.log((c.topologyKey === hostname ? nodes.length - ignored.size : domains[i]!.size) + 2),
  );
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
  state.write(key, { constraints, ignored, domains, hosts: hosts.map(fewMaps), weights });
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
