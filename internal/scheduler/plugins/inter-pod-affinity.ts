import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import type { Labels } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import { matchesTerm, type AffinityTerm } from '../cache/affinity-term.ts';
import type { LabelGroup } from '../cache/label-groups.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import { StateKey } from '../framework/cycle-state.ts';
import { action, type ClusterEvent } from '../framework/events.ts';
import type { Handle } from '../framework/handle.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unresolvable, unschedulable } from '../framework/status.ts';
import { affinityScore, type InterPodAffinityArgs } from './inter-pod-affinity-score.ts';
import { TopologyCounts } from './topology-counts.ts';

const name = 'InterPodAffinity';
const noAffinity = unresolvable(name, "node(s) didn't match pod affinity rules");
const antiAffinity = unschedulable(name, "node(s) didn't match pod anti-affinity rules");
const existing = unschedulable(name, "node(s) didn't satisfy existing pods anti-affinity rules");

type NamespaceLabels = (name: string) => Labels;
const none: readonly AffinityTerm[] = [];

class AffinityState {
  readonly near: readonly AffinityTerm[];
  readonly far: readonly AffinityTerm[];
  /** Topology pairs that existing pods' required anti-affinity forbids. */
  readonly forbidden: TopologyCounts;
  /** Topology pairs where pods match all of the pod's affinity terms. */
  readonly together: TopologyCounts;
  /** Topology pairs where pods match one of its anti-affinity terms. */
  readonly apart: TopologyCounts;
  readonly #labelsOf: NamespaceLabels;

  constructor(pod: PodInfo, labelsOf: NamespaceLabels, from?: AffinityState) {
    this.near = pod.terms?.requiredAffinity ?? none;
    this.far = pod.terms?.requiredAntiAffinity ?? none;
    this.#labelsOf = labelsOf;
    this.forbidden = new TopologyCounts(from?.forbidden);
    this.together = new TopologyCounts(from?.together);
    this.apart = new TopologyCounts(from?.apart);
  }

  /** A copy whose counts can be changed. */
  copyFor(pod: PodInfo): AffinityState {
    return new AffinityState(pod, this.#labelsOf, this);
  }

  matchesAll(pod: { namespace: string; labels: Labels }): boolean {
    return this.near.length > 0 && this.near.every((t) => matchesTerm(t, pod, this.#labelsOf));
  }

  countForbidden(incoming: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
    for (const term of other.terms?.requiredAntiAffinity ?? none)
      if (matchesTerm(term, incoming, this.#labelsOf)) this.forbidden.add(node, term, by);
  }

  /** Counts pods with the same labels on one node. */
  countOwn(pods: { namespace: string; labels: Labels }, node: NodeInfo, by: number): void {
    if (this.matchesAll(pods)) for (const term of this.near) this.together.add(node, term, by);
    for (const term of this.far)
      if (matchesTerm(term, pods, this.#labelsOf)) this.apart.add(node, term, by);
  }

  countGroup(group: LabelGroup, nodeOf: (name: string) => NodeInfo | undefined): void {
    const all = this.matchesAll(group);
    const far = this.far.filter((term) => matchesTerm(term, group, this.#labelsOf));
    if (!all && far.length === 0) return;
    for (const [nodeName, count] of group.nodes) {
      const node = nodeOf(nodeName);
      if (!node) continue;
      if (all) for (const term of this.near) this.together.add(node, term, count);
      for (const term of far) this.apart.add(node, term, count);
    }
  }
}

class Kept {
  readonly pod: PodInfo;
  readonly state: AffinityState;
  constructor(pod: PodInfo, state: AffinityState) {
    this.pod = pod;
    this.state = state;
  }
  clone(): Kept {
    return new Kept(this.pod, this.state.copyFor(this.pod));
  }
}

const key = new StateKey<Kept>(`PreFilter${name}`);

/** Affinity and anti-affinity to other pods. */
export function interPodAffinity(args: InterPodAffinityArgs, handle: Handle): Plugin {
  const { cache, listers } = handle;
  const labelsOf: NamespaceLabels = (n) => listers.namespaces.get(n)?.metadata.labels;
  const count = (
    { state }: Kept,
    incoming: PodInfo,
    { other, node, by }: { other: PodInfo; node: NodeInfo; by: 1 | -1 },
  ): void => {
    state.countForbidden(incoming, other, node, by);
    state.countOwn(other, node, by);
  };
  return {
    name,
    events: () => [
      {
        resource: 'Pod',
        actions: action.add | action.updatePodLabel | action.delete,
        hint: (pod, event) => podMatters(pod, event, labelsOf),
      },
      { resource: 'Node', actions: action.add | action.updateNodeLabel, hint: nodeMatters },
    ],
    preFilter(cycle, pod) {
      const state = new AffinityState(pod, labelsOf);
      for (const node of cache.nodesWithRequiredAntiAffinity)
        for (const other of node.withRequiredAntiAffinity)
          state.countForbidden(pod, other, node, 1);
      if (state.near.length + state.far.length > 0)
        for (const namespace of cache.groups.namespaces())
          for (const group of cache.groups.in(namespace))
            state.countGroup(group, (n) => cache.node(n));
      else if (state.forbidden.empty) return skip;
      cycle.write(key, new Kept(pod, state));
      return undefined;
    },
    addPod(cycle, pod, added, node) {
      const kept = cycle.read(key);
      if (kept) count(kept, pod, { other: added, node, by: 1 });
    },
    removePod(cycle, pod, removed, node) {
      const kept = cycle.read(key);
      if (kept) count(kept, pod, { other: removed, node, by: -1 });
    },
    filter(cycle, pod, node) {
      const state = cycle.read(key)?.state;
      if (!state) return undefined;
      if (!togetherOn(state, pod, node)) return noAffinity;
      if (state.far.some((term) => state.apart.has(node, term))) return antiAffinity;
      return state.forbidden.hasAny(node) ? existing : undefined;
    },
    ...affinityScore(args, handle),
  };
}

/** The first of a group that wants to be together may go anywhere that has the labels. */
function togetherOn(state: AffinityState, pod: PodInfo, node: NodeInfo): boolean {
  let all = true;
  for (const term of state.near) {
    if (node.label(term.topologyKey) === undefined) return false;
    if (!state.together.has(node, term)) all = false;
  }
  return all || (state.together.empty && state.matchesAll(pod));
}

/** A pod came that the pod wants to be near, or one went that stood in its way. */
function podMatters(pod: Pod, { old, now }: ClusterEvent, labelsOf: NamespaceLabels): boolean {
  if ((now as Pod | undefined)?.metadata.uid === pod.metadata.uid) return true;
  const waiting = podInfo(pod);
  const of = (object: object | undefined): PodInfo | undefined => object && podInfo(object as Pod);
  const [before, after] = [of(old), of(now)];
  if (!(after ?? before)?.pod.spec.nodeName) return false;
  const { requiredAffinity: near = none, requiredAntiAffinity: far = none } = waiting.terms ?? {};
  const matches = (terms: readonly AffinityTerm[], p: PodInfo | undefined): boolean =>
    p !== undefined && terms.some((t) => matchesTerm(t, p, labelsOf));
  if (matches(near, after) || (before && after && matches(near, before))) return true;
  if (matches(far, before) && !(after && matches(far, after))) return true;
  // Without `before` or with `after`, nothing that stood in the way has gone.
  return (
    before !== undefined && !after && matches(before.terms?.requiredAntiAffinity ?? none, waiting)
  );
}

function nodeMatters(pod: Pod, { old, now }: ClusterEvent): boolean {
  const { requiredAffinity = none, requiredAntiAffinity = none } = podInfo(pod).terms ?? {};
  const terms = [...requiredAffinity, ...requiredAntiAffinity];
  // Refused for the anti-affinity of others: any topology may be theirs.
  if (terms.length === 0) return true;
  return terms.some(({ topologyKey }) => {
    const value = own((now as Node).metadata.labels, topologyKey);
    if (!old) return value !== undefined || requiredAffinity.length === 0;
    return value !== own((old as Node).metadata.labels, topologyKey);
  });
}
