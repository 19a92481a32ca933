import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import type { Change } from '../../client/client.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { claim, controllerIndex, controllerOf, orphansIn } from '../owners.ts';
import { startLoop } from '../run.ts';
import { Rollout } from './rollout.ts';
import { progressCheckInMs } from './status.ts';
import * as view from './view.ts';

const name = 'deployment-controller';

export function startDeploymentController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: name });
  const deployments = ctx.mirrors.of<Deployment>(refs.deployments);
  const sets = ctx.mirrors.of<ReplicaSet>(refs.replicaSets, { indexes: controllerIndex });
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: controllerIndex });

  const ownerOf = (rs: ReplicaSet): string | undefined => {
    const owner = controllerOf(rs);
    const key = owner?.kind === 'Deployment' ? `${rs.metadata.namespace}/${owner.name}` : undefined;
    return key !== undefined && deployments.get(key)?.metadata.uid === owner?.uid ? key : undefined;
  };

  const reconcile = async (key: string): Promise<void> => {
    const deployment = deployments.get(key);
    queue?.unschedule(key);
    if (!deployment) return;
    const selector = selectorFromObject(deployment.spec.selector);
    if (selector.empty) {
      events.warning(
        deployment,
        'SelectingAll',
        'This deployment is selecting all pods. A non-empty selector is required.',
      );
      return;
    }
    const candidates = [
      ...sets.byIndex('controller', deployment.metadata.uid!),
      ...sets.byIndex('controller', orphansIn(deployment.metadata.namespace)),
    ];
    const owned = await claim({
      client,
      owner: deployment,
      ownerRef: refs.deployments,
      ref: refs.replicaSets,
      selector,
      candidates,
    });
    const rollout = new Rollout({ client, clock: ctx.clock, events, sets, deployment, owned });
    await step(rollout, (rs) => pods.byIndex('controller', rs.metadata.uid!));
    if (rollout.d.metadata.deletionTimestamp || rollout.d.spec.paused) return;
    const next = progressCheckInMs(rollout.d, rollout.d.status ?? {}, ctx.clock.now());
    if (next !== undefined) queue!.addAfter(key, next);
  };

  let queue: import('../../client/work-queue.ts').WorkQueue | undefined;
  return startLoop(ctx, { name, reconcile, mirrors: [deployments, sets, pods] }, (q) => {
    queue = q;
    deployments.onChange((change) => q.add(change.key));
    sets.onChange((change) =>
      setChanged(change, {
        enqueue: (key) => q.add(key),
        ownerOf,
        list: (ns) => deployments.list(ns),
      }),
    );
    // A Recreate rollout waits for the last old pod to be gone, which its set's counts do not tell.
    pods.onChange(({ type, object: pod }) => {
      if (type !== 'DELETED') return;
      const owner = controllerOf(pod);
      const rs = owner && sets.get(`${pod.metadata.namespace}/${owner.name}`);
      const key = rs && ownerOf(rs);
      if (key && deployments.get(key)?.spec.strategy?.type === 'Recreate') q.add(key);
    });
  });
}

function setChanged(
  { type, object: rs, old }: Change<ReplicaSet>,
  to: {
    enqueue: (key: string) => void;
    ownerOf: (rs: ReplicaSet) => string | undefined;
    list: (namespace?: string) => Iterable<Deployment>;
  },
): void {
  const before = old && to.ownerOf(old);
  const now = to.ownerOf(rs);
  if (before && before !== now) to.enqueue(before);
  if (now) return to.enqueue(now);
  if (type === 'DELETED' || controllerOf(rs)) return;
  for (const d of to.list(rs.metadata.namespace)) {
    const selector = selectorFromObject(d.spec.selector);
    if (!selector.empty && selector.matches(rs.metadata.labels)) to.enqueue(keyOf(d));
  }
}

async function step(rollout: Rollout, podsOf: (rs: ReplicaSet) => Iterable<Pod>): Promise<void> {
  if (rollout.d.metadata.deletionTimestamp) {
    await rollout.syncRevision(false);
    return rollout.writeCountedStatus();
  }
  await rollout.syncPaused();
  if (rollout.d.spec.paused) {
    await rollout.syncRevision(false);
    await rollout.scale();
    await rollout.cleanUp();
    return rollout.writeCountedStatus();
  }
  if (rollout.d.metadata.annotations?.[view.rollbackAnnotation] !== undefined)
    return rollout.rollback();
  if (wasScaled(rollout)) {
    await rollout.syncRevision(false);
    await rollout.scale();
    return rollout.writeCountedStatus();
  }
  if (!view.isRolling(rollout.d)) {
    await rollout.syncRevision(false);
    await rollout.recreateStep(podsOf);
  } else {
    await rollout.syncRevision(true);
    const changed = await rollout.rollingStep();
    if (!changed && view.isComplete(rollout.d, rollout.d.status ?? {})) await rollout.cleanUp();
  }
  await rollout.writeRolloutStatus();
}

/**
 * The deployment's size was changed since its sets were last sized: shares change before the
 * rollout goes on.
 */
function wasScaled(rollout: Rollout): boolean {
  return rollout.all.some((rs) => {
    const text = rs.metadata.annotations?.[view.desiredAnnotation];
    return view.size(rs) > 0 && text !== undefined && Number(text) !== view.desired(rollout.d);
  });
}
