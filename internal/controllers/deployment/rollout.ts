import { equalAs, stringMap } from '../../api/equality.ts';
import type {
  Deployment,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { statusWrite } from '../kit/status.ts';
import { say, type Say, type Step, type Write } from '../kit/write.ts';
import { controllerOf, controllerRef } from '../owners.ts';
import { templateHash } from '../template-hash.ts';
import { countedStatus, rolloutStatus } from './status.ts';
import * as view from './view.ts';

/** All that one pass over a deployment looks at. */
export interface RolloutView {
  deployment: Deployment;
  /** The deployment's own sets. */
  owned: ReplicaSet[];
  /** The ReplicaSet of this name in the deployment's namespace. */
  named(name: string): ReplicaSet | undefined;
  podsOf(rs: ReplicaSet): Iterable<Pod>;
  nowMs: number;
}

/**
 * One pass over one deployment. Holds the deployment and its sets as the steps taken so far will
 * leave them; `steps` is what has to be written for that. Nothing is written here.
 */
export class Rollout {
  d: Deployment;
  current: ReplicaSet | undefined;
  old: ReplicaSet[];
  readonly #v: RolloutView;
  /** The sets as they are, by what they are to become. */
  readonly #before = new Map<ReplicaSet, ReplicaSet | undefined>();
  readonly #events = new Map<ReplicaSet, Say[]>();
  readonly #order: ReplicaSet[] = [];
  readonly #deletions: Write[] = [];
  readonly #said: Say[] = [];
  #rolledBack: Deployment | undefined;

  constructor(v: RolloutView) {
    this.#v = v;
    this.d = v.deployment;
    ({ current: this.current, old: this.old } = view.splitSets(this.d, v.owned));
  }

  get all(): ReplicaSet[] {
    return this.current ? [...this.old, this.current] : [...this.old];
  }

  /** Sets first, each once, then what is deleted; the status says what came of it and is last. */
  steps(): Step[] {
    const { deployment } = this.#v;
    const spec: Write[] = this.#rolledBack
      ? [{ verb: 'update', ref: refs.deployments, object: this.#rolledBack }]
      : [];
    const annotated = !equalAs(
      stringMap,
      deployment.metadata.annotations,
      this.d.metadata.annotations,
    );
    const status: Write[] = this.#rolledBack
      ? []
      : annotated
        ? [
            {
              verb: 'update',
              ref: refs.deployments,
              object: { ...this.d, status: this.d.status ?? {} } as Deployment,
              subresource: 'status',
            },
          ]
        : statusWrite(refs.deployments, deployment, this.d.status);
    return [...this.#setSteps(), ...this.#deletions, ...spec, ...this.#said, ...status];
  }

  #setSteps(): Step[] {
    return this.#order.flatMap((rs): Step[] => {
      const before = this.#before.get(rs);
      const write: Write = before
        ? { verb: 'update', ref: refs.replicaSets, object: rs }
        : { verb: 'create', ref: refs.replicaSets, object: rs };
      return [write, ...(this.#events.get(rs) ?? [])];
    });
  }

  /** Notes what a set is to become. Several changes of one set become one write. */
  #put(rs: ReplicaSet | undefined, next: ReplicaSet, event?: Say): void {
    const known = rs !== undefined && this.#before.has(rs);
    const events = [...((rs && this.#events.get(rs)) ?? []), ...(event ? [event] : [])];
    this.#before.set(next, known ? this.#before.get(rs) : rs);
    this.#events.set(next, events);
    if (known) this.#order[this.#order.indexOf(rs)] = next;
    else this.#order.push(next);
    this.old = this.old.map((x) => (x === rs ? next : x));
    if (rs === undefined || this.current === rs) this.current = next;
  }

  /**
   * Finds or makes the set for the present template and keeps revisions in step. False: the pass
   * ends here and a later one goes on.
   */
  syncRevision(create: boolean): boolean {
    const revision =
      this.old.map(view.revisionOf).reduce((most, r) => (r > most ? r : most), 0n) + 1n;
    if (this.current) return this.#refreshCurrent(this.current, revision);
    return create ? this.#createCurrent(revision) : true;
  }

  #refreshCurrent(rs: ReplicaSet, revision: bigint): true {
    const annotations = view.setAnnotations(this.d, rs, revision, true);
    const minReadySeconds = this.d.spec.minReadySeconds ?? 0;
    if (
      !equalAs(stringMap, annotations, rs.metadata.annotations) ||
      minReadySeconds !== (rs.spec.minReadySeconds ?? 0)
    ) {
      this.#put(rs, {
        ...rs,
        metadata: { ...rs.metadata, annotations },
        spec: { ...rs.spec, minReadySeconds },
      });
      return true;
    }
    const conditions = this.d.status?.conditions ?? [];
    const found = view.condition(
      'Progressing',
      'True',
      'FoundNewReplicaSet',
      `Found new replica set "${rs.metadata.name}"`,
      this.#v.nowMs,
    );
    const needsCondition =
      view.hasDeadline(this.d) && !conditions.some((c) => c.type === 'Progressing');
    this.#setRevision(
      annotations[view.revisionAnnotation] ?? '',
      needsCondition ? view.withCondition(conditions, found) : undefined,
    );
    return true;
  }

  #createCurrent(revision: bigint): boolean {
    const wanted = this.#newSet(revision);
    const { name } = wanted.metadata;
    const present = this.#v.named(name!);
    if (present) {
      // A stranger has the name, or a set of ours with another template: count the collision up.
      const ours =
        controllerOf(present)?.uid === this.d.metadata.uid &&
        view.equalIgnoringHash(present.spec.template!, this.d.spec.template);
      if (!ours) {
        const collisionCount = (this.d.status?.collisionCount ?? 0) + 1;
        this.#setStatus({ ...this.d.status, collisionCount });
      }
      return false;
    }
    const replicas = view.size(wanted);
    const scaledUp = `Scaled up replica set ${name} from 0 to ${replicas}`;
    this.#put(
      undefined,
      wanted,
      replicas > 0 ? say(this.d, 'Normal', 'ScalingReplicaSet', scaledUp) : undefined,
    );
    const made = view.condition(
      'Progressing',
      'True',
      'NewReplicaSetCreated',
      `Created new replica set "${name}"`,
      this.#v.nowMs,
    );
    this.#setRevision(
      String(revision),
      view.hasDeadline(this.d)
        ? view.withCondition(this.d.status?.conditions ?? [], made)
        : undefined,
    );
    return true;
  }

  #newSet(revision: bigint): ReplicaSet {
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
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { ...metadata, annotations },
      spec: { replicas, minReadySeconds: d.spec.minReadySeconds ?? 0, selector, template },
      status: { replicas: 0 },
    };
  }

  #setRevision(revision: string, conditions: DeploymentStatus['conditions'] | undefined): void {
    if (revision !== '') {
      const annotations = { ...this.d.metadata.annotations, [view.revisionAnnotation]: revision };
      this.d = { ...this.d, metadata: { ...this.d.metadata, annotations } };
    }
    if (conditions) this.#setStatus({ ...this.d.status, conditions });
  }

  #setStatus(status: DeploymentStatus): void {
    this.d = { ...this.d, status };
  }

  scaleSet(rs: ReplicaSet, to: number, force = false): boolean {
    const from = view.size(rs);
    if (!force && from === to) return false;
    const annotations = { ...rs.metadata.annotations, ...view.replicaAnnotations(this.d) };
    if (from === to && equalAs(stringMap, annotations, rs.metadata.annotations)) return false;
    const next = {
      ...rs,
      metadata: { ...rs.metadata, annotations },
      spec: { ...rs.spec, replicas: to },
    };
    const what =
      `Scaled ${from < to ? 'up' : 'down'} replica set ${rs.metadata.name} ` +
      `from ${from} to ${to}`;
    this.#put(rs, next, from === to ? undefined : say(this.d, 'Normal', 'ScalingReplicaSet', what));
    return from !== to;
  }

  /** The deployment was scaled, or is paused: sizes change, templates do not. */
  scale(): void {
    const one = view.activeOrLatest(this.current, this.old);
    if (one) {
      this.scaleSet(one, view.desired(this.d));
    } else if (view.isSaturated(this.d, this.current)) {
      for (const rs of this.old.filter((x) => view.size(x) > 0)) this.scaleSet(rs, 0);
    } else if (view.isRolling(this.d)) {
      for (const [rs, to] of view.proportionalSizes(
        this.d,
        this.all.filter((x) => view.size(x) > 0),
      ))
        this.scaleSet(rs, to, true);
    }
  }

  /**
   * One step of a rolling update. True when a size was changed: the rest waits for what comes of
   * it.
   */
  rollingStep(): boolean {
    const { current } = this;
    if (!current) return false;
    if (this.#growCurrent(current)) return true;
    return this.#shrinkOld();
  }

  #growCurrent(rs: ReplicaSet): boolean {
    if (view.size(rs) === view.desired(this.d)) return false;
    if (view.size(rs) > view.desired(this.d)) return this.scaleSet(rs, view.desired(this.d));
    return this.scaleSet(rs, view.currentSetSize(this.d, this.all, view.size(rs)));
  }

  #shrinkOld(): boolean {
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
      changed = this.scaleSet(rs, view.size(rs) - unhealthy) || changed;
      budget -= unhealthy;
    }
    let spare = view.sum(this.all, (rs) => rs.status?.availableReplicas) - minAvailable;
    for (const rs of [...this.old].sort(view.byAge)) {
      const fewer = Math.min(view.size(rs), spare);
      if (fewer <= 0) continue;
      changed = this.scaleSet(rs, view.size(rs) - fewer) || changed;
      spare -= fewer;
    }
    return changed;
  }

  /** One step of the Recreate strategy. */
  recreateStep(): void {
    let scaledDown = false;
    for (const rs of this.old.filter((x) => view.size(x) > 0))
      scaledDown = this.scaleSet(rs, 0) || scaledDown;
    if (scaledDown || this.#oldPodsRun()) return;
    if (!this.current && !this.syncRevision(true)) return;
    this.scaleSet(this.current!, view.desired(this.d));
    if (view.isComplete(this.d, this.d.status ?? {})) this.cleanUp();
  }

  #oldPodsRun(): boolean {
    if (view.sum(this.old, (rs) => rs.status?.replicas) > 0) return true;
    return this.old.some((rs) =>
      [...this.#v.podsOf(rs)].some(
        (p) => p.status?.phase !== 'Failed' && p.status?.phase !== 'Succeeded',
      ),
    );
  }

  /** Deletes old empty sets beyond the history limit. */
  cleanUp(): void {
    const limit = this.d.spec.revisionHistoryLimit;
    if (limit === undefined || limit === 2 ** 31 - 1) return;
    const alive = this.old.filter((rs) => !rs.metadata.deletionTimestamp).sort(view.byRevision);
    for (const rs of alive.slice(0, Math.max(0, alive.length - limit))) {
      const busy =
        (rs.status?.replicas ?? 0) !== 0 ||
        view.size(rs) !== 0 ||
        (rs.metadata.generation ?? 0) > (rs.status?.observedGeneration ?? 0);
      if (busy) continue;
      this.#deletions.push({ verb: 'delete', ref: refs.replicaSets, object: rs });
    }
  }

  setRolloutStatus(): void {
    this.#setStatus(rolloutStatus(this.d, this.all, this.current, this.#v.nowMs));
  }

  setCountedStatus(): void {
    this.#setStatus(countedStatus(this.d, this.all, this.current, this.#v.nowMs));
  }

  /** Shows in the Progressing condition that the deployment was paused or resumed. */
  syncPaused(): void {
    if (!view.hasDeadline(this.d)) return;
    const conditions = this.d.status?.conditions ?? [];
    const present = conditions.find((c) => c.type === 'Progressing');
    if (present?.reason === 'ProgressDeadlineExceeded') return;
    const paused = present?.reason === 'DeploymentPaused';
    if (Boolean(this.d.spec.paused) === paused) return;
    const [reason, message] = paused
      ? ['DeploymentResumed', 'Deployment is resumed']
      : ['DeploymentPaused', 'Deployment is paused'];
    const next = view.condition('Progressing', 'Unknown', reason, message, this.#v.nowMs);
    this.#setStatus({ ...this.d.status, conditions: view.withCondition(conditions, next) });
  }

  /** Undoes to the revision in the annotation (extensions/v1beta1 rollback). */
  rollback(): void {
    const text = this.d.metadata.annotations?.[view.rollbackAnnotation] ?? '';
    const asked = /^\d+$/.test(text) ? BigInt(text) : 0n;
    this.syncRevision(true);
    const revisions = this.all.map(view.revisionOf).sort((a, b) => Number(b - a));
    const revision = asked || revisions[1] || 0n;
    const { [view.rollbackAnnotation]: _done, ...annotations } = this.d.metadata.annotations ?? {};
    const cleared = { ...this.d, metadata: { ...this.d.metadata, annotations } };
    const target = this.all.find((rs) => view.revisionOf(rs) === revision);
    this.#rolledBack = cleared;
    if (revision === 0n || !target) {
      const message =
        revision === 0n
          ? 'Unable to find last revision.'
          : 'Unable to find the revision to rollback to.';
      this.#said.push(say(this.d, 'Warning', 'DeploymentRollbackRevisionNotFound', message));
    } else if (view.equalIgnoringHash(this.d.spec.template, target.spec.template!)) {
      const message =
        'The rollback revision contains the same template as current deployment ' +
        `"${this.d.metadata.name}"`;
      this.#said.push(say(this.d, 'Warning', 'DeploymentRollbackTemplateUnchanged', message));
    } else {
      const metadata = { ...cleared.metadata, annotations: view.annotationsFrom(cleared, target) };
      const template = view.withoutHash(target.spec.template!);
      this.#rolledBack = { ...cleared, metadata, spec: { ...this.d.spec, template } };
      const message = `Rolled back deployment "${this.d.metadata.name}" to revision ${revision}`;
      this.#said.push(say(this.d, 'Normal', 'DeploymentRollback', message));
    }
  }
}
