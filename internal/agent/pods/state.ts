import type { Pod, PodCondition, PodStatus } from '../../api/generated/types/core-v1.ts';
import type { WaitingReason } from '../status/container-statuses.ts';
import { emptyRuntime, isFinished, type PodRuntime } from './model.ts';
import { firstGrant, type ResizeState } from './resize.ts';

/** Where a pod is in its life on this node (the states of README.md). */
export type LifePhase = 'running' | 'terminating' | 'terminated' | 'gone';

/** A decision of the node about a pod's life. */
export interface Verdict {
  reason: string;
  message: string;
  condition?: PodCondition;
  graceSeconds?: number;
}

/** Everything that is known of a pod besides its object. A value: it is replaced, never changed. */
export interface PodState {
  readonly phase: LifePhase;
  /** What the runtime holds, as it was last read. */
  readonly runtime: PodRuntime;
  /** An earlier life of the agent started it. */
  readonly restored: boolean;
  /** Why containers do not run, by name. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly verdict: Verdict | undefined;
  /** The shortest grace period that was asked for; undefined = the pod's own. */
  readonly graceSeconds: number | undefined;
  /** The grace period by which the pod is being stopped at this moment. */
  readonly stopping: { readonly graceSeconds: number | undefined } | undefined;
  /** The API object (or the manifest) is gone. */
  readonly deleted: boolean;
  readonly resize: ResizeState;
  /** RFC 3339; when the node took the pod. */
  readonly startTime: string;
  /** The status that was made last. */
  readonly status: PodStatus;
  /** A sandbox that failed half-way may keep its name for a while: the next takes another. */
  readonly leastAttempt: number;
}

/** A pod that has just come. A finished, deleted or refused one is ended at once. */
export function firstState(
  pod: Pod,
  from: { restored: boolean; verdict: Verdict | undefined; now: string },
): PodState {
  const { restored, verdict } = from;
  const state: PodState = {
    phase: 'running',
    runtime: emptyRuntime,
    restored,
    waiting: new Map(),
    verdict,
    graceSeconds: undefined,
    stopping: undefined,
    deleted: false,
    resize: firstGrant(pod, restored),
    startTime: pod.status?.startTime ?? from.now,
    status: pod.status ?? {},
    leastAttempt: 0,
  };
  return pod.metadata.deletionTimestamp || isFinished(pod) || verdict
    ? terminating(state, pod.metadata.deletionGracePeriodSeconds ?? undefined)
    : state;
}

/** What the state becomes when the pod should end, with this grace period or a shorter one. */
export function terminating(state: PodState, graceSeconds: number | undefined): PodState {
  const shorter =
    graceSeconds !== undefined &&
    (state.graceSeconds === undefined || graceSeconds < state.graceSeconds);
  return {
    ...state,
    phase: state.phase === 'running' ? 'terminating' : state.phase,
    graceSeconds: shorter ? graceSeconds : state.graceSeconds,
  };
}

/** The object changed from `before` to `now`. */
export function updated(state: PodState, before: Pod, now: Pod): PodState {
  if (now.metadata.deletionTimestamp)
    return terminating(state, now.metadata.deletionGracePeriodSeconds ?? undefined);
  return isFinished(now) && state.phase === 'running' && !isFinished(before)
    ? terminating(state, undefined)
    : state;
}

/** The object is gone. */
export function removed(state: PodState, pod: Pod): PodState {
  return terminating(
    { ...state, deleted: true },
    pod.metadata.deletionGracePeriodSeconds ?? state.graceSeconds,
  );
}

/** The node ends the pod; the first decision stands. */
export function judged(state: PodState, verdict: Verdict): PodState {
  if (state.phase !== 'running' || state.verdict) return state;
  return terminating({ ...state, verdict }, verdict.graceSeconds);
}
