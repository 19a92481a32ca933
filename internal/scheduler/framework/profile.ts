import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { CycleState } from './cycle-state.ts';
import type { ClusterEvent, EventWithHint } from './events.ts';
import { maxScore, type ExtensionPoint, type Plugin, type QueueOrder } from './plugin.ts';
import {
  failed,
  isRejected,
  skip,
  unresolvable,
  unschedulable,
  type NodeStatuses,
  type Status,
} from './status.ts';

/** A plug-in with a method, so that calling it needs no check. */
export type With<P extends keyof Plugin> = Plugin & Required<Pick<Plugin, P>>;

/** The plug-ins of each extension point in the order in which they are called. */
export type Chosen = { [P in ExtensionPoint]: readonly With<P>[] };

export interface ProfileOptions {
  schedulerName: string;
  chosen: Chosen;
  /** How much each score plug-in counts, by name. */
  weights: ReadonlyMap<string, number>;
  /** 0: by the size of the cluster. */
  percentageOfNodesToScore: number;
}

export type PreFiltered =
  | { status: Status }
  | { status: undefined; nodeNames: ReadonlySet<string> | undefined; narrowedBy: Set<string> };

/** One way of scheduling: the plug-ins that pods of a schedulerName go through. */
export class Profile {
  readonly schedulerName: string;
  readonly percentageOfNodesToScore: number;
  readonly plugins: Chosen;
  readonly #weights: ReadonlyMap<string, number>;
  readonly #hints = new Map<string, readonly EventWithHint[] | undefined>();
  readonly #keepsState: readonly Plugin[];

  constructor({ schedulerName, chosen, weights, percentageOfNodesToScore }: ProfileOptions) {
    this.schedulerName = schedulerName;
    this.percentageOfNodesToScore = percentageOfNodesToScore;
    this.plugins = chosen;
    this.#weights = weights;
    this.#keepsState = chosen.preFilter.filter((p) => p.addPod ?? p.removePod);
    for (const plugins of Object.values(chosen))
      for (const plugin of plugins) this.#hints.set(plugin.name, plugin.events?.());
  }

  queueSort(a: QueueOrder, b: QueueOrder): number {
    return this.plugins.queueSort[0]?.queueSort(a, b) ?? a.since - b.since;
  }

  /** The first plug-in that does not let the pod into the queue. */
  preEnqueue({ pod }: PodInfo): Status | undefined {
    for (const plugin of this.plugins.preEnqueue) {
      const status = plugin.preEnqueue(pod);
      if (status) return status;
    }
    return undefined;
  }

  preFilter(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): PreFiltered {
    let nodeNames: ReadonlySet<string> | undefined;
    const narrowedBy = new Set<string>();
    for (const plugin of this.plugins.preFilter) {
      const found = plugin.preFilter(state, pod, nodes);
      if (!found) continue;
      if ('nodeNames' in found) {
        const { nodeNames: named } = found;
        const before: ReadonlySet<string> | undefined = nodeNames;
        nodeNames = before ? new Set([...before].filter((name) => named.has(name))) : named;
        narrowedBy.add(plugin.name);
        if (nodeNames.size === 0) return { status: nothingLeft([...narrowedBy]) };
      } else if (found.code === 'Skip') state.skipFilter.add(plugin.name);
      else return { status: found };
    }
    return { status: undefined, nodeNames, narrowedBy };
  }

  /** Checks nodes against every filter that has something to say about this pod. */
  filters(state: CycleState): readonly With<'filter'>[] {
    return this.plugins.filter.filter((p) => !state.skipFilter.has(p.name));
  }

  addPod(state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo): void {
    for (const plugin of this.#keepsState)
      if (!state.skipFilter.has(plugin.name)) plugin.addPod?.(state, pod, added, node);
  }

  removePod(state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo): void {
    for (const plugin of this.#keepsState)
      if (!state.skipFilter.has(plugin.name)) plugin.removePod?.(state, pod, removed, node);
  }

  /** The first plug-in that made room, or all that they say. */
  postFilter(
    state: CycleState,
    pod: PodInfo,
    statuses: NodeStatuses,
  ): { nominated?: string; status: Status | undefined } {
    const reasons: string[] = [];
    let nominated: string | undefined;
    let plugin = '';
    for (const p of this.plugins.postFilter) {
      const result = p.postFilter(state, pod, statuses);
      if (!result.status)
        return result.nominated === undefined
          ? { status: undefined }
          : { nominated: result.nominated, status: undefined };
      if (!isRejected(result.status)) return { status: result.status };
      if (result.nominated !== undefined) ({ nominated } = result);
      plugin ||= p.name;
      reasons.push(...result.status.reasons);
      if (result.status.code === 'UnschedulableAndUnresolvable') break;
    }
    const status = unschedulable(plugin, ...reasons);
    return nominated === undefined ? { status } : { nominated, status };
  }

  /** The sum of all weighted scores of each node, or what went wrong. */
  score(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): number[] | Status {
    for (const plugin of this.plugins.preScore) {
      const status = plugin.preScore(state, pod, nodes);
      if (status?.code === 'Skip') state.skipScore.add(plugin.name);
      else if (status) return status;
    }
    const totals = Array.from<number>({ length: nodes.length }).fill(0);
    const scores = Array.from<number>({ length: nodes.length }).fill(0);
    for (const plugin of this.plugins.score) {
      if (state.skipScore.has(plugin.name)) continue;
      const weight = this.#weights.get(plugin.name) ?? 1;
      for (let i = 0; i < nodes.length; i++)
        scores[i] = plugin.score(state, pod, nodes[i] as NodeInfo, i);
      plugin.normalize?.(state, scores, nodes);
      for (let i = 0; i < nodes.length; i++) {
        const score = scores[i] as number;
        if (!(score >= 0 && score <= maxScore))
          return failed(plugin.name, `plugin ${plugin.name} returns an invalid score ${score}`);
        totals[i] = (totals[i] as number) + score * weight;
      }
    }
    return totals;
  }

  reserve(state: CycleState, pod: PodInfo, node: string): Status | undefined {
    for (const plugin of this.plugins.reserve) {
      const status = plugin.reserve(state, pod, node);
      if (status) return status;
    }
    return undefined;
  }

  /** In the opposite order, as what was taken last is given back first. */
  unreserve(state: CycleState, pod: PodInfo, node: string): void {
    for (const plugin of [...this.plugins.reserve].reverse()) plugin.unreserve?.(state, pod, node);
  }

  /** Wait, with the longest time of all that want to; otherwise the first refusal. */
  permit(state: CycleState, pod: PodInfo, node: string): Status | undefined {
    let waits: Status | undefined;
    for (const plugin of this.plugins.permit) {
      const status = plugin.permit(state, pod, node);
      if (status?.code === 'Wait') {
        if (!waits || (status.timeoutMs ?? 0) > (waits.timeoutMs ?? 0)) waits = status;
      } else if (status) return status;
    }
    return waits;
  }

  /** Skip when no plug-in has anything to do before binding. */
  preBindPreFlight(state: CycleState, pod: PodInfo, node: string): Status | undefined {
    let works = false;
    for (const plugin of this.plugins.preBind) {
      const status = plugin.preBindPreFlight?.(state, pod, node);
      if (!status) works = true;
      else if (status.code !== 'Skip') return status;
    }
    return works ? undefined : skip;
  }

  async preBind(
    state: CycleState,
    pod: PodInfo,
    node: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> {
    for (const plugin of this.plugins.preBind) {
      if (plugin.preBindPreFlight?.(state, pod, node)?.code === 'Skip') continue;
      const status = await plugin.preBind(state, pod, node, signal);
      if (status) return status;
    }
    return undefined;
  }

  async bind(state: CycleState, pod: PodInfo, node: string): Promise<Status | undefined> {
    for (const plugin of this.plugins.bind) {
      const status = await plugin.bind(state, pod, node);
      if (status?.code !== 'Skip') return status;
    }
    return failed('', 'no bind plugin bound the pod');
  }

  postBind(state: CycleState, pod: PodInfo, node: string): void {
    for (const plugin of this.plugins.postBind) plugin.postBind(state, pod, node);
  }

  /** Whether an event may undo what these plug-ins refused a pod for. */
  mayHelp(pod: PodInfo, refusedBy: ReadonlySet<string>, event: ClusterEvent): boolean {
    for (const name of refusedBy) {
      const hints = this.#hints.get(name);
      if (hints === undefined) return true;
      for (const { resource, actions, hint } of hints)
        if (
          resource === event.resource &&
          (actions & event.actions) !== 0 &&
          (!hint || hint(pod.pod, event))
        )
          return true;
    }
    return false;
  }
}

function nothingLeft(plugins: string[]): Status {
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${plugins[0]}`
      : `node(s) didn't satisfy plugin(s) [${plugins.sort().join(' ')}] simultaneously`;
  return unresolvable(plugins[0] ?? '', reason);
}
