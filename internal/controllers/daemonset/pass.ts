import type { ControllerRevision, DaemonSet } from '../../api/generated/types/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { planHistory, planTruncation, type HistoryPlan } from '../history.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import { earliest, nothing, say, type Plan, type Step } from '../kit/write.ts';
import { podCreation, podDeletion, type PodOwner } from '../pod-control.ts';
import { nextAvailabilityMs } from '../pod-facts.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { waitLeftMs, type Failures } from './failure-back-off.ts';
import { nodeOf, podOf, revisionLabel } from './placement.ts';
import { groupByNode, planPlacement, planUpdate, statusOf, type DaemonView } from './plan.ts';

/** As other workload controllers: no more pods than this in one pass. */
const burst = 250;
const defaultHistoryLimit = 10;

/** All that one pass over a DaemonSet looks at. */
export interface DaemonSetView {
  ds: DaemonSet;
  nodes: Node[];
  /** The set's own pods. */
  pods: Pod[];
  /** The set's own revisions. */
  revisions: ControllerRevision[];
  named(name: string): ControllerRevision | undefined;
  failures: Failures | undefined;
  nowMs: number;
  monotonicMs: number;
}

function historyOf(v: DaemonSetView): HistoryPlan {
  return planHistory({
    owner: v.ds,
    ownerRef: refs.daemonSets,
    hashLabel: revisionLabel,
    revisions: v.revisions,
    named: (name) => v.named(name),
    collisionCount: v.ds.status?.collisionCount ?? 0,
  });
}

function daemonsOf(v: DaemonSetView, history: HistoryPlan, pods: Pod[]): DaemonView {
  const hash = history.current.metadata.labels?.[revisionLabel] ?? '';
  return { ds: v.ds, nodes: v.nodes, byNode: groupByNode(pods), hash, nowMs: v.nowMs };
}

/** First where pods are missing or too many; an update goes on only when all are in place. */
export function planDaemonSet(v: DaemonSetView): Plan {
  const { ds } = v;
  if (selectorFromObject(ds.spec.selector).empty) {
    const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
    return { steps: [say(ds, 'Warning', 'SelectingAll', message)] };
  }
  if (ds.metadata.deletionTimestamp) return nothing;
  const history = historyOf(v);
  const daemons = daemonsOf(v, history, v.pods);
  const placing = planPlacement(daemons);
  const waits = placing.failed.map((p) => waitLeftMs(v.failures, nodeOf(p), v.monotonicMs));
  const failed = placing.failed.filter((_, i) => waits[i] === 0);
  const events = [
    ...placing.succeeded.map((pod) => found(ds, pod, 'succeeded')),
    ...failed.map((pod) => found(ds, pod, 'failed')),
  ];
  const remove = [...placing.remove, ...failed];
  const inPlace = placing.create.length + remove.length === 0;
  const change =
    inPlace && ds.spec.updateStrategy?.type !== 'OnDelete'
      ? planUpdate(daemons)
      : { create: placing.create, remove };
  return {
    steps: [...history.writes, ...events, ...changes(daemons, change)],
    againInMs: earliest(...waits.filter((ms) => ms > 0)),
  };
}

function found(ds: DaemonSet, pod: Pod, how: 'succeeded' | 'failed'): Step {
  const what =
    `Found ${how} daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ` +
    `${nodeOf(pod)}, will try to ${how === 'failed' ? 'kill' : 'delete'} it`;
  return how === 'failed'
    ? say(ds, 'Warning', 'FailedDaemonPod', what)
    : say(ds, 'Normal', 'SucceededDaemonPod', what);
}

function changes({ ds, hash }: DaemonView, plan: { create: string[]; remove: Pod[] }): Step[] {
  const owner: PodOwner = { ref: refs.daemonSets, object: ds };
  const create = plan.create
    .slice(0, burst)
    .map((node) => podCreation(podOf(ds, node, hash), owner));
  const remove = plan.remove.slice(0, burst).map((pod) => podDeletion(pod, owner));
  const steps: Step[] = [];
  // A node that has one too many is helped even where another may get none.
  if (remove.length > 0) steps.push({ pace: 'together', writes: remove, goOn: true });
  if (create.length > 0) steps.push({ pace: 'slow-start', writes: create });
  return steps;
}

/** The failed pods that this pass has taken away. */
export function takenAway(v: DaemonSetView, outcome: Outcome): Pod[] {
  const removed = new Set(outcome.removed().map((o) => o.metadata.uid));
  return v.pods.filter((p) => removed.has(p.metadata.uid) && p.status?.phase === 'Failed');
}

/** The status by what was made and deleted, and revisions beyond the limit. */
export function concludeDaemonSet(v: DaemonSetView, outcome: Outcome): Plan {
  const { ds } = v;
  if (selectorFromObject(ds.spec.selector).empty || ds.metadata.deletionTimestamp) return nothing;
  // A status must not name a revision that is not there.
  if (outcome.failedAt(refs.controllerRevisions)) return nothing;
  const history = historyOf(v);
  const removed = new Set(outcome.removed().map((o) => o.metadata.uid));
  const made = outcome.created().filter((o) => !('revision' in o)) as Pod[];
  const pods = [...v.pods.filter((p) => !removed.has(p.metadata.uid)), ...made];
  const status = statusOf(daemonsOf(v, history, pods), history.collisionCount);
  const live = new Set(pods.map((p) => p.metadata.labels?.[revisionLabel]));
  const inUse = history.list.filter(
    (r) => r === history.current || live.has(r.metadata.labels?.[revisionLabel]),
  );
  return {
    steps: [
      ...statusWrite(refs.daemonSets, ds, status),
      ...planTruncation(
        history.list,
        new Set(inUse.map((r) => r.metadata.name!)),
        ds.spec.revisionHistoryLimit ?? defaultHistoryLimit,
      ),
    ],
    againInMs: nextAvailabilityMs(pods, ds.spec.minReadySeconds ?? 0, v.nowMs),
  };
}
