import type {
  Deployment,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client, Mirror } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { Clock } from '../../io/clock.ts';
import { controllerOf, controllerRef, isApiError, isNamespaceTerminating } from '../owners.ts';
import { same } from '../same.ts';
import { templateHash } from '../template-hash.ts';
import { countedStatus, rolloutStatus } from './status.ts';
import * as view from './view.ts';

export interface RolloutOptions {
  client: Client;
  clock: Clock;
  events: EventRecorder;
  sets: Mirror<ReplicaSet>;
  deployment: Deployment;
  owned: ReplicaSet[];
}

/**
 * One reconcile of one deployment. Holds the deployment and its sets as the writes of this pass
 * have left them.
 */
export class Rollout {
  d: Deployment;
  current: ReplicaSet | undefined;
  old: ReplicaSet[];
  readonly #o: RolloutOptions;

  constructor(options: RolloutOptions) {
    this.#o = options;
    this.d = options.deployment;
    ({ current: this.current, old: this.old } = view.splitSets(this.d, options.owned));
  }

  get all(): ReplicaSet[] {
    return this.current ? [...this.old, this.current] : [...this.old];
  }

  /**
   * Finds or makes the set for the present template and keeps revisions in step. False: the pass
   * ends here and a later one goes on.
   */
  async syncRevision(create: boolean): Promise<boolean> {
    const revision =
      this.old.map(view.revisionOf).reduce((most, r) => (r > most ? r : most), 0n) + 1n;
    if (this.current) return this.#refreshCurrent(this.current, revision);
    return create ? this.#createCurrent(revision) : true;
  }

  async #refreshCurrent(rs: ReplicaSet, revision: bigint): Promise<boolean> {
    const annotations = view.setAnnotations(this.d, rs, revision, true);
    const minReadySeconds = this.d.spec.minReadySeconds ?? 0;
    if (
      !same(annotations, rs.metadata.annotations) ||
      minReadySeconds !== (rs.spec.minReadySeconds ?? 0)
    ) {
      const next = {
        ...rs,
        metadata: { ...rs.metadata, annotations },
        spec: { ...rs.spec, minReadySeconds },
      };
      this.current = await this.#o.client.update<ReplicaSet>(refs.replicaSets, next);
      return true;
    }
    const conditions = this.d.status?.conditions ?? [];
    const found = view.condition(
      'Progressing',
      'True',
      'FoundNewReplicaSet',
      `Found new replica set "${rs.metadata.name}"`,
      this.#o.clock.now(),
    );
    const needsCondition =
      view.hasDeadline(this.d) && !conditions.some((c) => c.type === 'Progressing');
    await this.#setRevision(
      annotations[view.revisionAnnotation] ?? '',
      needsCondition ? view.withCondition(conditions, found) : undefined,
    );
    return true;
  }

  async #createCurrent(revision: bigint): Promise<boolean> {
    const wanted = this.#newSet(revision);
    const { client, clock, events } = this.#o;
    let existed = false;
    try {
      this.current = await client.create<ReplicaSet>(refs.replicaSets, wanted);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists'))
        return this.#creationFailed(wanted.metadata.name, error);
      existed = true;
      if (!(await this.#adoptExisting(wanted.metadata.name))) throw error;
    }
    if (!existed && wanted.spec.replicas > 0) {
      events.normal(
        this.d,
        'ScalingReplicaSet',
        `Scaled up replica set ${wanted.metadata.name} from 0 to ${wanted.spec.replicas}`,
      );
    }
    const made = view.condition(
      'Progressing',
      'True',
      'NewReplicaSetCreated',
      `Created new replica set "${wanted.metadata.name}"`,
      clock.now(),
    );
    const withMade =
      !existed && view.hasDeadline(this.d)
        ? view.withCondition(this.d.status?.conditions ?? [], made)
        : undefined;
    await this.#setRevision(String(revision), withMade);
    return true;
  }

  #newSet(revision: bigint) {
    const { d } = this;
    const hash = templateHash(d.spec.template, d.status?.collisionCount);
    const labels = { ...d.spec.template.metadata?.labels, [view.hashLabel]: hash };
    const selector = {
      ...d.spec.selector,
      matchLabels: { ...d.spec.selector?.matchLabels, [view.hashLabel]: hash },
    };
    const replicas = view.currentSetSize(d, this.old, 0);
    const metadata = {
      name: `${d.metadata.name}-${hash}`,
      namespace: d.metadata.namespace,
      labels,
      ownerReferences: [controllerRef(refs.deployments, d)],
    };
    const annotations = view.setAnnotations(d, { metadata: {} }, revision, false);
    const template = { ...d.spec.template, metadata: { ...d.spec.template.metadata, labels } };
    return {
      metadata: { ...metadata, annotations },
      spec: { replicas, minReadySeconds: d.spec.minReadySeconds ?? 0, selector, template },
    };
  }

  async #creationFailed(name: string, error: unknown): Promise<boolean> {
    if (isNamespaceTerminating(error)) throw error;
    const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
    if (view.hasDeadline(this.d)) {
      const failed = view.condition(
        'Progressing',
        'False',
        'ReplicaSetCreateError',
        message,
        this.#o.clock.now(),
      );
      await this.#writeStatus({
        ...this.d.status,
        conditions: view.withCondition(this.d.status?.conditions ?? [], failed),
      }).catch(() => undefined);
    }
    this.#o.events.warning(this.d, 'ReplicaSetCreateError', message);
    throw error;
  }

  /**
   * The name is taken: by our own set that the mirror has not shown yet, or by a stranger (a hash
   * collision: count it up).
   */
  async #adoptExisting(name: string): Promise<boolean> {
    const key = `${this.d.metadata.namespace}/${name}`;
    const present =
      this.#o.sets.get(key) ??
      (await this.#o.client.get<ReplicaSet>(refs.replicaSets, {
        namespace: this.d.metadata.namespace,
        name,
      }));
    if (
      controllerOf(present)?.uid === this.d.metadata.uid &&
      view.equalIgnoringHash(present.spec.template!, this.d.spec.template)
    ) {
      this.current = present;
      return true;
    }
    await this.#writeStatus({
      ...this.d.status,
      collisionCount: (this.d.status?.collisionCount ?? 0) + 1,
    });
    return false;
  }

  async #setRevision(
    revision: string,
    conditions: DeploymentStatus['conditions'] | undefined,
  ): Promise<void> {
    const { d } = this;
    const changed =
      revision !== '' && d.metadata.annotations?.[view.revisionAnnotation] !== revision;
    if (!changed && !conditions) return;
    const annotations = {
      ...d.metadata.annotations,
      ...(revision === '' ? {} : { [view.revisionAnnotation]: revision }),
    };
    const next = {
      ...d,
      metadata: { ...d.metadata, annotations },
      status: conditions ? { ...d.status, conditions } : (d.status ?? {}),
    };
    this.d = await this.#o.client.update<Deployment>(refs.deployments, next, {
      subresource: 'status',
    });
  }

  async scaleSet(rs: ReplicaSet, to: number, force = false): Promise<boolean> {
    const from = view.size(rs);
    if (!force && from === to) return false;
    const annotations = { ...rs.metadata.annotations, ...view.replicaAnnotations(this.d) };
    if (from === to && same(annotations, rs.metadata.annotations)) return false;
    const next = await this.#o.client.update<ReplicaSet>(refs.replicaSets, {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, replicas: to },
    });
    this.old = this.old.map((x) => (x === rs ? next : x));
    if (this.current === rs) this.current = next;
    if (from !== to)
      this.#o.events.normal(
        this.d,
        'ScalingReplicaSet',
        `Scaled ${from < to ? 'up' : 'down'} replica set ${rs.metadata.name} from ${from} to ${to}`,
      );
    return from !== to;
  }

  /** The deployment was scaled, or is paused: sizes change, templates do not. */
  async scale(): Promise<void> {
    const one = view.activeOrLatest(this.current, this.old);
    if (one) {
      await this.scaleSet(one, view.desired(this.d));
    } else if (view.isSaturated(this.d, this.current)) {
      for (const rs of this.old.filter((x) => view.size(x) > 0)) await this.scaleSet(rs, 0);
    } else if (view.isRolling(this.d)) {
      for (const [rs, to] of view.proportionalSizes(
        this.d,
        this.all.filter((x) => view.size(x) > 0),
      ))
        await this.scaleSet(rs, to, true);
    }
  }

  /**
   * One step of a rolling update. True when a size was changed: the rest waits for what comes of
   * it.
   */
  async rollingStep(): Promise<boolean> {
    const { current } = this;
    if (!current) return false;
    if (await this.#growCurrent(current)) return true;
    return this.#shrinkOld();
  }

  async #growCurrent(rs: ReplicaSet): Promise<boolean> {
    if (view.size(rs) === view.desired(this.d)) return false;
    if (view.size(rs) > view.desired(this.d)) return this.scaleSet(rs, view.desired(this.d));
    return this.scaleSet(rs, view.currentSetSize(this.d, this.all, view.size(rs)));
  }

  async #shrinkOld(): Promise<boolean> {
    if (view.sum(this.old, view.size) === 0) return false;
    const current = this.current!;
    const minAvailable = view.desired(this.d) - view.maxUnavailable(this.d);
    const currentUnavailable = view.size(current) - (current.status?.availableReplicas ?? 0);
    let budget = view.sum(this.all, view.size) - minAvailable - currentUnavailable;
    if (budget <= 0) return false;
    let changed = false;
    // Unhealthy old replicas first: they serve nobody and may block the rollout.
    for (const rs of [...this.old].sort(view.byAge)) {
      const unhealthy = Math.min(budget, view.size(rs) - (rs.status?.availableReplicas ?? 0));
      if (view.size(rs) === 0 || unhealthy <= 0) continue;
      changed = (await this.scaleSet(rs, view.size(rs) - unhealthy)) || changed;
      budget -= unhealthy;
    }
    let spare = view.sum(this.all, (rs) => rs.status?.availableReplicas) - minAvailable;
    for (const rs of [...this.old].sort(view.byAge)) {
      const fewer = Math.min(view.size(rs), spare);
      if (fewer <= 0) continue;
      changed = (await this.scaleSet(rs, view.size(rs) - fewer)) || changed;
      spare -= fewer;
    }
    return changed;
  }

  /** One step of the Recreate strategy. */
  async recreateStep(podsOf: (rs: ReplicaSet) => Iterable<Pod>): Promise<void> {
    let scaledDown = false;
    for (const rs of this.old.filter((x) => view.size(x) > 0))
      scaledDown = (await this.scaleSet(rs, 0)) || scaledDown;
    if (scaledDown || this.#oldPodsRun(podsOf)) return;
    if (!this.current && !(await this.syncRevision(true))) return;
    await this.scaleSet(this.current!, view.desired(this.d));
    if (view.isComplete(this.d, this.d.status ?? {})) await this.cleanUp();
  }

  #oldPodsRun(podsOf: (rs: ReplicaSet) => Iterable<Pod>): boolean {
    if (view.sum(this.old, (rs) => rs.status?.replicas) > 0) return true;
    return this.old.some((rs) =>
      [...podsOf(rs)].some((p) => p.status?.phase !== 'Failed' && p.status?.phase !== 'Succeeded'),
    );
  }

  /** Deletes old empty sets beyond the history limit. */
  async cleanUp(): Promise<void> {
    const limit = this.d.spec.revisionHistoryLimit;
    if (limit === undefined || limit === 2 ** 31 - 1) return;
    const alive = this.old.filter((rs) => !rs.metadata.deletionTimestamp).sort(view.byRevision);
    for (const rs of alive.slice(0, Math.max(0, alive.length - limit))) {
      const busy =
        (rs.status?.replicas ?? 0) !== 0 ||
        view.size(rs) !== 0 ||
        (rs.metadata.generation ?? 0) > (rs.status?.observedGeneration ?? 0);
      if (busy) continue;
      await this.#o.client
        .delete(refs.replicaSets, { namespace: rs.metadata.namespace, name: rs.metadata.name! })
        .catch((error: unknown) => {
          if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
        });
    }
  }

  /** Writes the status when it differs; answers the status that holds now. */
  async writeRolloutStatus(): Promise<DeploymentStatus> {
    const next = rolloutStatus(this.d, this.all, this.current, this.#o.clock.now());
    await this.#writeStatus(next);
    return next;
  }

  async writeCountedStatus(): Promise<void> {
    await this.#writeStatus(countedStatus(this.d, this.all, this.current, this.#o.clock.now()));
  }

  async #writeStatus(status: DeploymentStatus): Promise<void> {
    if (same(zeroless(this.d.status), zeroless(status))) return;
    this.d = await this.#o.client.update<Deployment>(
      refs.deployments,
      { ...this.d, status },
      { subresource: 'status' },
    );
  }

  /** Shows in the Progressing condition that the deployment was paused or resumed. */
  async syncPaused(): Promise<void> {
    if (!view.hasDeadline(this.d)) return;
    const conditions = this.d.status?.conditions ?? [];
    const present = conditions.find((c) => c.type === 'Progressing');
    if (present?.reason === 'ProgressDeadlineExceeded') return;
    const paused = present?.reason === 'DeploymentPaused';
    if (Boolean(this.d.spec.paused) === paused) return;
    const [reason, message] = paused
      ? ['DeploymentResumed', 'Deployment is resumed']
      : ['DeploymentPaused', 'Deployment is paused'];
    const next = view.condition('Progressing', 'Unknown', reason, message, this.#o.clock.now());
    await this.#writeStatus({ ...this.d.status, conditions: view.withCondition(conditions, next) });
  }

  /** Undoes to the revision in the annotation (extensions/v1beta1 rollback). */
  async rollback(): Promise<void> {
    const text = this.d.metadata.annotations?.[view.rollbackAnnotation] ?? '';
    const asked = /^\d+$/.test(text) ? BigInt(text) : 0n;
    await this.syncRevision(true);
    const revisions = this.all.map(view.revisionOf).sort((a, b) => Number(b - a));
    const revision = asked || revisions[1] || 0n;
    const { [view.rollbackAnnotation]: _done, ...annotations } = this.d.metadata.annotations ?? {};
    const cleared = { ...this.d, metadata: { ...this.d.metadata, annotations } };
    const target = this.all.find((rs) => view.revisionOf(rs) === revision);
    if (revision === 0n || !target) {
      this.#o.events.warning(
        this.d,
        'DeploymentRollbackRevisionNotFound',
        revision === 0n
          ? 'Unable to find last revision.'
          : 'Unable to find the revision to rollback to.',
      );
    } else if (view.equalIgnoringHash(this.d.spec.template, target.spec.template!)) {
      this.#o.events.warning(
        this.d,
        'DeploymentRollbackTemplateUnchanged',
        'The rollback revision contains the same template as current deployment ' +
          `"${this.d.metadata.name}"`,
      );
    } else {
      const metadata = { ...cleared.metadata, annotations: view.annotationsFrom(cleared, target) };
      await this.#o.client.update(refs.deployments, {
        ...cleared,
        metadata,
        spec: { ...this.d.spec, template: view.withoutHash(target.spec.template!) },
      });
      return this.#o.events.normal(
        this.d,
        'DeploymentRollback',
        `Rolled back deployment "${this.d.metadata.name}" to revision ${revision}`,
      );
    }
    await this.#o.client.update(refs.deployments, cleared);
  }
}

/** Zero counts are left out on the wire: both forms mean the same. */
function zeroless(status: DeploymentStatus | undefined): object {
  return Object.fromEntries(Object.entries(status ?? {}).filter(([, value]) => value !== 0));
}
