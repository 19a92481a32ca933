import { own } from '../../base/own.ts';
import { matchesTerm } from '../../api/scheduling/node-affinity.ts';
import { tolerates } from '../../api/scheduling/taints.ts';
import { countOn, domainCounts, spreadSelector } from '../filters/topology-spread.ts';
import { termMatcher } from '../filters/inter-pod-affinity.ts';
import type { NodeInfo } from '../node-info.ts';
import { normalize, type Score, type View } from '../plugin.ts';

/** Shares of cpu and memory that would be promised with the pod on the node. */
function shares(view: View, node: NodeInfo): number[] {
  return (['cpu', 'memory'] as const).map((name) => {
    const has = node.allocatable.get(name) ?? 0;
    return has === 0 ? 1 : Math.min(1, (node.usual[name] + view.pod.usual[name]) / has);
  });
}

/** The emptier node is better. */
const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  rank: (view, nodes) =>
    nodes.map((node) => shares(view, node).reduce((sum, s) => sum + (1 - s) * 50, 0)),
};

/** Better where cpu and memory are used evenly. */
const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  rank: (view, nodes) =>
    nodes.map((node) => {
      const [cpu = 0, memory = 0] = shares(view, node);
      return (1 - Math.abs(cpu - memory) / 2) * 100;
    }),
};

const nodeAffinity: Score = {
  name: 'NodeAffinity',
  weight: 2,
  rank(view, nodes) {
    const terms =
      view.pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ??
      [];
    if (terms.length === 0) return undefined;
    return normalize(
      nodes.map((n) =>
        terms.reduce((sum, t) => sum + (matchesTerm(t.preference, n.node) ? t.weight : 0), 0),
      ),
    );
  },
};

const taintToleration: Score = {
  name: 'TaintToleration',
  weight: 3,
  rank(view, nodes) {
    const tolerations = view.pod.pod.spec.tolerations ?? [];
    const raw = nodes.map(
      (n) =>
        (n.node.spec.taints ?? []).filter(
          (t) => t.effect === 'PreferNoSchedule' && !tolerations.some((x) => tolerates(x, t)),
        ).length,
    );
    return raw.some(Boolean) ? normalize(raw, true) : undefined;
  },
};

const interPodAffinity: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  rank(view, nodes) {
    const { affinity } = view.pod.pod.spec;
    const terms = [
      ...(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        (t) => ({ term: t.podAffinityTerm, weight: t.weight }),
      ),
      ...(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        (t) => ({ term: t.podAffinityTerm, weight: -t.weight }),
      ),
    ];
    if (terms.length === 0) return undefined;
    const sums = new Map<string, number>();
    for (const { term, weight } of terms) {
      const matches = termMatcher(view, view.pod.pod, term);
      for (const node of view.nodes) {
        const value = own(node.node.metadata.labels, term.topologyKey);
        if (value === undefined) continue;
        const key = `${term.topologyKey}=${value}`;
        for (const { pod } of node.pods.values())
          if (matches(pod)) sums.set(key, (sums.get(key) ?? 0) + weight);
      }
    }
    const raw = nodes.map((n) =>
      Object.entries(n.node.metadata.labels ?? {}).reduce(
        (sum, [k, v]) => sum + (sums.get(`${k}=${v}`) ?? 0),
        0,
      ),
    );
    const least = Math.min(...raw);
    return normalize(raw.map((r) => r - least));
  },
};

/**
 * kube-scheduler's system defaults, for pods that belong to something and name no constraint of
 * their own.
 */
const topologySpread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  rank(view, nodes) {
    const soft = (view.pod.pod.spec.topologySpreadConstraints ?? []).filter(
      (c) => c.whenUnsatisfiable === 'ScheduleAnyway',
    );
    const owned =
      (view.pod.pod.metadata.ownerReferences ?? []).length > 0 &&
      Object.keys(view.pod.pod.metadata.labels ?? {}).length > 0;
    if (soft.length === 0 && !owned) return undefined;
    if (soft.length === 0) {
      const labelSelector = { matchLabels: view.pod.pod.metadata.labels ?? {} };
      const matches = spreadSelector(view, {
        maxSkew: 1,
        topologyKey: '',
        whenUnsatisfiable: '',
        labelSelector,
      });
      return normalize(
        nodes.map((n) => countOn(view, n, matches)),
        true,
      );
    }
    const counts = soft.map((c) => ({ key: c.topologyKey, counts: domainCounts(view, c) }));
    return normalize(
      nodes.map((n) =>
        counts.reduce(
          (sum, c) => sum + (c.counts.get(own(n.node.metadata.labels, c.key) ?? '\0') ?? 0),
          0,
        ),
      ),
      true,
    );
  },
};

/** Between these sizes an image that is already there counts more and more (kube-scheduler). */
const leastImageBytes = 23 * 1024 * 1024;
const mostImageBytes = 1000 * 1024 * 1024;

const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  rank(view, nodes) {
    const images = view.pod.pod.spec.containers.map((c) => c.image ?? '');
    const most = mostImageBytes * images.length;
    return nodes.map((node) => {
      const present = (node.node.status.images ?? []).filter((i) =>
        i.names.some((name) => images.includes(name)),
      );
      const bytes = present.reduce((sum, i) => sum + (i.sizeBytes ?? 0), 0);
      return (
        (Math.min(Math.max(bytes - leastImageBytes, 0), most - leastImageBytes) * 100) /
        (most - leastImageBytes)
      );
    });
  },
};

export const scores: Score[] = [
  leastAllocated,
  balancedAllocation,
  nodeAffinity,
  taintToleration,
  interPodAffinity,
  topologySpread,
  imageLocality,
];
