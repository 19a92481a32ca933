import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Condition } from '../../api/generated/types/meta-v1.ts';
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '../../api/generated/types/policy-v1.ts';
import { formatSelector, selectorFromObject } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import { scaled } from '../int-or-percent.ts';
import { statusWrite } from '../kit/status.ts';
import { earliest, nothing, say, type Plan, type Step } from '../kit/write.ts';
import { isFinished, isReady, podCondition } from '../pod-facts.ts';

/** An evicted pod that is not gone after this was not evicted (k/k DeletionTimeout). */
const deletionTimeoutMs = 2 * 60_000;
/** A pod that was marked for disruption and lives on loses the mark after this. */
const staleMarkMs = 2 * 60_000;

export interface BudgetView {
  what: 'budget';
  budget: PodDisruptionBudget;
  /** The unfinished pods that the budget selects. */
  pods: Pod[];
  /** How many pods their owners want; what cannot be found out is told in words. */
  scale: Scale | { unknown: string };
  nowMs: number;
}

export interface Scale {
  expected: number;
  /** Pods without an owner: they count for nothing. */
  unmanaged: number;
}

/** A pod with a mark that it is about to be taken away. */
export interface MarkView {
  what: 'mark';
  pod: Pod;
  nowMs: number;
}

export type View = BudgetView | MarkView;

export function plan(v: View): Plan {
  return v.what === 'mark' ? planMark(v) : planBudget(v);
}

/** The pods that a budget is about. */
export function selectedBy(budget: PodDisruptionBudget, pods: Iterable<Pod>): Pod[] {
  const selector = selectorFromObject(budget.spec.selector);
  return [...pods].filter((p) => selector.matches(p.metadata.labels) && !isFinished(p));
}

/** Whether it has to be asked how many pods there should be. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return (
    typeof spec.minAvailable !== 'number' &&
    (spec.maxUnavailable !== undefined || spec.minAvailable !== undefined)
  );
}

/** How many of a budget's pods may be evicted now. */
function planBudget(v: BudgetView): Plan {
  const { budget, pods, nowMs } = v;
  const events: Step[] =
    pods.length === 0 ? [say(budget, 'Normal', 'NoPods', 'No matching pods found')] : [];
  if ('unknown' in v.scale) {
    // While it is not known how many there should be, none may go.
    const state = { status: 'False', reason: 'SyncFailed', message: v.scale.unknown };
    const conditions = allowedCondition(budget, { ...state, nowMs });
    const status = { ...budget.status, disruptionsAllowed: 0, conditions };
    // Nothing tells when the scale can be read: it is tried again after a back-off.
    return { steps: [...events, ...write(budget, status)], failure: v.scale.unknown };
  }
  if (v.scale.unmanaged > 0) events.push(unmanaged(budget));
  const { expected, desired } = countsOf(v, v.scale);
  const disrupted = stillDisrupted(v);
  const healthy = pods.filter(
    (p) =>
      !p.metadata.deletionTimestamp &&
      isReady(p) &&
      own(disrupted.pods, p.metadata.name!) === undefined,
  ).length;
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
  const state =
    allowed > 0
      ? { status: 'True', reason: 'SufficientPods' }
      : { status: 'False', reason: 'InsufficientPods' };
  const status = {
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    disruptionsAllowed: allowed,
    ...(Object.keys(disrupted.pods).length > 0 ? { disruptedPods: disrupted.pods } : {}),
    observedGeneration: budget.metadata.generation ?? 0,
    conditions: allowedCondition(budget, { ...state, message: '', nowMs }),
  };
  return {
    steps: [...events, ...disrupted.events, ...write(budget, status)],
    againInMs: disrupted.againInMs,
  };
}

const write = (budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Step[] =>
  statusWrite(refs.podDisruptionBudgets, budget, status);

function countsOf(
  { budget, pods }: BudgetView,
  { expected }: Scale,
): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable };
  if (maxUnavailable === undefined && minAvailable === undefined)
    return { expected: 0, desired: 0 };
  const desired =
    maxUnavailable === undefined
      ? scaled(minAvailable, expected, true)
      : Math.max(0, expected - scaled(maxUnavailable, expected, true));
  return { expected, desired };
}

/** The evictions that are under way: pods that were let go and are still to be deleted. */
function stillDisrupted({ budget, pods, nowMs }: BudgetView): {
  pods: Record<string, string>;
  events: Step[];
  againInMs: number | undefined;
} {
  const found: Record<string, string> = {};
  const events: Step[] = [];
  const waits: number[] = [];
  for (const pod of pods.filter((p) => !p.metadata.deletionTimestamp)) {
    const since = own(budget.status?.disruptedPods, pod.metadata.name!);
    if (since === undefined) continue;
    const waitMs = msOf(since) + deletionTimeoutMs - nowMs;
    if (waitMs < 0) {
      const which = `${budget.metadata.namespace}/${budget.metadata.name}`;
      const message = `Pod was expected by PDB ${which} to be deleted but it wasn't`;
      events.push(say(pod, 'Warning', 'NotDeleted', message));
    } else {
      found[pod.metadata.name!] = since;
      waits.push(waitMs + 1);
    }
  }
  return { pods: found, events, againInMs: earliest(...waits) };
}

function unmanaged(budget: PodDisruptionBudget): Step {
  return say(
    budget,
    'Warning',
    'UnmanagedPods',
    'Pods selected by this PodDisruptionBudget (selector: ' +
      `${formatSelector(budget.spec.selector)}) were found to be unmanaged. As a result, ` +
      'the status of the PDB cannot be calculated correctly, which may result in undefined ' +
      'behavior. To account for these pods please set ".spec.minAvailable" field of the ' +
      'PDB to an integer value.',
  );
}

function planMark({ pod, nowMs }: MarkView): Plan {
  const waitMs = staleInMs(pod, nowMs);
  if (waitMs === undefined) return nothing;
  if (waitMs > 0) return { steps: [], againInMs: waitMs };
  const { reason: _reason, message: _message, ...mark } = podCondition(pod, 'DisruptionTarget')!;
  const condition = {
    ...mark,
    status: 'False',
    reason: null,
    message: null,
    lastTransitionTime: timeOf(nowMs),
  };
  const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
  const patch = { type: 'strategic' as const, body };
  return { steps: [{ verb: 'patch', ref: refs.pods, object: pod, subresource: 'status', patch }] };
}

/** When a mark is no longer believed; undefined where there is none to look at. */
export function staleInMs(pod: Pod, nowMs: number): number | undefined {
  const mark = podCondition(pod, 'DisruptionTarget');
  if (
    pod.metadata.deletionTimestamp ||
    isFinished(pod) ||
    mark?.status !== 'True' ||
    mark.reason === 'TerminationByKubelet'
  )
    return undefined;
  return Math.max(0, msOf(mark.lastTransitionTime) + staleMarkMs - nowMs);
}

export function isAbsolute(budget: PodDisruptionBudget): boolean {
  return typeof budget.spec.minAvailable === 'number';
}

function allowedCondition(
  budget: PodDisruptionBudget,
  o: { status: string; reason: string; message: string; nowMs: number },
): Condition[] {
  const present = (budget.status?.conditions ?? []).find((c) => c.type === 'DisruptionAllowed');
  const lastTransitionTime =
    present?.status === o.status ? present.lastTransitionTime : timeOf(o.nowMs);
  const next: Condition = {
    type: 'DisruptionAllowed',
    status: o.status,
    observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime,
    reason: o.reason,
    message: o.message,
  };
  return [...(budget.status?.conditions ?? []).filter((c) => c !== present), next];
}
