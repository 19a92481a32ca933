import { own } from '../../base/own.ts';
import type { Deployment, ReplicaSet, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod, ReplicationController } from '../../api/generated/types/core-v1.ts';
import type { Condition, OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '../../api/generated/types/policy-v1.ts';
import { keyOf } from '../../api/object.ts';
import { formatSelector, selectorFromObject } from '../../api/selectors.ts';
import { messageOf, SkiffError } from '../../base/errors.ts';
import type { Change, Client, Mirror } from '../../client/client.ts';
import { eventRecorder, type EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { msOf, timeOf } from '../../api/times.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { scaled } from '../int-or-percent.ts';
import { controllerOf, isApiError } from '../owners.ts';
import { isFinished, isReady, podCondition } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';

const name = 'disruption-controller';
/** An evicted pod that is not gone after this was not evicted (k/k DeletionTimeout). */
const deletionTimeoutMs = 2 * 60_000;
/** A pod that was marked for disruption and lives on loses the mark after this. */
const staleMarkMs = 2 * 60_000;

export function startDisruptionController(ctx: ControllerContext): Controller {
  return new DisruptionController(ctx).start();
}

/** Says in each PodDisruptionBudget how many of its pods may be evicted now. */
class DisruptionController {
  readonly #ctx: ControllerContext;
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #budgets: Mirror<PodDisruptionBudget>;
  readonly #pods: Mirror<Pod>;
  readonly #scales: {
    sets: Mirror<ReplicaSet>;
    deployments: Mirror<Deployment>;
    stateful: Mirror<StatefulSet>;
    controllers: Mirror<ReplicationController>;
  };
  readonly #queue: WorkQueue;
  readonly #marks: WorkQueue;

  constructor(ctx: ControllerContext) {
    this.#ctx = ctx;
    this.#client = ctx.clientFor(name);
    this.#events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: 'controllermanager',
    });
    this.#budgets = ctx.mirrors.of<PodDisruptionBudget>(refs.podDisruptionBudgets);
    this.#pods = ctx.mirrors.of<Pod>(refs.pods);
    this.#scales = {
      sets: ctx.mirrors.of<ReplicaSet>(refs.replicaSets),
      deployments: ctx.mirrors.of<Deployment>(refs.deployments),
      stateful: ctx.mirrors.of<StatefulSet>(refs.statefulSets),
      controllers: ctx.mirrors.of<ReplicationController>(refs.replicationControllers),
    };
    this.#queue = makeQueue(ctx, { name, reconcile: (key) => this.#reconcile(key) });
    this.#marks = makeQueue(ctx, {
      name: 'stale-disruption-marks',
      reconcile: (key) => this.#dropStaleMark(key),
    });
  }

  start(): Controller {
    this.#budgets.onChange(({ type, key }) => {
      if (type !== 'DELETED') this.#queue.add(key);
    });
    this.#pods.onChange((change) => this.#podChanged(change));
    const scaledKinds: Mirror<{ metadata: { namespace?: string } }>[] = [
      this.#scales.sets,
      this.#scales.deployments,
      this.#scales.stateful,
      this.#scales.controllers,
    ];
    for (const mirror of scaledKinds) {
      mirror.onChange(({ object, old }) => {
        const spec = (o: unknown): unknown =>
          (o as { spec?: { replicas?: number } } | undefined)?.spec?.replicas;
        if (old && spec(old) === spec(object)) return;
        for (const budget of this.#budgets.list(object.metadata.namespace))
          if (!isAbsolute(budget)) this.#queue.add(keyOf(budget));
      });
    }
    const mirrors = [this.#budgets, this.#pods, ...Object.values(this.#scales)];
    void Promise.all(mirrors.map((m) => m.synced)).then(() => this.#marks.start());
    return run(this.#queue, { name, mirrors, stop: () => this.#marks.stop() });
  }

  #podChanged({ type, key, object: pod, old }: Change<Pod>): void {
    if (type !== 'DELETED' && staleInMs(pod, this.#ctx.clock.now()) !== undefined)
      this.#marks.add(key);
    if (
      type === 'MODIFIED' &&
      old &&
      isReady(old) === isReady(pod) &&
      old.metadata.deletionTimestamp === pod.metadata.deletionTimestamp &&
      same(old.metadata.labels, pod.metadata.labels)
    )
      return;
    for (const budget of this.#budgets.list(pod.metadata.namespace)) {
      const selector = selectorFromObject(budget.spec.selector);
      if (selector.matches(pod.metadata.labels) || (old && selector.matches(old.metadata.labels)))
        this.#queue.add(keyOf(budget));
    }
  }

  async #reconcile(key: string): Promise<void> {
    const budget = this.#budgets.get(key);
    if (!budget) return;
    try {
      await this.#sync(key, budget);
    } catch (error) {
      if (isApiError(error, 'Conflict', 'NotFound')) throw error;
      // While it is not known how many there should be, none may go.
      const condition = allowedCondition(budget, {
        status: 'False',
        reason: 'SyncFailed',
        message: messageOf(error),
        nowMs: this.#ctx.clock.now(),
      });
      await this.#write(budget, { ...budget.status, disruptionsAllowed: 0, conditions: condition });
      throw error;
    }
  }

  async #sync(key: string, budget: PodDisruptionBudget): Promise<void> {
    const nowMs = this.#ctx.clock.now();
    const selector = selectorFromObject(budget.spec.selector);
    const pods = [...this.#pods.list(budget.metadata.namespace)].filter(
      (p) => selector.matches(p.metadata.labels) && !isFinished(p),
    );
    if (pods.length === 0) this.#events.normal(budget, 'NoPods', 'No matching pods found');
    const { expected, desired, unmanaged } = await this.#expect(budget, pods);
    if (unmanaged > 0) {
      this.#events.warning(
        budget,
        'UnmanagedPods',
        'Pods selected by this PodDisruptionBudget (selector: ' +
          `${formatSelector(budget.spec.selector)}) were found to be unmanaged. As a result, ` +
          'the status of the PDB cannot be calculated correctly, which may result in undefined ' +
          'behavior. To account for these pods please set ".spec.minAvailable" field of the ' +
          'PDB to an integer value.',
      );
    }
    const disrupted: Record<string, string> = {};
    for (const pod of pods.filter((p) => !p.metadata.deletionTimestamp)) {
      const since = own(budget.status?.disruptedPods, pod.metadata.name!);
      if (since === undefined) continue;
      const waitMs = msOf(since) + deletionTimeoutMs - nowMs;
      if (waitMs < 0) {
        this.#events.warning(
          pod,
          'NotDeleted',
          `Pod was expected by PDB ${budget.metadata.namespace}/${budget.metadata.name} to ` +
            `be deleted but it wasn't`,
        );
      } else {
        disrupted[pod.metadata.name!] = since;
        this.#queue.addAfter(key, waitMs + 1);
      }
    }
    const healthy = pods.filter(
      (p) =>
        !p.metadata.deletionTimestamp &&
        isReady(p) &&
        own(disrupted, p.metadata.name!) === undefined,
    ).length;
    const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
    const state =
      allowed > 0
        ? { status: 'True', reason: 'SufficientPods' }
        : { status: 'False', reason: 'InsufficientPods' };
    await this.#write(budget, {
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      disruptionsAllowed: allowed,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      observedGeneration: budget.metadata.generation ?? 0,
      conditions: allowedCondition(budget, { ...state, message: '', nowMs }),
    });
  }

  async #write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    const zeroless = (s: object | undefined): object =>
      Object.fromEntries(Object.entries(s ?? {}).filter(([, v]) => v !== 0));
    if (same(zeroless(budget.status), zeroless(status))) return;
    await this.#client.update(
      refs.podDisruptionBudgets,
      { ...budget, status },
      { subresource: 'status' },
    );
  }

  async #expect(
    budget: PodDisruptionBudget,
    pods: Pod[],
  ): Promise<{ expected: number; desired: number; unmanaged: number }> {
    const { minAvailable, maxUnavailable } = budget.spec;
    if (typeof minAvailable === 'number')
      return { expected: pods.length, desired: minAvailable, unmanaged: 0 };
    if (maxUnavailable === undefined && minAvailable === undefined)
      return { expected: 0, desired: 0, unmanaged: 0 };
    const { expected, unmanaged } = await this.#scaleOf(pods);
    const desired =
      maxUnavailable === undefined
        ? scaled(minAvailable, expected, true)
        : Math.max(0, expected - scaled(maxUnavailable, expected, true));
    return { expected, desired, unmanaged };
  }

  /** How many pods the owners of these want. */
  async #scaleOf(pods: Pod[]): Promise<{ expected: number; unmanaged: number }> {
    const scales = new Map<string, number>();
    const seen = new Set<string>();
    let unmanaged = 0;
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (!owner) unmanaged += 1;
      else if (!seen.has(owner.uid)) {
        seen.add(owner.uid);
        const scale = await this.#ownerScale(owner, pod.metadata.namespace!);
        if (!scale)
          throw new SkiffError(`found no controllers for pod "${pod.metadata.name}"`, {
            code: 'NO_CONTROLLER',
            op: 'disruption',
          });
        scales.set(scale.uid, scale.replicas);
      }
    }
    return { expected: [...scales.values()].reduce((a, b) => a + b, 0), unmanaged };
  }

  async #ownerScale(
    owner: OwnerReference,
    namespace: string,
  ): Promise<{ uid: string; replicas: number } | undefined> {
    const key = `${namespace}/${owner.name}`;
    const group = owner.apiVersion.split('/')[0];
    const found = <T extends { metadata: { uid?: string }; spec: { replicas?: number } }>(
      object: T | undefined,
      uid: string,
    ): { uid: string; replicas: number } | undefined =>
      object?.metadata.uid === uid ? { uid, replicas: object.spec.replicas ?? 1 } : undefined;
    if (group === 'apps' && owner.kind === 'ReplicaSet') {
      const set = this.#scales.sets.get(key);
      const above = set?.metadata.uid === owner.uid ? controllerOf(set) : undefined;
      if (above?.kind === 'Deployment')
        return found(this.#scales.deployments.get(`${namespace}/${above.name}`), above.uid);
      return found(set, owner.uid);
    }
    if (group === 'apps' && owner.kind === 'StatefulSet')
      return found(this.#scales.stateful.get(key), owner.uid);
    if (owner.apiVersion === 'v1' && owner.kind === 'ReplicationController')
      return found(this.#scales.controllers.get(key), owner.uid);
    const ref = this.#ctx
      .resources()
      .find(
        (r) => r.kind === owner.kind && r.group === (owner.apiVersion.includes('/') ? group : ''),
      );
    if (!ref) return undefined;
    try {
      const scale = await this.#client.get<{
        metadata: { uid?: string };
        spec: { replicas?: number };
      }>(ref, { namespace, name: owner.name, subresource: 'scale' });
      return scale.metadata.uid === owner.uid
        ? { uid: owner.uid, replicas: scale.spec?.replicas ?? 0 }
        : undefined;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #dropStaleMark(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    const waitMs = pod && staleInMs(pod, this.#ctx.clock.now());
    if (!pod || waitMs === undefined) return;
    if (waitMs > 0) return this.#marks.addAfter(key, waitMs);
    const { namespace, name: podName, uid } = pod.metadata;
    const { reason: _reason, message: _message, ...mark } = podCondition(pod, 'DisruptionTarget')!;
    const condition = {
      ...mark,
      status: 'False',
      reason: null,
      message: null,
      lastTransitionTime: timeOf(this.#ctx.clock.now()),
    };
    await this.#client
      .patch(
        refs.pods,
        { namespace, name: podName!, subresource: 'status' },
        { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  }
}

function staleInMs(pod: Pod, nowMs: number): number | undefined {
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

function isAbsolute(budget: PodDisruptionBudget): boolean {
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
