import { readRecord, type Fields } from '../../api/codec/configuration-file.ts';
import type { NodeAffinity, TopologySpreadConstraint } from '../../api/generated/types/core-v1.ts';
import type { DefaultPreemptionArgs } from '../plugins/default-preemption.ts';
import type { DynamicResourcesArgs } from '../plugins/dynamic-resources.ts';
import type { InterPodAffinityArgs } from '../plugins/inter-pod-affinity-score.ts';
import type { NodeAffinityArgs } from '../plugins/node-affinity.ts';
import type { BalancedAllocationArgs } from '../plugins/node-resources-balanced-allocation.ts';
import type { NodeResourcesFitArgs } from '../plugins/node-resources-fit.ts';
import type { ResourceSpec, ScoringStrategy, ShapePoint } from '../plugins/scoring-strategy.ts';
import { systemDefaults, type TopologySpreadArgs } from '../plugins/spread-constraints.ts';
import type { VolumeBindingArgs } from '../plugins/volume-binding.ts';
import { Complaints } from './complaints.ts';

/** The arguments of the plug-ins that take any, by their names. */
export interface PluginArgs {
  DefaultPreemption: DefaultPreemptionArgs;
  DynamicResources: DynamicResourcesArgs;
  InterPodAffinity: InterPodAffinityArgs;
  NodeAffinity: NodeAffinityArgs;
  NodeResourcesBalancedAllocation: BalancedAllocationArgs;
  NodeResourcesFit: NodeResourcesFitArgs;
  PodTopologySpread: TopologySpreadArgs;
  VolumeBinding: VolumeBindingArgs;
}

const usualResources: ResourceSpec[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export const defaultArgs: PluginArgs = {
  DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
  DynamicResources: { bindingTimeoutMs: 600_000 },
  InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
  NodeAffinity: {},
  NodeResourcesBalancedAllocation: { resources: usualResources },
  NodeResourcesFit: {
    ignoredResources: [],
    ignoredResourceGroups: [],
    scoringStrategy: { type: 'LeastAllocated', resources: usualResources },
  },
  PodTopologySpread: { defaultConstraints: systemDefaults, systemDefaulted: true },
  VolumeBinding: { bindTimeoutMs: 600_000 },
};

type Read = Record<string, unknown>;

interface Reader<K extends keyof PluginArgs> {
  fields: Fields;
  make(read: Read, complain: Complaints): PluginArgs[K];
}

const resource: Fields = { name: 'string', weight: 'number' };
const shape: Fields = { utilization: 'number', score: 'number' };

const number = (read: Read, name: string, otherwise: number): number =>
  (read[name] as number | undefined) ?? otherwise;

function resourcesOf(read: unknown, complain: Complaints): ResourceSpec[] {
  const list = (read ?? []) as { name?: string; weight?: number }[];
  if (list.length === 0) return usualResources;
  return list.map(({ name = '', weight }, i) => {
    const at = complain.at(`resources[${i}]`);
    if (name === '') at.say('name: Required value');
    at.range('weight', weight || 1, [1, 100]);
    return { name, weight: weight || 1 };
  });
}

function shapeOf(read: unknown, complain: Complaints): ShapePoint[] {
  const points = ((read ?? []) as Partial<ShapePoint>[]).map((p) => ({
    utilization: p.utilization ?? 0,
    score: p.score ?? 0,
  }));
  if (points.length === 0) complain.say('shape: at least one point must be specified');
  for (const [i, point] of points.entries()) {
    const at = complain.at(`shape[${i}]`);
    at.range('utilization', point.utilization, [0, 100]);
    at.range('score', point.score, [0, 10]);
    if (i > 0 && point.utilization <= (points[i - 1]?.utilization ?? 0))
      at.say('utilization: values must be sorted in increasing order');
  }
  return points;
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

function strategyOf(read: Read | undefined, complain: Complaints): ScoringStrategy {
  if (!read) return defaultArgs.NodeResourcesFit.scoringStrategy;
  const type = complain.oneOf('type', (read['type'] as string | undefined) ?? '', strategies);
  const resources = resourcesOf(read['resources'], complain);
  const ratio = read['requestedToCapacityRatio'] as Read | undefined;
  if (type !== 'RequestedToCapacityRatio') {
    if (ratio)
      complain.say(
        'requestedToCapacityRatio: must be nil when type is not RequestedToCapacityRatio',
      );
    return { type, resources };
  }
  if (!ratio)
    complain.say(
      'requestedToCapacityRatio: must be specified when type is RequestedToCapacityRatio',
    );
  const inner = complain.at('requestedToCapacityRatio');
  return { type, resources, shape: ratio ? shapeOf(ratio['shape'], inner) : [] };
}

const actions = ['DoNotSchedule', 'ScheduleAnyway'] as const;

function constraintsOf(read: unknown, complain: Complaints): TopologySpreadConstraint[] {
  const list = (read ?? []) as TopologySpreadConstraint[];
  const seen = new Set<string>();
  for (const [i, c] of list.entries()) {
    const at = complain.at(`defaultConstraints[${i}]`);
    at.range('maxSkew', c.maxSkew ?? 0, [1, Infinity]);
    if (!c.topologyKey) at.say('topologyKey: Required value: can not be empty');
    at.oneOf('whenUnsatisfiable', c.whenUnsatisfiable ?? '', actions);
    if (c.labelSelector)
      at.say(
        'labelSelector: Forbidden: constraint must not define a selector, as they deduced for ' +
          'each pod',
      );
    const pair = `{${c.topologyKey}, ${c.whenUnsatisfiable}}`;
    if (seen.has(pair)) at.say(`Duplicate value: "${pair}"`);
    seen.add(pair);
  }
  return list;
}

/** Go's durations of whole units: `10m`, `600s`, `1h30m`. */
function durationMs(text: string): number | undefined {
  if (!/^(\d+(h|m|s|ms))+$/.test(text)) return undefined;
  const units = new Map([
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ]);
  return [...text.matchAll(/(\d+)(h|ms|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units.get(unit ?? '') ?? 0),
    0,
  );
}

const readers: { [K in keyof PluginArgs]: Reader<K> } = {
  DefaultPreemption: {
    fields: { minCandidateNodesPercentage: 'number', minCandidateNodesAbsolute: 'number' },
    make(read, complain) {
      const share = number(read, 'minCandidateNodesPercentage', 10);
      const least = number(read, 'minCandidateNodesAbsolute', 100);
      complain.range('minCandidateNodesPercentage', share, [0, 100]);
      complain.range('minCandidateNodesAbsolute', least, [0, Infinity]);
      if (share === 0 && least === 0)
        complain.say(
          'minCandidateNodesPercentage: cannot be zero at the same time as ' +
            'minCandidateNodesAbsolute',
        );
      return { minCandidateNodesPercentage: share, minCandidateNodesAbsolute: least };
    },
  },
  DynamicResources: {
    fields: { filterTimeout: 'string', bindingTimeout: 'string' },
    make(read, complain) {
      const text = read['bindingTimeout'] as string | undefined;
      const ms = text === undefined ? 600_000 : durationMs(text);
      if (ms === undefined || ms < 1000) complain.say('bindingTimeout: must be at least 1 second');
      if (read['filterTimeout'] !== undefined)
        complain.say('filterTimeout: a search for devices is bounded by its steps, not by time');
      return { bindingTimeoutMs: ms ?? 0 };
    },
  },
  InterPodAffinity: {
    fields: { hardPodAffinityWeight: 'number', ignorePreferredTermsOfExistingPods: 'boolean' },
    make(read, complain) {
      const weight = number(read, 'hardPodAffinityWeight', 1);
      complain.range('hardPodAffinityWeight', weight, [0, 100]);
      const ignore = read['ignorePreferredTermsOfExistingPods'] === true;
      return { hardPodAffinityWeight: weight, ignorePreferredTermsOfExistingPods: ignore };
    },
  },
  NodeAffinity: {
    fields: {
      addedAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: ['object'], matchFields: ['object'] }],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 'number',
            preference: { matchExpressions: ['object'], matchFields: ['object'] },
          },
        ],
      },
    },
    make(read, complain) {
      const addedAffinity = read['addedAffinity'] as NodeAffinity | undefined;
      if (!addedAffinity) return {};
      checkAffinity(addedAffinity, complain.at('addedAffinity'));
      return { addedAffinity };
    },
  },
  NodeResourcesBalancedAllocation: {
    fields: { resources: [resource] },
    make(read, complain) {
      const resources = resourcesOf(read['resources'], complain);
      const seen = new Set<string>();
      for (const [i, { name, weight }] of resources.entries()) {
        if (weight !== 1) complain.say(`resources[${i}].weight: must be 1`);
        if (seen.has(name)) complain.say(`resources[${i}].name: Duplicate value: "${name}"`);
        seen.add(name);
      }
      return { resources };
    },
  },
  NodeResourcesFit: {
    fields: {
      ignoredResources: ['string'],
      ignoredResourceGroups: ['string'],
      scoringStrategy: {
        type: 'string',
        resources: [resource],
        requestedToCapacityRatio: { shape: [shape] },
      },
    },
    make(read, complain) {
      const groups = (read['ignoredResourceGroups'] ?? []) as string[];
      for (const [i, group] of groups.entries())
        if (group.includes('/'))
          complain.say(`ignoredResourceGroups[${i}]: resource group name can't contain '/'`);
      return {
        ignoredResources: (read['ignoredResources'] ?? []) as string[],
        ignoredResourceGroups: groups,
        scoringStrategy: strategyOf(
          read['scoringStrategy'] as Read | undefined,
          complain.at('scoringStrategy'),
        ),
      };
    },
  },
  PodTopologySpread: {
    fields: {
      defaultingType: 'string',
      defaultConstraints: [
        {
          maxSkew: 'number',
          topologyKey: 'string',
          whenUnsatisfiable: 'string',
          labelSelector: 'object',
          minDomains: 'number',
          nodeAffinityPolicy: 'string',
          nodeTaintsPolicy: 'string',
          matchLabelKeys: ['string'],
        },
      ],
    },
    make(read, complain) {
      const said = (read['defaultingType'] as string | undefined) ?? 'System';
      const type = complain.oneOf('defaultingType', said, ['System', 'List'] as const);
      const constraints = constraintsOf(read['defaultConstraints'], complain);
      if (type === 'List') return { defaultConstraints: constraints, systemDefaulted: false };
      if (constraints.length > 0)
        complain.say(
          'defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
        );
      return defaultArgs.PodTopologySpread;
    },
  },
  VolumeBinding: {
    fields: { bindTimeoutSeconds: 'number', shape: [shape] },
    make(read, complain) {
      const seconds = number(read, 'bindTimeoutSeconds', 600);
      complain.range('bindTimeoutSeconds', seconds, [0, Infinity]);
      if (read['shape'] !== undefined)
        complain.say('shape: needs the feature gate StorageCapacityScoring, which is off');
      return { bindTimeoutMs: seconds * 1000 };
    },
  },
};

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const;

function checkAffinity(affinity: NodeAffinity, complain: Complaints): void {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const terms = [
    ...(required?.nodeSelectorTerms ?? []),
    ...preferred.map((p) => p.preference ?? {}),
  ];
  if (required && (required.nodeSelectorTerms ?? []).length === 0)
    complain.say(
      'requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value',
    );
  for (const { matchExpressions = [], matchFields = [] } of terms)
    for (const { key, operator } of [...matchExpressions, ...matchFields]) {
      if (!key) complain.say('key: Required value');
      complain.oneOf('operator', operator ?? '', operators);
    }
}

export const takesArgs = (name: string): name is keyof PluginArgs => Object.hasOwn(readers, name);

/** The arguments of one plug-in as a configuration gives them; what is wrong goes to `complain`. */
export function readArgs<K extends keyof PluginArgs>(
  name: K,
  args: unknown,
  complain: Complaints,
): PluginArgs[K] {
  const { fields, make } = readers[name];
  const wrong: string[] = [];
  const read = readRecord(args, { ...fields, apiVersion: 'string', kind: 'string' }, '', wrong);
  for (const text of wrong) complain.say(text);
  if (read['kind'] !== undefined && read['kind'] !== `${name}Args`)
    complain.say(`kind: has to match plugin args (${name}Args)`);
  return wrong.length > 0 ? defaultArgs[name] : make(read, complain);
}
