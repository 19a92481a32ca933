import type { Random } from '../io/random.ts';
import type { Cache } from './cache/cache.ts';
import type { NodeInfo } from './cache/node-info.ts';
import type { PodInfo } from './cache/pod-info.ts';
import type { CycleState } from './framework/cycle-state.ts';
import type { Profile } from './framework/profile.ts';
import {
  blame,
  isRejected,
  NodeStatuses,
  unresolvable,
  type Diagnosis,
  type Status,
} from './framework/status.ts';

/** So many nodes are always looked for (minFeasibleNodesToFind). */
const leastNodes = 100;
/** And this share of them, however many there are (minFeasibleNodesPercentageToFind). */
const leastShare = 5;

export type Found =
  | { node: string }
  /** Nothing fits. */
  | { node: undefined; diagnosis: Diagnosis }
  /** Something went wrong. */
  | { node: undefined; error: Status };

/** How many nodes that fit are enough to choose among. 0: by the size of the cluster. */
function nodesToFind(all: number, percentage: number): number {
  if (all < leastNodes) return all;
  const share = percentage || Math.max(leastShare, 50 - Math.floor(all / 125));
  return Math.max(leastNodes, Math.floor((all * share) / 100));
}

/**
 * All filters on one node. Pods that are at least as important and were promised room there are
 * counted in; the node must do without them too, as they may never come.
 */
export function filterNode(
  profile: Profile,
  state: CycleState,
  { pod, node, cache }: { pod: PodInfo; node: NodeInfo; cache: Cache },
): Status | undefined {
  const filters = profile.filters(state);
  if (cache.someNominated) {
    const trial = withNominated(profile, state, { pod, node, cache });
    if (trial) {
      const status = filterAll(filters, trial.state, pod, trial.node);
      if (status) return status;
    }
  }
  return filterAll(filters, state, pod, node);
}

function filterAll(
  filters: ReturnType<Profile['filters']>,
  state: CycleState,
  pod: PodInfo,
  node: NodeInfo,
): Status | undefined {
  for (const plugin of filters) {
    const status = plugin.filter(state, pod, node);
    if (status) return status;
  }
  return undefined;
}

function withNominated(
  profile: Profile,
  state: CycleState,
  { pod, node, cache }: { pod: PodInfo; node: NodeInfo; cache: Cache },
): { state: CycleState; node: NodeInfo } | undefined {
  let trial: { state: CycleState; node: NodeInfo } | undefined;
  for (const other of cache.nominatedOn(node.name)) {
    if (other.uid === pod.uid || other.priority < pod.priority) continue;
    trial ??= { state: state.clone(), node: node.copy() };
    trial.node.add(other);
    profile.addPod(trial.state, pod, other, trial.node);
  }
  return trial;
}

/** Finds the best node for a pod. Synchronous: the cluster does not change while it looks. */
export class NodeFinder {
  readonly #cache: Cache;
  readonly #random: Random;
  /** Where the next search begins, so that all nodes have their turn. */
  #start = 0;

  constructor(cache: Cache, random: Random) {
    this.#cache = cache;
    this.#random = random;
  }

  find(profile: Profile, state: CycleState, pod: PodInfo): Found {
    const { nodes } = this.#cache;
    const diagnosis: Diagnosis = {
      statuses: new NodeStatuses(),
      plugins: new Set(),
      pending: new Set(),
    };
    const pre = profile.preFilter(state, pod, nodes);
    if (pre.status) {
      if (!isRejected(pre.status)) return { node: undefined, error: pre.status };
      diagnosis.statuses = new NodeStatuses(pre.status);
      diagnosis.preFilter = pre.status.reasons.join(', ');
      blame(diagnosis, pre.status);
      return { node: undefined, diagnosis };
    }
    const nominated = this.#nominated(profile, state, pod);
    if (nominated) return { node: nominated.name };
    let candidates = nodes;
    if (pre.nodeNames) {
      candidates = [...pre.nodeNames].flatMap((name) => this.#cache.node(name) ?? []);
      const names = [...pre.narrowedBy].sort();
      for (const name of names) diagnosis.plugins.add(name);
      diagnosis.statuses = new NodeStatuses(
        unresolvable(names[0] ?? '', `node(s) didn't satisfy plugin(s) [${names.join(' ')}]`),
      );
    }
    const fit = this.#fitting(profile, state, { pod, nodes: candidates, diagnosis });
    if (!Array.isArray(fit)) return { node: undefined, error: fit };
    this.#start = (this.#start + fit.length + diagnosis.statuses.size) % nodes.length;
    if (fit.length === 0) return { node: undefined, diagnosis };
    return this.#best(profile, state, { pod, fit });
  }

  /** The node that the pod was promised is tried first. */
  #nominated(profile: Profile, state: CycleState, pod: PodInfo): NodeInfo | undefined {
    const name = this.#cache.nominatedNode(pod.uid) ?? pod.pod.status?.nominatedNodeName;
    const node = name ? this.#cache.node(name) : undefined;
    if (!node || filterNode(profile, state, { pod, node, cache: this.#cache })) return undefined;
    return node;
  }

  #fitting(
    profile: Profile,
    state: CycleState,
    from: { pod: PodInfo; nodes: readonly NodeInfo[]; diagnosis: Diagnosis },
  ): NodeInfo[] | Status {
    const { pod, nodes, diagnosis } = from;
    const enough =
      profile.plugins.score.length === 0
        ? 1
        : nodesToFind(nodes.length, profile.percentageOfNodesToScore);
    const filters = profile.filters(state);
    const simple = !this.#cache.someNominated;
    const fit: NodeInfo[] = [];
    for (let i = 0; i < nodes.length && fit.length < enough; i++) {
      const node = nodes[(this.#start + i) % nodes.length] as NodeInfo;
      const status = simple
        ? filterAll(filters, state, pod, node)
        : filterNode(profile, state, { pod, node, cache: this.#cache });
      if (!status) fit.push(node);
      else if (!isRejected(status)) return status;
      else {
        diagnosis.statuses.set(node.name, status);
        blame(diagnosis, status);
      }
    }
    return fit;
  }

  #best(
    profile: Profile,
    state: CycleState,
    { pod, fit }: { pod: PodInfo; fit: NodeInfo[] },
  ): Found {
    if (fit.length === 1) return { node: (fit[0] as NodeInfo).name };
    const totals = profile.score(state, pod, fit);
    if (!Array.isArray(totals)) return { node: undefined, error: totals };
    let most = -1;
    let ties: number[] = [];
    for (let i = 0; i < totals.length; i++) {
      const total = totals[i] as number;
      if (total > most) {
        most = total;
        ties = [i];
      } else if (total === most) ties.push(i);
    }
    const chosen = ties.length === 1 ? ties[0] : ties[this.#random.int(ties.length)];
    return { node: (fit[chosen as number] as NodeInfo).name };
  }
}
