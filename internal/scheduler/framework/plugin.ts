import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { CycleState } from './cycle-state.ts';
import type { EventWithHint } from './events.ts';
import type { NodeStatuses, Status } from './status.ts';

/** Only these nodes need be looked at. */
export interface PreFilterResult {
  nodeNames: ReadonlySet<string>;
}

export interface PostFilterResult {
  /** The node the pod waits for; '' takes an earlier nomination back, undefined leaves it. */
  nominated?: string;
  status: Status | undefined;
}

/** What a waiting pod is sorted by. */
export interface QueueOrder {
  info: PodInfo;
  /** When it came into the queue, in milliseconds of the monotonic clock. */
  since: number;
}

/**
 * A plug-in of the scheduling framework (KEP-624). It takes part in the extension points whose
 * methods it has. `undefined` is success; everything up to Reserve is synchronous and writes
 * nothing but its own state, so that one cycle sees one cluster.
 */
export interface Plugin {
  readonly name: string;
  /** Which changes may undo its refusals. None given: any change may. */
  events?(): readonly EventWithHint[];

  /** Whether the pod may be scheduled at all yet. */
  preEnqueue?(pod: Pod): Status | undefined;
  /** Negative when `a` goes first. */
  queueSort?(a: QueueOrder, b: QueueOrder): number;

  /** Looks at the whole cluster once. Skip: this plug-in does not filter for this pod. */
  preFilter?(
    state: CycleState,
    pod: PodInfo,
    nodes: readonly NodeInfo[],
  ): PreFilterResult | Status | undefined;
  /** A trial adds or removes a pod: brings the PreFilter state up to date. */
  addPod?(state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo): void;
  removePod?(state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo): void;
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined;
  /** No node fits: the plug-in may make room. */
  postFilter?(state: CycleState, pod: PodInfo, statuses: NodeStatuses): PostFilterResult;

  /** Skip: this plug-in does not score for this pod. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): Status | undefined;
  /** A whole number; after `normalize` 0 (worst) to 100. `at`: which of preScore's nodes it is. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo, at: number): number;
  normalize?(state: CycleState, scores: number[], nodes: readonly NodeInfo[]): void;

  reserve?(state: CycleState, pod: PodInfo, node: string): Status | undefined;
  /** Takes `reserve` back; called also for what was never reserved. */
  unreserve?(state: CycleState, pod: PodInfo, node: string): void;
  permit?(state: CycleState, pod: PodInfo, node: string): Status | undefined;
  /** Skip: `preBind` has nothing to do for this pod. */
  preBindPreFlight?(state: CycleState, pod: PodInfo, node: string): Status | undefined;
  preBind?(
    state: CycleState,
    pod: PodInfo,
    node: string,
    signal: AbortSignal,
  ): Promise<Status | undefined>;
  /** Skip: another plug-in binds this pod. */
  bind?(state: CycleState, pod: PodInfo, node: string): Promise<Status | undefined>;
  postBind?(state: CycleState, pod: PodInfo, node: string): void;
}

export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;
export type ExtensionPoint = (typeof extensionPoints)[number];

/** The best score (framework.MaxNodeScore). */
export const maxScore = 100;

/** Brings raw numbers to 0..100 (helper.DefaultNormalizeScore); `reverse`: the smallest is best. */
export function normalizeScores(scores: number[], reverse: boolean): void {
  let most = 0;
  for (const score of scores) if (score > most) most = score;
  for (let i = 0; i < scores.length; i++) {
    if (most === 0) {
      if (reverse) scores[i] = maxScore;
      continue;
    }
    const part = Math.floor((maxScore * (scores[i] as number)) / most);
    scores[i] = reverse ? maxScore - part : part;
  }
}
