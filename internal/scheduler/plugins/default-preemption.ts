import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { CycleState } from '../framework/cycle-state.ts';
import { action } from '../framework/events.ts';
import type { Handle } from '../framework/handle.ts';
import type { Plugin, PostFilterResult } from '../framework/plugin.ts';
import {
  fitError,
  isRejected,
  NodeStatuses,
  unresolvable,
  unschedulable,
  type Status,
} from '../framework/status.ts';
import { byImportance, byPreference, type Candidate } from './preemption-order.ts';
import { Evictor } from './preemption-evictor.ts';

const name = 'DefaultPreemption';
const noVictims = unresolvable(name, 'No preemption victims found for incoming pod');
const notHelpful = unresolvable(name, 'Preemption is not helpful for scheduling');

export interface DefaultPreemptionArgs {
  /** At least this share of the nodes, and this many, are tried before the best is taken. */
  minCandidateNodesPercentage: number;
  minCandidateNodesAbsolute: number;
}

/** Makes room for a pod by evicting less important ones. */
export class DefaultPreemption implements Plugin {
  readonly name = name;
  readonly #h: Handle;
  readonly #args: DefaultPreemptionArgs;
  readonly #evictor: Evictor;

  constructor(args: DefaultPreemptionArgs, handle: Handle) {
    this.#args = args;
    this.#h = handle;
    this.#evictor = new Evictor(handle);
  }

  events() {
    // Which event helps, the plug-ins that refused the pod know; the end of the eviction wakes it.
    return [{ resource: 'Pod' as const, actions: action.delete, hint: () => false }];
  }

  preEnqueue(pod: Pod): Status | undefined {
    return this.#evictor.isEvictingFor(pod.metadata.uid ?? '')
      ? unresolvable(name, 'waiting for the preemption for this pod to be finished')
      : undefined;
  }

  postFilter(state: CycleState, pod: PodInfo, statuses: NodeStatuses): PostFilterResult {
    const say = (text: string): Status => unschedulable(name, `preemption: ${text}`);
    const refusal = this.#ineligible(pod, statuses);
    if (refusal) return { status: say(refusal) };
    const { candidates, why } = this.#candidates(state, pod, statuses);
    const best = candidates.sort(byPreference)[0];
    if (!best) {
      const diagnosis = { statuses: why, plugins: new Set<string>(), pending: new Set<string>() };
      return { nominated: '', status: say(fitError(this.#h.cache.nodes.length, diagnosis)) };
    }
    this.#evictor.start(pod, best);
    return { nominated: best.node, status: undefined };
  }

  /** Why the pod must not evict others now. */
  #ineligible({ pod, uid, priority }: PodInfo, statuses: NodeStatuses): string | undefined {
    if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
    const { cache } = this.#h;
    const nominated = cache.nominatedNode(uid) ?? pod.status?.nominatedNodeName;
    if (!nominated || statuses.get(nominated).code === 'UnschedulableAndUnresolvable')
      return undefined;
    for (const other of cache.node(nominated)?.pods.values() ?? [])
      if (other.priority < priority && isGoingForAnother(other.pod))
        return 'not eligible due to a terminating pod on the nominated node.';
    return undefined;
  }

  #candidates(
    state: CycleState,
    pod: PodInfo,
    statuses: NodeStatuses,
  ): { candidates: Candidate[]; why: NodeStatuses } {
    const { cache, listers, random } = this.#h;
    const why = new NodeStatuses(notHelpful);
    const candidates: Candidate[] = [];
    const nodes = cache.nodes.filter((n) => statuses.get(n.name).code === 'Unschedulable');
    if (nodes.length === 0) return { candidates, why };
    const budgets = [...listers.budgets.list()];
    const { minCandidateNodesPercentage: share, minCandidateNodesAbsolute: least } = this.#args;
    const enough = Math.min(
      nodes.length,
      Math.max(Math.floor((nodes.length * share) / 100), least),
    );
    const offset = nodes.length > enough ? random.int(nodes.length) : 0;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[(offset + i) % nodes.length]!;
      const found = this.#victimsOn(state, pod, { node, budgets });
      if ('code' in found) why.set(node.name, found);
      else candidates.push(found);
      if (candidates.length >= enough && candidates.some((c) => c.violations === 0)) break;
    }
    return { candidates, why };
  }

  /**
   * Takes away all less important pods, then puts back as many as still fit, the protected and
   * important ones first.
   */
  #victimsOn(
    cycle: CycleState,
    pod: PodInfo,
    { node, budgets }: { node: NodeInfo; budgets: readonly PodDisruptionBudget[] },
  ): Candidate | Status {
    const lesser = [...node.pods.values()].filter((p) => p.priority < pod.priority);
    if (lesser.length === 0) return noVictims;
    const trial = node.copy();
    const state = cycle.clone();
    const takeAway = (p: PodInfo): void => {
      trial.remove(p.uid);
      this.#h.removePod(state, pod, p, trial);
    };
    for (const p of lesser) takeAway(p);
    const refusal = this.#h.filterWithNominated(state, pod, trial);
    if (refusal) return isRejected(refusal) ? refusal : unresolvable(name, ...refusal.reasons);
    const { violating, others } = byBudget(lesser, budgets);
    const victims: Pod[] = [];
    let violations = 0;
    const reprieve = (p: PodInfo): boolean => {
      trial.add(p);
      this.#h.addPod(state, pod, p, trial);
      if (!this.#h.filterWithNominated(state, pod, trial)) return true;
      takeAway(p);
      victims.push(p.pod);
      return false;
    };
    for (const p of violating) if (!reprieve(p)) violations++;
    for (const p of others) reprieve(p);
    if (victims.length === 0) return noVictims;
    return { node: node.name, victims: victims.sort(byImportance), violations };
  }
}

/** It is being deleted because the scheduler wanted its room. */
const isGoingForAnother = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (status?.conditions ?? []).some(
    (c) =>
      c.type === 'DisruptionTarget' && c.status === 'True' && c.reason === 'PreemptionByScheduler',
  );

/** Pods whose eviction would break a budget, and the others, each the most important first. */
function byBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { violating: PodInfo[]; others: PodInfo[] } {
  const left = budgets.map((budget) => ({
    budget,
    allowed: budget.status.disruptionsAllowed,
    selector: selectorFromObject(budget.spec.selector),
  }));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of [...pods].sort((a, b) => byImportance(a.pod, b.pod))) {
    const { namespace, labels, name: podName } = info;
    let breaks = false;
    for (const one of Object.keys(labels).length > 0 ? left : []) {
      const { budget, selector } = one;
      if (budget.metadata.namespace !== namespace || selector.empty) continue;
      if (!selector.matches(labels)) continue;
      if (own(budget.status.disruptedPods, podName) !== undefined) continue;
      one.allowed--;
      if (one.allowed < 0) breaks = true;
    }
    (breaks ? violating : others).push(info);
  }
  return { violating, others };
}
