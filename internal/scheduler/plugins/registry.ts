import type { Handle } from '../framework/handle.ts';
import type { ExtensionPoint, Plugin } from '../framework/plugin.ts';
import type { PluginArgs } from '../config/plugin-args.ts';
import { defaultBinder } from './default-binder.ts';
import { DefaultPreemption } from './default-preemption.ts';
import { DynamicResources } from './dynamic-resources.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeDeclaredFeatures } from './node-declared-features.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
import { prioritySort } from './priority-sort.ts';
import { schedulingGates } from './scheduling-gates.ts';
import { taintToleration } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

type Factory = (args: PluginArgs, handle: Handle) => Plugin;

/**
 * Every plug-in there is, by name, in Kubernetes' default order with its default weight. The first
 * refusal of a node is the one that is told.
 */
const plugins: readonly (readonly [name: string, make: Factory, weight?: number])[] = [
  ['SchedulingGates', () => schedulingGates()],
  ['PrioritySort', () => prioritySort()],
  ['NodeUnschedulable', () => nodeUnschedulable()],
  ['NodeName', () => nodeName()],
  ['TaintToleration', () => taintToleration(), 3],
  ['NodeAffinity', (args) => nodeAffinity(args.NodeAffinity), 2],
  ['NodePorts', () => nodePorts()],
  ['NodeResourcesFit', (args) => nodeResourcesFit(args.NodeResourcesFit), 1],
  ['VolumeRestrictions', (_args, handle) => volumeRestrictions(handle)],
  ['NodeVolumeLimits', (_args, handle) => nodeVolumeLimits(handle)],
  ['VolumeBinding', (args, handle) => volumeBinding(args.VolumeBinding, handle)],
  ['VolumeZone', (_args, handle) => volumeZone(handle)],
  ['PodTopologySpread', (args, handle) => podTopologySpread(args.PodTopologySpread, handle), 2],
  ['InterPodAffinity', (args, handle) => interPodAffinity(args.InterPodAffinity, handle), 2],
  ['DynamicResources', (args, handle) => new DynamicResources(args.DynamicResources, handle), 2],
  ['DefaultPreemption', (args, handle) => new DefaultPreemption(args.DefaultPreemption, handle)],
  [
    'NodeResourcesBalancedAllocation',
    (args) => nodeResourcesBalancedAllocation(args.NodeResourcesBalancedAllocation),
    1,
  ],
  ['ImageLocality', (_args, handle) => imageLocality(handle), 1],
  ['DefaultBinder', (_args, handle) => defaultBinder(handle)],
  ['NodeDeclaredFeatures', () => nodeDeclaredFeatures()],
];

/** Which extension points each plug-in takes part in. */
const points: ReadonlyMap<string, readonly ExtensionPoint[]> = new Map<string, ExtensionPoint[]>([
  ['SchedulingGates', ['preEnqueue']],
  ['PrioritySort', ['queueSort']],
  ['NodeUnschedulable', ['filter']],
  ['NodeName', ['filter']],
  ['TaintToleration', ['filter', 'preScore', 'score']],
  ['NodeAffinity', ['preFilter', 'filter', 'preScore', 'score']],
  ['NodePorts', ['preFilter', 'filter']],
  ['NodeResourcesFit', ['filter', 'preScore', 'score']],
  ['VolumeRestrictions', ['preFilter', 'filter']],
  ['NodeVolumeLimits', ['preFilter', 'filter']],
  ['VolumeBinding', ['preFilter', 'filter', 'reserve', 'preBind', 'postBind']],
  ['VolumeZone', ['preFilter', 'filter']],
  ['PodTopologySpread', ['preFilter', 'filter', 'preScore', 'score']],
  ['InterPodAffinity', ['preFilter', 'filter', 'preScore', 'score']],
  [
    'DynamicResources',
    ['preEnqueue', 'preFilter', 'filter', 'postFilter', 'preScore', 'score', 'reserve', 'preBind'],
  ],
  ['DefaultPreemption', ['preEnqueue', 'postFilter']],
  ['NodeResourcesBalancedAllocation', ['preScore', 'score']],
  ['ImageLocality', ['preScore', 'score']],
  ['DefaultBinder', ['bind']],
  ['NodeDeclaredFeatures', ['preFilter', 'filter']],
]);

export const takesPart = (plugin: string, point: ExtensionPoint): boolean =>
  points.get(plugin)?.includes(point) ?? false;

export const registry: ReadonlyMap<string, Factory> = new Map(
  plugins.map(([name, make]) => [name, make]),
);

/** The default plug-ins as a configuration would enable them at `multiPoint`. */
export const defaultPlugins: readonly { name: string; weight?: number }[] = plugins.map(
  ([name, , weight]) => (weight === undefined ? { name } : { name, weight }),
);
