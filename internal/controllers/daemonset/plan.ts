import type { DaemonSet, DaemonSetStatus } from '../../api/generated/types/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { msOf } from '../../api/times.ts';
import { scaled } from '../int-or-percent.ts';
import { isAvailable, isReady } from '../pod-facts.ts';
import { nodeOf, placement, revisionLabel } from './placement.ts';

export interface DaemonView {
  ds: DaemonSet;
  nodes: Node[];
  /** The daemon pods by the node they belong to. */
  byNode: Map<string, Pod[]>;
  hash: string;
  nowMs: number;
}

export interface DaemonPlan {
  create: string[];
  remove: Pod[];
  /** Pods that ended by themselves and are among those to remove. */
  failed: Pod[];
  succeeded: Pod[];
}

export function groupByNode(pods: Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) byNode.set(nodeOf(pod), [...(byNode.get(nodeOf(pod)) ?? []), pod]);
  return byNode;
}

const available = (v: DaemonView, pod: Pod): boolean =>
  isAvailable(pod, v.ds.spec.minReadySeconds ?? 0, v.nowMs);
const alive = (pod: Pod): boolean => !pod.metadata.deletionTimestamp;
const isNew = (v: DaemonView, pod: Pod): boolean => pod.metadata.labels?.[revisionLabel] === v.hash;
const oldestFirst = (a: Pod, b: Pod): number =>
  Number(Boolean(b.spec.nodeName)) - Number(Boolean(a.spec.nodeName)) ||
  msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp);

function maxSurge(v: DaemonView, desired: number): number {
  const rolling =
    v.ds.spec.updateStrategy?.type === 'OnDelete'
      ? undefined
      : v.ds.spec.updateStrategy?.rollingUpdate;
  return scaled(rolling?.maxSurge, desired, true);
}

function maxUnavailable(v: DaemonView, desired: number): number {
  const rolling = v.ds.spec.updateStrategy?.rollingUpdate;
  const most = scaled(rolling?.maxUnavailable ?? 1, desired, true);
  return most === 0 && maxSurge(v, desired) === 0 ? 1 : most;
}

/** Where pods are missing and where there are too many, whatever their version. */
export function planPlacement(v: DaemonView): DaemonPlan {
  const plan: DaemonPlan = { create: [], remove: [], failed: [], succeeded: [] };
  const known = new Set(v.nodes.map((n) => n.metadata.name!));
  for (const node of v.nodes) planNode(v, node, plan);
  // Pods that wait for a node which no longer is would wait forever.
  for (const [node, pods] of v.byNode)
    if (!known.has(node)) plan.remove.push(...pods.filter((p) => alive(p) && !p.spec.nodeName));
  return plan;
}

function planNode(v: DaemonView, node: Node, plan: DaemonPlan): void {
  const { run, stay } = placement(v.ds, node);
  const pods = v.byNode.get(node.metadata.name!) ?? [];
  if (run && pods.length === 0) return void plan.create.push(node.metadata.name!);
  if (!stay) return void plan.remove.push(...pods.filter(alive));
  const running: Pod[] = [];
  for (const pod of pods.filter(alive)) {
    if (pod.status?.phase === 'Failed') plan.failed.push(pod);
    else if (pod.status?.phase === 'Succeeded') plan.succeeded.push(pod);
    else running.push(pod);
  }
  plan.remove.push(...plan.succeeded.filter((p) => pods.includes(p)));
  const surge = maxSurge(v, v.nodes.length) > 0;
  if (running.length <= 1) {
    if (
      surge &&
      running.length === 0 &&
      run &&
      pods.every((p) => !alive(p) || plan.failed.includes(p) || plan.succeeded.includes(p))
    )
      plan.create.push(node.metadata.name!);
    return;
  }
  running.sort(oldestFirst);
  if (!surge) return void plan.remove.push(...running.slice(1));
  const [newest, oldest] = [running.find((p) => isNew(v, p)), running.find((p) => !isNew(v, p))];
  plan.remove.push(...running.filter((p) => p !== newest && p !== oldest));
  if (newest && oldest && (!isReady(oldest) || available(v, newest))) plan.remove.push(oldest);
}

/** The next step of a rolling update. */
export function planUpdate(v: DaemonView): { create: string[]; remove: Pod[] } {
  const shouldRun = new Set(
    v.nodes.filter((n) => placement(v.ds, n).run).map((n) => n.metadata.name!),
  );
  const desired = shouldRun.size;
  const surge = maxSurge(v, desired);
  return surge === 0
    ? replaceInPlace(v, shouldRun, maxUnavailable(v, desired))
    : replaceBySurge(v, shouldRun, surge);
}

function replaceInPlace(
  v: DaemonView,
  shouldRun: Set<string>,
  most: number,
): { create: string[]; remove: Pod[] } {
  let unavailable = 0;
  const free: Pod[] = [];
  const candidates: Pod[] = [];
  for (const node of shouldRun) if (!v.byNode.has(node)) unavailable += 1;
  for (const pods of v.byNode.values()) {
    const [fresh, stale] = split(v, pods);
    if ((!fresh && !stale) || (fresh && stale)) unavailable += 1;
    else if (fresh) unavailable += available(v, fresh) ? 0 : 1;
    else if (!available(v, stale!)) {
      free.push(stale!); // it serves nobody: replacing it costs nothing
      unavailable += 1;
    } else candidates.push(stale!);
  }
  return { create: [], remove: [...free, ...candidates.slice(0, Math.max(0, most - unavailable))] };
}

function replaceBySurge(
  v: DaemonView,
  shouldRun: Set<string>,
  surge: number,
): { create: string[]; remove: Pod[] } {
  let extra = 0;
  const remove: Pod[] = [];
  const now: string[] = [];
  const candidates: string[] = [];
  for (const [node, pods] of v.byNode) {
    const [fresh, stale] = split(v, pods);
    if (!fresh && !stale && pods.some((p) => !alive(p))) extra += 1;
    if (!stale) continue;
    if (!fresh) {
      if (!shouldRun.has(node)) remove.push(stale);
      else (available(v, stale) ? candidates : now).push(node);
    } else if (available(v, fresh)) remove.push(stale);
    else extra += 1;
  }
  return { create: [...now, ...candidates.slice(0, Math.max(0, surge - extra))], remove };
}

function split(v: DaemonView, pods: Pod[]): [fresh: Pod | undefined, stale: Pod | undefined] {
  const living = pods.filter(
    (p) => alive(p) && p.status?.phase !== 'Failed' && p.status?.phase !== 'Succeeded',
  );
  return [living.find((p) => isNew(v, p)), living.find((p) => !isNew(v, p))];
}

export function statusOf(v: DaemonView, collisionCount: number): DaemonSetStatus {
  const status = {
    desiredNumberScheduled: 0,
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
    updatedNumberScheduled: 0,
    numberAvailable: 0,
  };
  for (const node of v.nodes) {
    const pods = (v.byNode.get(node.metadata.name!) ?? []).filter(
      (p) => p.spec.nodeName || p.spec.affinity,
    );
    if (!placement(v.ds, node).run) {
      if (pods.length > 0) status.numberMisscheduled += 1;
      continue;
    }
    status.desiredNumberScheduled += 1;
    const [first] = [...pods].sort(oldestFirst);
    if (!first) continue;
    status.currentNumberScheduled += 1;
    const ready = pods.find((p) => alive(p) && isReady(p));
    if (ready) status.numberReady += 1;
    if (ready && pods.some((p) => alive(p) && available(v, p))) status.numberAvailable += 1;
    if (pods.some((p) => isNew(v, p))) status.updatedNumberScheduled += 1;
  }
  return {
    ...status,
    observedGeneration: v.ds.metadata.generation ?? 0,
    numberUnavailable: status.desiredNumberScheduled - status.numberAvailable,
    ...(collisionCount > 0 ? { collisionCount } : {}),
    ...(v.ds.status?.conditions ? { conditions: v.ds.status.conditions } : {}),
  };
}
