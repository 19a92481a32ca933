import { selectorFromObject } from '../../api/selectors.ts';
import { isApiError } from '../owners.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { statusWrite } from '../kit/status.ts';
import { nothing, say, type Plan } from '../kit/write.ts';
import { Rollout, type RolloutView } from './rollout.ts';
import { progressCheckInMs } from './status.ts';
import * as view from './view.ts';

/** The next step of a deployment: one size, one revision, one status at a time. */
export function planDeployment(v: RolloutView): Plan {
  const { deployment } = v;
  if (selectorFromObject(deployment.spec.selector).empty) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    return { steps: [say(deployment, 'Warning', 'SelectingAll', message)] };
  }
  const rollout = new Rollout(v);
  step(rollout);
  const { d } = rollout;
  const ends = d.metadata.deletionTimestamp || d.spec.paused;
  return {
    steps: rollout.steps(),
    againInMs: ends ? undefined : progressCheckInMs(d, d.status ?? {}, v.nowMs),
  };
}

function step(rollout: Rollout): void {
  if (rollout.d.metadata.deletionTimestamp) {
    rollout.syncRevision(false);
    return rollout.setCountedStatus();
  }
  rollout.syncPaused();
  if (rollout.d.spec.paused) {
    rollout.syncRevision(false);
    rollout.scale();
    rollout.cleanUp();
    return rollout.setCountedStatus();
  }
  if (rollout.d.metadata.annotations?.[view.rollbackAnnotation] !== undefined)
    return rollout.rollback();
  if (wasScaled(rollout)) {
    rollout.syncRevision(false);
    rollout.scale();
    return rollout.setCountedStatus();
  }
  if (!view.isRolling(rollout.d)) {
    rollout.syncRevision(false);
    rollout.recreateStep();
  } else {
    if (!rollout.syncRevision(true)) return;
    const changed = rollout.rollingStep();
    if (!changed && view.isComplete(rollout.d, rollout.d.status ?? {})) rollout.cleanUp();
  }
  rollout.setRolloutStatus();
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

/** A new set that was refused is told in the status. One whose name was taken is tried again. */
export function concludeDeployment(v: RolloutView, outcome: Outcome): Plan {
  const { failedWrite, failure } = outcome;
  if (failedWrite?.verb !== 'create' || isApiError(failure, 'AlreadyExists')) return nothing;
  const d = v.deployment;
  const { name } = (failedWrite.object as { metadata: { name: string } }).metadata;
  const message = `Failed to create new replica set "${name}": ${messageOf(failure)}`;
  const failed = view.condition('Progressing', 'False', 'ReplicaSetCreateError', message, v.nowMs);
  const conditions = view.withCondition(d.status?.conditions ?? [], failed);
  return {
    steps: [
      say(d, 'Warning', 'ReplicaSetCreateError', message),
      ...(view.hasDeadline(d) ? statusWrite(refs.deployments, d, { ...d.status, conditions }) : []),
    ],
  };
}
