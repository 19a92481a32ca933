import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { maxScore } from '../framework/plugin.ts';

export interface ResourceSpec {
  name: string;
  weight: number;
}

/** A point of a curve from utilization (0..100) to score (0..10). */
export interface ShapePoint {
  utilization: number;
  score: number;
}

/** How a node is ranked by its resources (NodeResourcesFitArgs.scoringStrategy). */
export interface ScoringStrategy {
  type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  resources: readonly ResourceSpec[];
  shape?: readonly ShapePoint[];
}

/** What the node would have promised of a resource with the pod on it. */
function promised(name: string, pod: PodInfo, node: NodeInfo): number {
  if (name === 'cpu') return node.usual.cpu + pod.usual.cpu;
  if (name === 'memory') return node.usual.memory + pod.usual.memory;
  return node.requested.get(name) + pod.requests.get(name);
}

/** A scalar resource counts only for pods that ask for it. */
export const concerns = (name: string, pod: PodInfo): boolean =>
  name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || pod.requests.get(name) > 0;

type Curve = (wanted: number, has: number) => number;

const least: Curve = (wanted, has) =>
  wanted > has ? 0 : Math.floor(((has - wanted) * maxScore) / has);
const most: Curve = (wanted, has) => Math.floor((Math.min(wanted, has) * maxScore) / has);

/** Straight lines between the points; utilization beyond the last is the last's. */
export function brokenLine(shape: readonly ShapePoint[]): (utilization: number) => number {
  const points = shape.map((p) => ({ at: p.utilization, score: p.score * (maxScore / 10) }));
  return (utilization) => {
    for (const [i, point] of points.entries()) {
      if (utilization > point.at) continue;
      const before = points[i - 1];
      if (!before) return point.score;
      return Math.trunc(
        before.score +
          ((point.score - before.score) * (utilization - before.at)) / (point.at - before.at),
      );
    }
    return points.at(-1)?.score ?? 0;
  };
}

/** The weighted mean over the resources that the node has and the pod is concerned by. */
export function strategyOf(strategy: ScoringStrategy): (pod: PodInfo, node: NodeInfo) => number {
  const { type, resources, shape = [] } = strategy;
  const ratio = type === 'RequestedToCapacityRatio';
  const line = brokenLine(shape);
  const curve: Curve = ratio
    ? (wanted, has) => line(wanted > has ? 100 : Math.floor((wanted * 100) / has))
    : type === 'MostAllocated'
      ? most
      : least;
  return (pod, node) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight } of resources) {
      const has = node.allocatable.get(name);
      if (has === 0 || !concerns(name, pod)) continue;
      const score = curve(promised(name, pod, node), has);
      if (ratio && score <= 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return ratio ? Math.round(sum / weights) : Math.floor(sum / weights);
  };
}
