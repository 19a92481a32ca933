import type { Pod } from '../api/generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts';
import { selectorFromObject } from '../api/selectors.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';
import { nodeCheck, unavailable } from './plan.ts';
import type { Refusal, View } from './plugin.ts';

/** A node that would do if these pods went. */
export interface Candidate {
  node: string;
  victims: Pod[];
  /** Victims whose disruption budget is used up. */
  violations: number;
}

const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0;
const startOf = (pod: Pod): number =>
  Date.parse(pod.status.startTime ?? pod.metadata.creationTimestamp ?? '') || 0;

/** More important first: higher priority, then running for longer. */
const byImportance = (a: Pod, b: Pod): number =>
  priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b);

export type Preemption = { candidate: Candidate } | { candidate: undefined; message: string };

/** Which pods of lower priority should make room, or why it is of no use. Pure. */
export function preempt(
  view: View,
  refusals: Map<string, Refusal>,
  budgets: PodDisruptionBudget[],
): Preemption {
  const all = view.nodes.length;
  const why = new Map<string, Refusal>();
  const say = (node: string, reason: string): void =>
    void why.set(node, { reasons: [reason], final: true });
  if (view.pod.pod.spec.preemptionPolicy === 'Never')
    return { candidate: undefined, message: 'not eligible due to preemptionPolicy=Never.' };
  const candidates: Candidate[] = [];
  for (const node of view.nodes) {
    const refusal = refusals.get(node.name);
    if (!refusal || refusal.final) say(node.name, 'Preemption is not helpful for scheduling');
    else {
      const candidate = victimsOn(view, node, budgets);
      if (candidate) candidates.push(candidate);
      else say(node.name, 'No preemption victims found for incoming pod');
    }
  }
  const best = candidates.sort(better)[0];
  return best ? { candidate: best } : { candidate: undefined, message: unavailable(all, why) };
}

/**
 * Takes away all less important pods, then puts back as many as still fit, the protected and
 * important ones first.
 */
function victimsOn(
  view: View,
  node: NodeInfo,
  budgets: PodDisruptionBudget[],
): Candidate | undefined {
  const own = priorityOf(view.pod.pod);
  const lower = [...node.pods.values()].filter((p) => priorityOf(p.pod) < own);
  if (lower.length === 0) return undefined;
  const trial = node.copy();
  for (const p of lower) trial.remove(p.pod.metadata.uid ?? '');
  const fits = (): boolean => {
    const check = nodeCheck({
      ...view,
      nodes: view.nodes.map((n) => (n.name === trial.name ? trial : n)),
    });
    return typeof check !== 'string' && !check(trial);
  };
  if (!fits()) return undefined;
  const { violating, others } = byBudget(lower, budgets);
  const victims: Pod[] = [];
  let violations = 0;
  const reprieve = (info: PodInfo): boolean => {
    trial.add(info);
    if (fits()) return true;
    trial.remove(info.pod.metadata.uid ?? '');
    victims.push(info.pod);
    return false;
  };
  for (const info of violating) if (!reprieve(info)) violations++;
  for (const info of others) reprieve(info);
  return { node: node.name, victims: victims.sort(byImportance), violations };
}

function byBudget(
  pods: PodInfo[],
  budgets: PodDisruptionBudget[],
): { violating: PodInfo[]; others: PodInfo[] } {
  const sorted = [...pods].sort((a, b) => byImportance(a.pod, b.pod));
  const left = budgets.map((b) => ({
    budget: b,
    allowed: b.status.disruptionsAllowed,
    selector: selectorFromObject(b.spec.selector),
  }));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of sorted) {
    const { namespace, labels, name } = info.pod.metadata;
    const own = left.filter(
      (b) =>
        b.budget.metadata.namespace === namespace &&
        !b.selector.empty &&
        b.selector.matches(labels ?? {}) &&
        !b.budget.status.disruptedPods?.[name ?? ''],
    );
    for (const b of own) b.allowed--;
    (own.some((b) => b.allowed < 0) ? violating : others).push(info);
  }
  return { violating, others };
}

/** kube-scheduler's order of preference among nodes. */
function better(a: Candidate, b: Candidate): number {
  const highest = (c: Candidate): number => Math.max(...c.victims.map(priorityOf), -Infinity);
  const sum = (c: Candidate): number => c.victims.reduce((s, p) => s + priorityOf(p) + 2 ** 31, 0);
  const earliest = (c: Candidate): number =>
    Math.min(...c.victims.filter((p) => priorityOf(p) === highest(c)).map(startOf));
  return (
    a.violations - b.violations ||
    highest(a) - highest(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    earliest(b) - earliest(a)
  );
}
