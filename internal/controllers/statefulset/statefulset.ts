import type {
  ControllerRevision,
  StatefulSet,
  StatefulSetStatus,
} from '../../api/generated/types/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import type { Change, Client, Mirror } from '../../client/client.ts';
import { eventRecorder, type EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { History, templateOf } from '../history.ts';
import { LastWrite } from '../last-write.ts';
import {
  claim,
  controllerIndex,
  controllerOf,
  isApiError,
  isNamespaceTerminating,
  orphansIn,
} from '../owners.ts';
import { nextAvailabilityMs } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { same } from '../same.ts';
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

const name = 'statefulset-controller';
const defaultHistoryLimit = 10;

export function startStatefulSetController(ctx: ControllerContext): Controller {
  return new StatefulSetController(ctx).start();
}

class StatefulSetController {
  readonly #ctx: ControllerContext;
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #sets: Mirror<StatefulSet>;
  readonly #pods: Mirror<Pod>;
  readonly #claims: Mirror<PersistentVolumeClaim>;
  readonly #revisions: Mirror<ControllerRevision>;
  readonly #history: History;
  readonly #queue: WorkQueue;
  readonly #writtenPods = new LastWrite();
  readonly #writtenSets = new LastWrite();
  readonly #writtenRevisions = new LastWrite();

  constructor(ctx: ControllerContext) {
    this.#ctx = ctx;
    this.#client = ctx.clientFor(name);
    this.#events = eventRecorder({
      client: this.#client,
      clock: ctx.clock,
      log: ctx.log,
      component: name,
    });
    this.#sets = ctx.mirrors.of<StatefulSet>(refs.statefulSets);
    this.#pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });
    this.#claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
    this.#revisions = ctx.mirrors.of<ControllerRevision>(refs.controllerRevisions, {
      indexes: controllerIndex,
    });
    const hashLabel = 'controller.kubernetes.io/hash';
    this.#history = new History({
      client: this.#client,
      ref: refs.statefulSets,
      hashLabel,
      revisions: this.#revisions,
      written: this.#writtenRevisions,
    });
    this.#queue = makeQueue(ctx, { name, reconcile: (key) => this.#reconcile(key) });
  }

  start(): Controller {
    this.#sets.onChange(({ key }) => this.#queue.add(key));
    this.#pods.onChange((change) => this.#podChanged(change));
    return run(this.#queue, {
      name,
      mirrors: [this.#sets, this.#pods, this.#claims, this.#revisions],
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
    for (const set of this.#sets.list(pod.metadata.namespace)) {
      const selector = selectorFromObject(set.spec.selector);
      if (!selector.empty && selector.matches(pod.metadata.labels)) this.#queue.add(keyOf(set));
    }
  }

  #setKey(pod: Pod): string | undefined {
    const owner = controllerOf(pod);
    const key =
      owner?.kind === 'StatefulSet' ? `${pod.metadata.namespace}/${owner.name}` : undefined;
    return key !== undefined && this.#sets.get(key)?.metadata.uid === owner?.uid ? key : undefined;
  }

  async #reconcile(key: string): Promise<void> {
    const set = this.#sets.get(key);
    if (!set) {
      for (const written of [this.#writtenPods, this.#writtenSets, this.#writtenRevisions])
        written.forget(key);
      return;
    }
    const behind =
      !this.#writtenPods.caughtUp(key, this.#pods) ||
      !this.#writtenSets.caughtUp(key, this.#sets) ||
      !this.#writtenRevisions.caughtUp(key, this.#revisions);
    if (behind) return this.#queue.addRateLimited(key);
    const selector = selectorFromObject(set.spec.selector);
    if (selector.empty) return;
    const list = await this.#history.list(set);
    const candidates = [
      ...this.#pods.byIndex('controller', set.metadata.uid!),
      ...this.#pods.byIndex('controller', orphansIn(set.metadata.namespace)),
    ];
    const filter = (pod: Pod): boolean => ordinalOf(set, pod) >= 0;
    const pods = await claim({
      client: this.#client,
      owner: set,
      ownerRef: refs.statefulSets,
      ref: refs.pods,
      selector,
      candidates,
      filter,
    });
    const history = await this.#history.current(set, key, list, set.status?.collisionCount ?? 0);
    const current =
      history.list.find((r) => r.metadata.name === set.status?.currentRevision) ?? history.revision;
    const view: SetView = {
      set,
      pods,
      currentRevision: current.metadata.name!,
      updateRevision: history.revision.metadata.name!,
      nowMs: this.#ctx.clock.now(),
    };
    const failure = await this.#takeSteps(key, view, { current, update: history.revision });
    await this.#writeStatus(key, set, statusOf(view, history.collisionCount));
    const live = new Set([view.currentRevision, view.updateRevision, ...pods.map(revisionNameOf)]);
    await this.#history.truncate(
      history.list,
      live,
      set.spec.revisionHistoryLimit ?? defaultHistoryLimit,
    );
    if (failure !== undefined) throw failure as Error;
    const next = nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, this.#ctx.clock.now());
    if (next !== undefined) this.#queue.addAfter(key, next);
  }

  async #takeSteps(
    key: string,
    view: SetView,
    revisions: { current: ControllerRevision; update: ControllerRevision },
  ): Promise<unknown> {
    await this.#syncClaimOwners(view);
    for (const step of planSteps(view)) {
      try {
        await this.#take(key, view, step, revisions);
      } catch (error) {
        if (isNamespaceTerminating(error)) return undefined;
        return error;
      }
    }
    return undefined;
  }

  async #take(
    key: string,
    view: SetView,
    step: Step,
    revisions: { current: ControllerRevision; update: ControllerRevision },
  ): Promise<void> {
    const { set } = view;
    const { namespace } = set.metadata;
    switch (step.do) {
      case 'create': {
        const revision = revisions[step.revision];
        await this.#makeClaims(set, step.ordinal);
        const wanted = podOf(set, templateOf(revision), step.ordinal, revision.metadata.name!);
        const made = await this.#recorded(set, 'create', wanted.metadata.name!, () =>
          this.#client.create<Pod>(refs.pods, wanted),
        );
        this.#writtenPods.note(key, made);
        view.pods.push(made);
        return;
      }
      case 'delete': {
        const podName = step.pod.metadata.name!;
        const remove = (): Promise<unknown> =>
          this.#client.delete(
            refs.pods,
            { namespace, name: podName },
            { preconditions: { uid: step.pod.metadata.uid } },
          );
        await this.#recorded(set, 'delete', podName, remove).catch((error: unknown) => {
          if (!isApiError(error, 'NotFound')) throw error;
        });
        const at = view.pods.indexOf(step.pod);
        view.pods[at] = {
          ...step.pod,
          metadata: { ...step.pod.metadata, deletionTimestamp: timeOf(view.nowMs) },
        };
        return;
      }
      case 'claims':
        return this.#makeClaims(set, step.ordinal);
      case 'relabel': {
        const body = { metadata: { uid: step.pod.metadata.uid, labels: step.labels } };
        await this.#client.patch(
          refs.pods,
          { namespace, name: step.pod.metadata.name! },
          { type: 'merge', body },
        );
      }
    }
  }

  async #recorded<T>(
    set: StatefulSet,
    verb: 'create' | 'delete',
    podName: string,
    act: () => Promise<T>,
  ): Promise<T> {
    const what = `${verb} Pod ${podName} in StatefulSet ${set.metadata.name}`;
    const reason = verb === 'create' ? 'Create' : 'Delete';
    try {
      const done = await act();
      this.#events.normal(set, `Successful${reason}`, `${what} successful`);
      return done;
    } catch (error) {
      if (!isNamespaceTerminating(error) && !isApiError(error, 'NotFound'))
        this.#events.warning(set, `Failed${reason}`, `${what} failed error: ${messageOf(error)}`);
      throw error;
    }
  }

  async #makeClaims(set: StatefulSet, ordinal: number): Promise<void> {
    for (const wanted of claimsOf(set, ordinal)) {
      const claimKey = `${wanted.metadata.namespace}/${wanted.metadata.name}`;
      if (this.#claims.get(claimKey)) continue;
      const what =
        `create Claim ${wanted.metadata.name} Pod ${set.metadata.name}-${ordinal} in ` +
        `StatefulSet ${set.metadata.name}`;
      const owners = claimOwners(set, [], undefined);
      try {
        await this.#client.create(refs.persistentVolumeClaims, {
          metadata: {
            ...wanted.metadata,
            ...(owners.length > 0 ? { ownerReferences: owners } : {}),
          },
          spec: wanted.spec,
        });
        this.#events.normal(set, 'SuccessfulCreate', `${what} success`);
      } catch (error) {
        if (isApiError(error, 'AlreadyExists')) continue;
        this.#events.warning(set, 'FailedCreate', `${what} failed error: ${messageOf(error)}`);
        throw error;
      }
    }
  }

  async #syncClaimOwners({ set, pods }: SetView): Promise<void> {
    if (
      !set.spec.persistentVolumeClaimRetentionPolicy ||
      (set.spec.volumeClaimTemplates ?? []).length === 0
    )
      return;
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod);
      const condemned =
        ordinal >= startOrdinal(set) + replicasOf(set) || ordinal < startOrdinal(set);
      for (const wanted of claimsOf(set, ordinal)) {
        const present = this.#claims.get(`${wanted.metadata.namespace}/${wanted.metadata.name}`);
        if (!present || present.metadata.deletionTimestamp) continue;
        const owners = claimOwners(
          set,
          present.metadata.ownerReferences ?? [],
          condemned ? pod : undefined,
        );
        if (same(owners, present.metadata.ownerReferences)) continue;
        await this.#client.update(refs.persistentVolumeClaims, {
          ...present,
          metadata: { ...present.metadata, ownerReferences: owners },
        });
      }
    }
  }

  async #writeStatus(key: string, set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    const zeroless = (s: object | undefined): object =>
      Object.fromEntries(Object.entries(s ?? {}).filter(([, v]) => v !== 0));
    if (same(zeroless(set.status), zeroless(status))) return;
    try {
      this.#writtenSets.note(
        key,
        await this.#client.update<StatefulSet>(
          refs.statefulSets,
          { ...set, status },
          { subresource: 'status' },
        ),
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
