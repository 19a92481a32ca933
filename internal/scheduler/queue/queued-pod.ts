import type { PodInfo } from '../cache/pod-info.ts';
import type { ClusterEvent } from '../framework/events.ts';
import type { Profile } from '../framework/profile.ts';

/** A pod without a node, from when it is seen until it is bound or gone. */
export interface QueuedPod {
  readonly key: string;
  info: PodInfo;
  readonly profile: Profile;
  /** When it came in first: of two equally important pods the older goes first. */
  readonly since: number;
  attempts: number;
  /** When its last attempt began, by the clock that nobody sets. */
  beganAt: number;
  /** Attempts in which it did not fit, and in which something else went wrong, in a row. */
  refusals: number;
  errors: number;
  /** When it was last laid aside. */
  asideAt: number;
  /** It is not looked at before this. */
  backoffUntil: number;
  /** Plug-ins that refused it; their events wake it. Empty: any event does. */
  refusedBy: ReadonlySet<string>;
  /** Plug-ins that wait for something outside; their events wake it without a back-off. */
  pendingOn: ReadonlySet<string>;
  /** The plug-in that does not let it into the queue. */
  gatedBy: string | undefined;
  /** Something that would help happened while it was held back. */
  stirred: boolean;
}

/** What happened while a pod was being looked at. */
export interface InFlight {
  readonly pod: QueuedPod;
  readonly events: ClusterEvent[];
  /** Too much happened to remember it all: it counts as helpful. */
  overflown: boolean;
}

export function queuedPod(info: PodInfo, profile: Profile, now: number): QueuedPod {
  return {
    key: info.key,
    info,
    profile,
    since: now,
    attempts: 0,
    beganAt: 0,
    refusals: 0,
    errors: 0,
    asideAt: now,
    backoffUntil: now,
    refusedBy: new Set(),
    pendingOn: new Set(),
    gatedBy: undefined,
    stirred: false,
  };
}
