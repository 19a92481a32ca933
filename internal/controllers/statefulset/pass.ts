import { equalAs } from '../../api/equality.ts';
import type { ControllerRevision, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import { planHistory, planTruncation, templateOf, type HistoryPlan } from '../history.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import { nothing, say, type Plan, type Write } from '../kit/write.ts';
import { nextAvailabilityMs } from '../pod-facts.ts';
import {
  claimOwners,
  claimsOf,
  ordinalOf,
  podOf,
  replicasOf,
  revisionNameOf,
  startOrdinal,
} from './identity.ts';
import { planSteps, statusOf, type SetView, type Step } from './plan.ts';

const hashLabel = 'controller.kubernetes.io/hash';
const defaultHistoryLimit = 10;

/** All that one pass over a StatefulSet looks at. */
export interface StatefulSetView {
  set: StatefulSet;
  /** The set's own pods, those with an ordinal in their name. */
  pods: Pod[];
  /** The set's own revisions. */
  revisions: ControllerRevision[];
  named(revision: string): ControllerRevision | undefined;
  /** A claim in the set's namespace. */
  claimNamed(name: string): PersistentVolumeClaim | undefined;
  nowMs: number;
}

interface Revisions {
  history: HistoryPlan;
  current: ControllerRevision;
  update: ControllerRevision;
}

function revisionsOf(v: StatefulSetView): Revisions {
  const { set } = v;
  const history = planHistory({
    owner: set,
    ownerRef: refs.statefulSets,
    hashLabel,
    revisions: v.revisions,
    named: (name) => v.named(name),
    collisionCount: set.status?.collisionCount ?? 0,
  });
  const present = history.list.find((r) => r.metadata.name === set.status?.currentRevision);
  return { history, current: present ?? history.current, update: history.current };
}

function replicasView(v: StatefulSetView, r: Revisions, pods: Pod[]): SetView {
  return {
    set: v.set,
    pods,
    currentRevision: r.current.metadata.name!,
    updateRevision: r.update.metadata.name!,
    nowMs: v.nowMs,
  };
}

const isIdle = ({ set }: StatefulSetView): boolean => selectorFromObject(set.spec.selector).empty;

export function planStatefulSet(v: StatefulSetView): Plan {
  if (isIdle(v)) return nothing;
  const revisions = revisionsOf(v);
  const made = new Set<string>();
  const steps = planSteps(replicasView(v, revisions, v.pods));
  return {
    steps: [
      ...revisions.history.writes,
      ...claimOwnerWrites(v),
      ...steps.flatMap((step) => writesFor(v, step, revisions, made)),
    ],
  };
}

function writesFor(
  v: StatefulSetView,
  step: Step,
  revisions: Revisions,
  made: Set<string>,
): Write[] {
  const { set } = v;
  switch (step.do) {
    case 'create': {
      const revision = revisions[step.revision];
      const object = podOf(set, templateOf(revision), step.ordinal, revision.metadata.name!);
      const write: Write = { verb: 'create', ref: refs.pods, object };
      const told = tellingOf(set, 'create', object.metadata.name!);
      return [...claimWrites(v, step.ordinal, made), { ...write, ...told }];
    }
    case 'delete': {
      const options = { preconditions: { uid: step.pod.metadata.uid } };
      const write: Write = { verb: 'delete', ref: refs.pods, object: step.pod, options };
      return [{ ...write, ...tellingOf(set, 'delete', step.pod.metadata.name!) }];
    }
    case 'claims':
      return claimWrites(v, step.ordinal, made);
    case 'relabel': {
      const body = { metadata: { uid: step.pod.metadata.uid, labels: step.labels } };
      const patch = { type: 'merge' as const, body };
      return [{ verb: 'patch', ref: refs.pods, object: step.pod, patch }];
    }
  }
}

function tellingOf(
  set: StatefulSet,
  verb: 'create' | 'delete',
  pod: string,
): Pick<Write, 'done' | 'failed'> {
  const what = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`;
  const reason = verb === 'create' ? 'Create' : 'Delete';
  return {
    done: () => say(set, 'Normal', `Successful${reason}`, `${what} successful`),
    failed: (error) => say(set, 'Warning', `Failed${reason}`, `${what} failed error: ${error}`),
  };
}

/** The claims that a replica lacks. */
function claimWrites(v: StatefulSetView, ordinal: number, made: Set<string>): Write[] {
  const { set } = v;
  const owners = claimOwners(set, [], undefined);
  return claimsOf(set, ordinal).flatMap((wanted): Write[] => {
    const name = wanted.metadata.name!;
    if (v.claimNamed(name) || made.has(name)) return [];
    made.add(name);
    const metadata = {
      ...wanted.metadata,
      ...(owners.length > 0 ? { ownerReferences: owners } : {}),
    };
    const what =
      `create Claim ${name} Pod ${set.metadata.name}-${ordinal} in ` +
      `StatefulSet ${set.metadata.name}`;
    return [
      {
        verb: 'create',
        ref: refs.persistentVolumeClaims,
        object: { metadata, spec: wanted.spec },
        forgives: ['AlreadyExists'],
        done: () => say(set, 'Normal', 'SuccessfulCreate', `${what} success`),
        failed: (error) => say(set, 'Warning', 'FailedCreate', `${what} failed error: ${error}`),
      },
    ];
  });
}

/** Claims whose owners are not those that the set's retention policy asks for. */
function claimOwnerWrites(v: StatefulSetView): Write[] {
  const { set, pods } = v;
  if (!set.spec.persistentVolumeClaimRetentionPolicy) return [];
  const start = startOrdinal(set);
  return pods.flatMap((pod) => {
    const ordinal = ordinalOf(set, pod);
    const condemned = ordinal >= start + replicasOf(set) || ordinal < start;
    return claimsOf(set, ordinal).flatMap((wanted): Write[] => {
      const present = v.claimNamed(wanted.metadata.name!);
      if (!present || present.metadata.deletionTimestamp) return [];
      const before = present.metadata.ownerReferences ?? [];
      const ownerReferences = claimOwners(set, before, condemned ? pod : undefined);
      if (equalAs('[]#OwnerReference', ownerReferences, before)) return [];
      const object = { ...present, metadata: { ...present.metadata, ownerReferences } };
      return [{ verb: 'update', ref: refs.persistentVolumeClaims, object }];
    });
  });
}

/** The status by what was made and deleted, and revisions beyond the limit. */
export function concludeStatefulSet(v: StatefulSetView, outcome: Outcome): Plan {
  if (isIdle(v)) return nothing;
  const { set } = v;
  // A status must not name a revision that is not there.
  if (outcome.failedAt(refs.controllerRevisions)) return nothing;
  const revisions = revisionsOf(v);
  const removed = new Set(outcome.removed().map((o) => o.metadata.uid));
  const made = outcome.created().filter((o) => (o as Partial<Pod>).kind === 'Pod') as Pod[];
  const deletionTimestamp = timeOf(v.nowMs);
  const pods = [
    ...v.pods.map((p) =>
      removed.has(p.metadata.uid) ? { ...p, metadata: { ...p.metadata, deletionTimestamp } } : p,
    ),
    ...made,
  ];
  const view = replicasView(v, revisions, pods);
  const status = statusOf(view, revisions.history.collisionCount);
  const live = new Set([view.currentRevision, view.updateRevision, ...pods.map(revisionNameOf)]);
  return {
    steps: [
      ...statusWrite(refs.statefulSets, set, status),
      ...planTruncation(
        revisions.history.list,
        live,
        set.spec.revisionHistoryLimit ?? defaultHistoryLimit,
      ),
    ],
    againInMs: nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, v.nowMs),
  };
}
