import type { ReplicaSet, ReplicaSetStatus } from '../../api/generated/types/apps-v1.ts';
import type {
  Pod,
  PodTemplateSpec,
  ReplicationController,
} from '../../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import { keyOf, type ResourceRef } from '../../api/object.ts';
import { selectorFromMap, selectorFromObject, type LabelSelector } from '../../api/selectors.ts';
import type { Change, Client, Mirror } from '../../client/client.ts';
import { eventRecorder } from '../../client/events.ts';
import { Expectations } from '../../client/expectations.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import {
  claim,
  controllerIndex,
  controllerOf,
  isApiError,
  isNamespaceTerminating,
  orphansIn,
} from '../owners.ts';
import { PodControl, podFromTemplate, slowStart, type PodOwner } from '../pod-control.ts';
import { isActive, isReady, isTerminating, nextAvailabilityMs } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { planReplicas, statusOf, type SetView } from './plan.ts';

type Owner = { apiVersion: string; kind: string; metadata: ObjectMeta };

/** How the one loop reads each of the two kinds. */
interface Kind<T extends Owner> {
  ref: ResourceRef;
  name: string;
  selector(set: T): LabelSelector;
  view(set: T): SetView;
  template(set: T): PodTemplateSpec;
  /** ReplicationControllers do not report terminating replicas. */
  countsTerminating: boolean;
}

const replicaSetKind: Kind<ReplicaSet> = {
  ref: refs.replicaSets,
  name: 'replicaset-controller',
  selector: (rs) => selectorFromObject(rs.spec.selector),
  view: (rs) => ({
    replicas: rs.spec.replicas ?? 1,
    minReadySeconds: rs.spec.minReadySeconds ?? 0,
    templateLabels: rs.spec.template?.metadata?.labels ?? {},
    generation: rs.metadata.generation ?? 0,
    status: rs.status ?? {},
  }),
  template: (rs) => rs.spec.template!,
  countsTerminating: true,
};

const replicationControllerKind: Kind<ReplicationController> = {
  ref: refs.replicationControllers,
  name: 'replication-controller',
  selector: (rc) => selectorFromMap(rc.spec.selector),
  view: (rc) => ({
    replicas: rc.spec.replicas ?? 1,
    minReadySeconds: rc.spec.minReadySeconds ?? 0,
    templateLabels: rc.spec.template?.metadata?.labels ?? {},
    generation: rc.metadata.generation ?? 0,
    status: rc.status ?? {},
  }),
  template: (rc) => rc.spec.template!,
  countsTerminating: false,
};

export function startReplicaSetController(ctx: ControllerContext): Controller {
  return new SetController(ctx, replicaSetKind).start();
}

export function startReplicationController(ctx: ControllerContext): Controller {
  return new SetController(ctx, replicationControllerKind).start();
}

class SetController<T extends Owner & { spec: unknown; status?: unknown }> {
  readonly #ctx: ControllerContext;
  readonly #kind: Kind<T>;
  readonly #client: Client;
  readonly #control: PodControl;
  readonly #expectations: Expectations;
  readonly #sets: Mirror<T>;
  readonly #pods: Mirror<Pod>;
  readonly #queue: WorkQueue;

  constructor(ctx: ControllerContext, kind: Kind<T>) {
    this.#ctx = ctx;
    this.#kind = kind;
    this.#client = ctx.clientFor(kind.name);
    const events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: kind.name,
    });
    this.#control = new PodControl(this.#client, events);
    this.#expectations = new Expectations(ctx.clock);
    this.#sets = ctx.mirrors.of<T>(kind.ref, { indexes: controllerIndex });
    this.#pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
    this.#queue = makeQueue(ctx, { name: kind.name, reconcile: (key) => this.#reconcile(key) });
  }

  start(): Controller {
    this.#sets.onChange((change) => {
      if (change.old && change.old.metadata.uid !== change.object.metadata.uid)
        this.#expectations.forget(change.key);
      this.#queue.add(change.key);
    });
    this.#pods.onChange((change) => this.#podChanged(change));
    return run(this.#queue, { name: this.#kind.name, mirrors: [this.#sets, this.#pods] });
  }

  #podChanged({ type, object: pod, old }: Change<Pod>): void {
    const before = old && this.#ownerKey(old);
    const now = this.#ownerKey(pod);
    if (before && before !== now) this.#queue.add(before);
    if (now) {
      if (type === 'DELETED' || pod.metadata.deletionTimestamp)
        this.#expectations.deletionSeen(now, pod.metadata.uid!);
      else if (type === 'ADDED') this.#expectations.creationSeen(now);
      return this.#queue.add(now);
    }
    if (type === 'DELETED' || controllerOf(pod) || pod.metadata.deletionTimestamp) return;
    if (old && old.metadata.labels === pod.metadata.labels && !controllerOf(old)) return;
    for (const set of this.#sets.list(pod.metadata.namespace)) {
      const selector = this.#kind.selector(set);
      if (!selector.empty && selector.matches(pod.metadata.labels)) this.#queue.add(keyOf(set));
    }
  }

  #ownerKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    if (!owner || owner.kind !== this.#kind.ref.kind) return undefined;
    const key = `${pod.metadata.namespace}/${owner.name}`;
    return this.#sets.get(key)?.metadata.uid === owner.uid ? key : undefined;
  }

  async #reconcile(key: string): Promise<void> {
    const set = this.#sets.get(key);
    if (!set) return this.#expectations.forget(key);
    const trusted = this.#expectations.satisfied(key);
    const view = this.#kind.view(set);
    const selector = this.#kind.selector(set);
    const { namespace, uid } = set.metadata;
    const all = [
      ...this.#pods.byIndex('controller', uid!),
      ...this.#pods.byIndex('controller', orphansIn(namespace)),
    ];
    const active = await claim({
      client: this.#client,
      owner: set,
      ownerRef: this.#kind.ref,
      ref: refs.pods,
      selector,
      candidates: all.filter(isActive),
    });
    const terminating = all.filter(
      (p) =>
        isTerminating(p) && controllerOf(p)?.uid === uid && selector.matches(p.metadata.labels),
    ).length;
    const failure =
      trusted && !set.metadata.deletionTimestamp
        ? await this.#manage(key, set, view, active)
        : undefined;
    await this.#writeStatus(
      set,
      statusOf(
        view,
        active,
        this.#kind.countsTerminating ? terminating : undefined,
        failure,
        this.#ctx.clock.now(),
      ),
    );
    if (failure !== undefined) throw failure as Error;
    const next = nextAvailabilityMs(
      active.filter(isReady),
      view.minReadySeconds,
      this.#ctx.clock.now(),
    );
    if (next !== undefined) this.#queue.addAfter(key, next);
  }

  /** Creates or deletes pods; answers what went wrong. */
  async #manage(key: string, set: T, view: SetView, active: Pod[]): Promise<unknown> {
    const plan = planReplicas(view.replicas, active, this.#relatedPods(set), this.#ctx.clock.now());
    const owner: PodOwner = { ref: this.#kind.ref, object: set };
    if (plan.create > 0) {
      this.#expectations.expectCreations(key, plan.create);
      const make = async (): Promise<void> => {
        try {
          await this.#control.create(podFromTemplate(this.#kind.template(set), owner), owner);
        } catch (error) {
          // the set goes too: let the expectation lapse
          if (!isNamespaceTerminating(error)) throw error;
        }
      };
      const { successes, error } = await slowStart(plan.create, make);
      if (plan.create > successes) this.#expectations.creationSeen(key, plan.create - successes);
      return error;
    }
    if (plan.remove.length === 0) return undefined;
    this.#expectations.expectDeletions(
      key,
      plan.remove.map((p) => p.metadata.uid!),
    );
    const results = await Promise.allSettled(
      plan.remove.map(async (pod) => {
        try {
          await this.#control.delete(pod, owner);
        } catch (error) {
          this.#expectations.deletionSeen(key, pod.metadata.uid!);
          if (!isApiError(error, 'NotFound')) throw error;
        }
      }),
    );
    return results.find((r) => r.status === 'rejected')?.reason;
  }

  /**
   * The pods of this set and of its siblings under the same owner: pods that share a node with many
   * of them go first.
   */
  *#relatedPods(set: T): Iterable<Pod> {
    const owner = controllerOf(set);
    const siblings = owner ? [...this.#sets.byIndex('controller', owner.uid)] : [set];
    for (const sibling of siblings) yield* this.#pods.byIndex('controller', sibling.metadata.uid!);
  }

  async #writeStatus(set: T, status: ReplicaSetStatus | undefined): Promise<void> {
    if (!status) return;
    try {
      await this.#client.update(this.#kind.ref, { ...set, status }, { subresource: 'status' });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
