import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { NodeInfo } from '../cache/node-info.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import { action, type ClusterEvent } from '../framework/events.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, unschedulable, type Status } from '../framework/status.ts';
import { strategyOf, type ScoringStrategy } from './scoring-strategy.ts';

const name = 'NodeResourcesFit';
const tooManyPods = 'Too many pods';
const reasons = {
  cpu: 'Insufficient cpu',
  memory: 'Insufficient memory',
  ephemeral: 'Insufficient ephemeral-storage',
};

export interface NodeResourcesFitArgs {
  /** Extended resources, and groups of them (`example.com`), that the filter leaves alone. */
  ignoredResources: readonly string[];
  ignoredResourceGroups: readonly string[];
  scoringStrategy: ScoringStrategy;
}

/** A node has what the pod asks for, and by default the emptier one is better. */
export function nodeResourcesFit(args: NodeResourcesFitArgs): Plugin {
  const ignored = ignoring(args);
  const score = strategyOf(args.scoringStrategy);
  const suits = (node: Node, pod: PodInfo): boolean =>
    insufficient(pod, new NodeInfo(node), ignored) === undefined;
  return {
    name,
    events: () => [
      { resource: 'Pod', actions: action.delete | action.updatePodScaleDown, hint: roomWasMade },
      {
        resource: 'Node',
        actions: action.add | action.updateNodeAllocatable,
        hint(pod, { old, now }) {
          const info = podInfo(pod);
          return suits(now as Node, info) && (!old || hasGrown(info, old as Node, now as Node));
        },
      },
    ],
    filter: (_state, pod, node) => insufficient(pod, node, ignored),
    preScore: (_state, _pod, nodes) => (nodes.length > 1 ? undefined : skip),
    score: (_state, pod, node) => score(pod, node),
  };
}

function ignoring({ ignoredResources, ignoredResourceGroups }: NodeResourcesFitArgs) {
  if (ignoredResources.length + ignoredResourceGroups.length === 0) return () => false;
  const names = new Set(ignoredResources);
  const groups = new Set(ignoredResourceGroups);
  return (resource: string): boolean =>
    names.has(resource) || groups.has(resource.split('/')[0] as string);
}

/** Every resource that is lacking; preemption does not help where the empty node is too small. */
function insufficient(
  pod: PodInfo,
  node: NodeInfo,
  ignored: (resource: string) => boolean,
): Status | undefined {
  const { requests } = pod;
  const { allocatable: has, requested: used } = node;
  const { milliCpu, memory, ephemeralStorage, scalars } = requests;
  // The common case first: all of it fits, and nothing is allocated for an answer.
  if (
    node.pods.size < node.allowedPods &&
    (milliCpu === 0 || milliCpu <= has.milliCpu - used.milliCpu) &&
    (memory === 0 || memory <= has.memory - used.memory) &&
    (ephemeralStorage === 0 || ephemeralStorage <= has.ephemeralStorage - used.ephemeralStorage) &&
    scalars.size === 0
  )
    return undefined;
  const lacking: string[] = [];
  let final = false;
  const check = (wanted: number, all: number, taken: number, reason: string): void => {
    if (wanted === 0 || wanted <= all - taken) return;
    lacking.push(reason);
    if (wanted > all) final = true;
  };
  if (node.pods.size + 1 > node.allowedPods) lacking.push(tooManyPods);
  check(milliCpu, has.milliCpu, used.milliCpu, reasons.cpu);
  check(memory, has.memory, used.memory, reasons.memory);
  check(ephemeralStorage, has.ephemeralStorage, used.ephemeralStorage, reasons.ephemeral);
  for (const [resource, wanted] of scalars)
    if (!ignored(resource))
      check(wanted, has.get(resource), used.get(resource), `Insufficient ${resource}`);
  if (lacking.length === 0) return undefined;
  const status = unschedulable(name, ...lacking);
  return final ? { ...status, code: 'UnschedulableAndUnresolvable' } : status;
}

/** A pod with a node went, or one asks for less of what this pod wants. */
function roomWasMade(pod: Pod, { old, now }: ClusterEvent): boolean {
  if (!now) return Boolean((old as Pod).spec.nodeName);
  const changed = now as Pod;
  if (changed.metadata.uid === pod.metadata.uid) return true;
  if (!changed.spec.nodeName) return false;
  const [before, after] = [podInfo(old as Pod).requests, podInfo(changed).requests];
  const { requests } = podInfo(pod);
  return namesOf(requests).some((n) => requests.get(n) > 0 && before.get(n) > after.get(n));
}

function hasGrown(pod: PodInfo, old: Node, now: Node): boolean {
  const [before, after] = [new NodeInfo(old), new NodeInfo(now)];
  if (after.allowedPods > before.allowedPods) return true;
  return namesOf(pod.requests).some(
    (n) => pod.requests.get(n) > 0 && after.allocatable.get(n) > before.allocatable.get(n),
  );
}

const namesOf = ({ scalars }: PodInfo['requests']): string[] => [
  'cpu',
  'memory',
  'ephemeral-storage',
  ...scalars.keys(),
];
