import type { Pod } from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { own } from '../../base/own.ts';
import type { PodMetrics } from './metrics.ts';

/** How far a ratio may be from 1 before anything is done, each way. */
export interface Tolerances {
  down: number;
  up: number;
}

const isWithin = ({ down, up }: Tolerances, ratio: number): boolean =>
  1 - down <= ratio && ratio <= 1 + up;

/** A pod's CPU in its first minutes says nothing of its load (--horizontal-pod-autoscaler-...). */
const cpuInitializationMs = 300_000;
const initialReadinessMs = 30_000;
const mostReplicas = 2 ** 31 - 1;

const ceil = (x: number): number => Math.min(mostReplicas, Math.ceil(x));

export interface Proposal {
  replicas: number;
  /** What the pods use on average, in thousandths. */
  averageMilli: number;
  /** In percent of what they ask for. */
  utilization?: number;
}

export interface Counted {
  pods: readonly Pod[];
  metrics: PodMetrics;
  /** What the target asks for now. */
  current: number;
  /** `cpu`, `memory`; '' for metrics that are no resource. */
  resource: string;
  tolerances: Tolerances;
  nowMs: number;
}

/** For a target in percent of the pods' requests. Throws what the condition says. */
export function byUtilization(
  of: Counted & { target: number; container: string },
): Proposal & { utilization: number } {
  const { pods, target } = of;
  const requests = new Map(
    pods.map((pod) => [pod.metadata.name ?? '', requestOf(pod, of.resource, of.container)]),
  );
  let average = 0;
  let utilization = 0;
  const measure = (metrics: PodMetrics): number => {
    const found = [...metrics].filter(([name]) => requests.has(name));
    const used = found.reduce((sum, [, m]) => sum + m.milli, 0);
    const asked = found.reduce((sum, [name]) => sum + requests.get(name)!, 0);
    if (asked === 0) throw new Error('no metrics returned matched known pods');
    average = Math.trunc(used / found.length);
    utilization = Math.trunc((used * 100) / asked);
    return utilization / target;
  };
  const fallback = Math.max(100, target);
  let first: { averageMilli: number; utilization: number } | undefined;
  const replicas = propose(of, {
    ratio: (metrics) => {
      const ratio = measure(metrics);
      first ??= { averageMilli: average, utilization };
      return ratio;
    },
    missing: (name) => Math.trunc(((requests.get(name) ?? 0) * fallback) / 100),
  });
  return { replicas, averageMilli: first!.averageMilli, utilization: first!.utilization };
}

/** For a target as an amount for each pod, in thousandths. */
export function byAverage(of: Counted & { targetMilli: number }): Proposal {
  let averageMilli: number | undefined;
  const replicas = propose(of, {
    ratio: (metrics) => {
      const used = [...metrics.values()].reduce((sum, m) => sum + m.milli, 0);
      const average = Math.trunc(used / metrics.size);
      averageMilli ??= average;
      return average / of.targetMilli;
    },
    missing: () => of.targetMilli,
  });
  return { replicas, averageMilli: averageMilli! };
}

/**
 * Pods without a metric are taken to use what makes the smaller change; pods that are not ready
 * count when there are to be more.
 */
function propose(
  { pods, metrics: all, current, resource, tolerances, nowMs }: Counted,
  rule: { ratio(metrics: PodMetrics): number; missing(pod: string): number },
): number {
  if (pods.length === 0)
    throw new Error('no pods returned by selector while calculating replica count');
  const { ready, unready, missing, ignored } = groupPods(pods, all, { resource, nowMs });
  const metrics: PodMetrics = new Map(all);
  for (const name of [...ignored, ...unready]) metrics.delete(name);
  if (metrics.size === 0)
    throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const ratio = rule.ratio(metrics);
  const unreadyCount = unready.length > 0 && ratio > 1;
  if (!unreadyCount && missing.length === 0)
    return isWithin(tolerances, ratio) ? current : ceil(ratio * ready);
  const put = (name: string, milli: number): unknown =>
    metrics.set(name, { atMs: 0, windowMs: 0, milli });
  if (ratio < 1) for (const name of missing) put(name, rule.missing(name));
  else if (ratio > 1) for (const name of missing) put(name, 0);
  if (unreadyCount) for (const name of unready) put(name, 0);
  const corrected = rule.ratio(metrics);
  const turned = (ratio < 1 && corrected > 1) || (ratio > 1 && corrected < 1);
  if (isWithin(tolerances, corrected) || turned) return current;
  const replicas = ceil(corrected * metrics.size);
  const wrongWay = (corrected < 1 && replicas > current) || (corrected > 1 && replicas < current);
  return wrongWay ? current : replicas;
}

interface Groups {
  ready: number;
  unready: string[];
  missing: string[];
  ignored: string[];
}

function groupPods(
  pods: readonly Pod[],
  metrics: PodMetrics,
  { resource, nowMs }: { resource: string; nowMs: number },
): Groups {
  const groups: Groups = { ready: 0, unready: [], missing: [], ignored: [] };
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    const metric = metrics.get(name);
    if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Failed') groups.ignored.push(name);
    else if (pod.status?.phase === 'Pending') groups.unready.push(name);
    else if (!metric) groups.missing.push(name);
    else if (resource === 'cpu' && isStarting(pod, metric, nowMs)) groups.unready.push(name);
    else groups.ready += 1;
  }
  return groups;
}

/** Its CPU may be that of its start. */
function isStarting(
  { status }: Pod,
  metric: { atMs: number; windowMs: number },
  nowMs: number,
): boolean {
  const condition = status?.conditions?.find((c) => c.type === 'Ready');
  if (!condition || !status?.startTime) return true;
  const started = Date.parse(status.startTime);
  const changed = Date.parse(condition.lastTransitionTime ?? '') || 0;
  const unready = condition.status === 'False';
  return started + cpuInitializationMs > nowMs
    ? unready || metric.atMs < changed + metric.windowMs
    : unready && started + initialReadinessMs > changed;
}

/** What a pod, or one container of it, asks for, in thousandths. */
function requestOf(pod: Pod, resource: string, container: string): number {
  const { name } = pod.metadata;
  const ofPod = pod.spec.resources?.requests;
  if (container === '' && ofPod && Object.keys(ofPod).length > 0) {
    const whole = own(ofPod, resource);
    if (whole !== undefined) return milliOf(whole);
  }
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ].filter((c) => container === '' || c.name === container);
  if (containers.length === 0) throw new Error(`container ${container} not found in Pod ${name}`);
  return containers.reduce((sum, c) => {
    const request = own(c.resources?.requests, resource);
    if (request === undefined)
      throw new Error(`missing request for ${resource} in container ${c.name} of Pod ${name}`);
    return sum + milliOf(request);
  }, 0);
}

const milliOf = (text: string): number => Number(quantityOf(text).milliValue());

/** For the value of an object or an external series that all pods share. */
export function byValue(of: {
  pods: readonly Pod[];
  usageMilli: number;
  targetMilli: number;
  current: number;
  tolerances: Tolerances;
}): number {
  const ratio = of.usageMilli / of.targetMilli;
  if (of.current === 0) return ceil(ratio);
  if (isWithin(of.tolerances, ratio)) return of.current;
  if (of.pods.length === 0)
    throw new Error(
      'unable to calculate ready pods: ' +
        'no pods returned by selector while calculating replica count',
    );
  const ready = of.pods.filter(
    ({ status }) =>
      status?.phase === 'Running' &&
      status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
  );
  return ceil(ratio * ready.length);
}

/** The same value, of which each pod is to have a share. */
export function byShare(of: {
  usageMilli: number;
  targetMilli: number;
  /** How many pods the target has. */
  status: number;
  tolerances: Tolerances;
}): Proposal {
  const ratio = of.usageMilli / (of.targetMilli * of.status);
  return {
    replicas: isWithin(of.tolerances, ratio) ? of.status : ceil(of.usageMilli / of.targetMilli),
    averageMilli: Math.ceil(of.usageMilli / of.status),
  };
}
