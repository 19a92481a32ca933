import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetStatus,
} from '../../api/generated/types/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { Change, Client, Mirror } from '../../client/client.ts';
import { eventRecorder, type EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { History } from '../history.ts';
import { LastWrite } from '../last-write.ts';
import {
  claim,
  controllerIndex,
  controllerOf,
  isApiError,
  isNamespaceTerminating,
  orphansIn,
} from '../owners.ts';
import { PodControl, slowStart, type PodOwner } from '../pod-control.ts';
import { nextAvailabilityMs } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';
import { groupByNode, planPlacement, planUpdate, statusOf, type DaemonView } from './plan.ts';
import { nodeOf, placement, podOf, revisionLabel } from './placement.ts';

const name = 'daemon-set-controller';
/** As other workload controllers: no more pods than this in one pass. */
const burst = 250;
const defaultHistoryLimit = 10;
/** A daemon that fails at once must not be made anew as fast as it can fail. */
const firstFailureWaitMs = 1000;
const longestFailureWaitMs = 15 * 60_000;

export function startDaemonSetController(ctx: ControllerContext): Controller {
  return new DaemonSetController(ctx).start();
}

class DaemonSetController {
  readonly #ctx: ControllerContext;
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #control: PodControl;
  readonly #sets: Mirror<DaemonSet>;
  readonly #pods: Mirror<Pod>;
  readonly #nodes: Mirror<Node>;
  readonly #revisions: Mirror<ControllerRevision>;
  readonly #history: History;
  readonly #queue: WorkQueue;
  readonly #writtenPods = new LastWrite();
  readonly #writtenSets = new LastWrite();
  readonly #writtenRevisions = new LastWrite();
  /** By set and node: when a failed pod may be taken away, and how long the next one waits. */
  readonly #failures = new Map<string, { dueMs: number; waitMs: number }>();

  constructor(ctx: ControllerContext) {
    this.#ctx = ctx;
    this.#client = ctx.clientFor(name);
    this.#events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: 'daemonset-controller',
    });
    this.#control = new PodControl(this.#client, this.#events);
    this.#sets = ctx.mirrors.of<DaemonSet>(refs.daemonSets);
    this.#pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
    this.#nodes = ctx.mirrors.of<Node>(refs.nodes);
    this.#revisions = ctx.mirrors.of<ControllerRevision>(refs.controllerRevisions, {
      indexes: controllerIndex,
    });
    this.#history = new History({
      client: this.#client,
      ref: refs.daemonSets,
      hashLabel: revisionLabel,
      revisions: this.#revisions,
      written: this.#writtenRevisions,
    });
    this.#queue = makeQueue(ctx, { name, reconcile: (key) => this.#reconcile(key) });
  }

  start(): Controller {
    this.#sets.onChange(({ key }) => this.#queue.add(key));
    this.#pods.onChange((change) => this.#podChanged(change));
    this.#nodes.onChange(({ type, object, old }) => {
      if (
        type === 'MODIFIED' &&
        old &&
        same(old.metadata.labels, object.metadata.labels) &&
        same(old.spec?.taints, object.spec?.taints)
      )
        return;
      for (const ds of this.#sets.list()) {
        const [before, now] = [old && placement(ds, old), placement(ds, object)];
        if (type === 'DELETED' || !before || before.run !== now.run || before.stay !== now.stay)
          this.#queue.add(keyOf(ds));
      }
    });
    return run(this.#queue, {
      name,
      mirrors: [this.#sets, this.#pods, this.#nodes, this.#revisions],
    });
  }

  #podChanged({ type, object: pod, old }: Change<Pod>): void {
    const [before, now] = [old && this.#setKey(old), this.#setKey(pod)];
    if (before && before !== now) this.#queue.add(before);
    if (now) return this.#queue.add(now);
    if (
      type === 'DELETED' ||
      controllerOf(pod) ||
      (old && same(old.metadata.labels, pod.metadata.labels) && !controllerOf(old))
    )
      return;
    for (const ds of this.#sets.list(pod.metadata.namespace)) {
      const selector = selectorFromObject(ds.spec.selector);
      if (!selector.empty && selector.matches(pod.metadata.labels)) this.#queue.add(keyOf(ds));
    }
  }

  #setKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    const key = owner?.kind === 'DaemonSet' ? `${pod.metadata.namespace}/${owner.name}` : undefined;
    return key !== undefined && this.#sets.get(key)?.metadata.uid === owner?.uid ? key : undefined;
  }

  async #reconcile(key: string): Promise<void> {
    const ds = this.#sets.get(key);
    if (!ds) {
      for (const written of [this.#writtenPods, this.#writtenSets, this.#writtenRevisions])
        written.forget(key);
      for (const at of this.#failures.keys())
        if (at.startsWith(`${key}/`)) this.#failures.delete(at);
      return;
    }
    const selector = selectorFromObject(ds.spec.selector);
    if (selector.empty)
      return this.#events.warning(
        ds,
        'SelectingAll',
        'This daemon set is selecting all pods. A non-empty selector is required.',
      );
    if (ds.metadata.deletionTimestamp) return;
    const behind =
      !this.#writtenPods.caughtUp(key, this.#pods) ||
      !this.#writtenSets.caughtUp(key, this.#sets) ||
      !this.#writtenRevisions.caughtUp(key, this.#revisions);
    if (behind) return this.#queue.addRateLimited(key);
    const list = await this.#history.list(ds);
    const history = await this.#history.current(ds, key, list, ds.status?.collisionCount ?? 0);
    const hash = history.revision.metadata.labels?.[revisionLabel] ?? '';
    const candidates = [
      ...this.#pods.byIndex('controller', ds.metadata.uid!),
      ...this.#pods.byIndex('controller', orphansIn(ds.metadata.namespace)),
    ];
    const pods = await claim({
      client: this.#client,
      owner: ds,
      ownerRef: refs.daemonSets,
      ref: refs.pods,
      selector,
      candidates,
    });
    const view = (): DaemonView => ({
      ds,
      nodes: [...this.#nodes.list()],
      byNode: groupByNode(pods),
      hash,
      nowMs: this.#ctx.clock.now(),
    });
    const failure = await this.#manage(key, view(), pods);
    await this.#writeStatus(key, ds, statusOf(view(), history.collisionCount));
    const live = new Set(pods.map((p) => p.metadata.labels?.[revisionLabel]));
    const inUse = new Set(
      history.list
        .filter((r) => r === history.revision || live.has(r.metadata.labels?.[revisionLabel]))
        .map((r) => r.metadata.name!),
    );
    await this.#history.truncate(
      history.list,
      inUse,
      ds.spec.revisionHistoryLimit ?? defaultHistoryLimit,
    );
    if (failure !== undefined) throw failure as Error;
    const next = nextAvailabilityMs(pods, ds.spec.minReadySeconds ?? 0, this.#ctx.clock.now());
    if (next !== undefined) this.#queue.addAfter(key, next);
  }

  async #manage(key: string, view: DaemonView, pods: Pod[]): Promise<unknown> {
    const placing = planPlacement(view);
    const { ds } = view;
    for (const pod of placing.succeeded) {
      const what = `${pod.metadata.namespace}/${pod.metadata.name} on node ${nodeOf(pod)}`;
      this.#events.normal(
        ds,
        'SucceededDaemonPod',
        `Found succeeded daemon pod ${what}, will try to delete it`,
      );
    }
    const failed = placing.failed.filter((pod) => this.#mayTakeAway(key, ds, pod));
    let failure = await this.#apply(
      key,
      view,
      { create: placing.create, remove: [...placing.remove, ...failed] },
      pods,
    );
    if (
      failure === undefined &&
      ds.spec.updateStrategy?.type !== 'OnDelete' &&
      placing.create.length + placing.remove.length + failed.length === 0
    ) {
      failure = await this.#apply(
        key,
        view,
        planUpdate({ ...view, byNode: groupByNode(pods) }),
        pods,
      );
    }
    return failure;
  }

  #mayTakeAway(key: string, ds: DaemonSet, pod: Pod): boolean {
    const at = `${key}/${nodeOf(pod)}`;
    const now = this.#ctx.clock.monotonicMs();
    const before = this.#failures.get(at);
    if (before && now < before.dueMs) {
      this.#queue.addAfter(key, before.dueMs - now);
      return false;
    }
    // After a long quiet time the count starts anew.
    const waitMs =
      before && now - before.dueMs < 2 * longestFailureWaitMs
        ? Math.min(before.waitMs * 2, longestFailureWaitMs)
        : firstFailureWaitMs;
    this.#failures.set(at, { dueMs: now + waitMs, waitMs });
    this.#events.warning(
      ds,
      'FailedDaemonPod',
      `Found failed daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ` +
        `${nodeOf(pod)}, will try to kill it`,
    );
    return true;
  }

  /** Makes and deletes pods, and puts what became of it into `pods`. */
  async #apply(
    key: string,
    view: DaemonView,
    plan: { create: string[]; remove: Pod[] },
    pods: Pod[],
  ): Promise<unknown> {
    const owner: PodOwner = { ref: refs.daemonSets, object: view.ds };
    const create = plan.create.slice(0, burst);
    const { error } = await slowStart(create.length, async (i) => {
      try {
        const made = await this.#control.create(podOf(view.ds, create[i]!, view.hash), owner);
        this.#writtenPods.note(key, made);
        pods.push(made);
      } catch (failed) {
        if (!isNamespaceTerminating(failed)) throw failed;
      }
    });
    const results = await Promise.allSettled(
      plan.remove.slice(0, burst).map(async (pod) => {
        await this.#control.delete(pod, owner).catch((failed: unknown) => {
          if (!isApiError(failed, 'NotFound')) throw failed;
        });
        pods.splice(pods.indexOf(pod), 1);
      }),
    );
    return error ?? results.find((r) => r.status === 'rejected')?.reason;
  }

  async #writeStatus(key: string, ds: DaemonSet, status: DaemonSetStatus): Promise<void> {
    const zeroless = (s: object | undefined): object =>
      Object.fromEntries(Object.entries(s ?? {}).filter(([, v]) => v !== 0));
    if (same(zeroless(ds.status), zeroless(status))) return;
    try {
      this.#writtenSets.note(
        key,
        await this.#client.update<DaemonSet>(
          refs.daemonSets,
          { ...ds, status },
          { subresource: 'status' },
        ),
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
