import type { PersistentVolumeStatus } from '../generated/types/core-v1.ts';
import type { KubeObject } from '../object.ts';
import { keepSpec } from './keep.ts';
import type { StrategyContext } from './strategy.ts';

export function persistentVolumeCreate(object: KubeObject, context: StrategyContext): void {
  object['status'] = { phase: 'Pending', lastPhaseTransitionTime: context.now };
}

/** The time of the last phase is the server's to note, unless the writer brings a newer one. */
export function persistentVolumeStatus(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  keepSpec(object, old);
  const was = (old['status'] as PersistentVolumeStatus | undefined) ?? {};
  const status: PersistentVolumeStatus = { ...(object['status'] as PersistentVolumeStatus | undefined) };
  const given = status.lastPhaseTransitionTime;
  if (was.phase === status.phase) {
    if (!given && was.lastPhaseTransitionTime) status.lastPhaseTransitionTime = was.lastPhaseTransitionTime;
  } else if (!given || given === was.lastPhaseTransitionTime) status.lastPhaseTransitionTime = context.now;
  object['status'] = status;
}
