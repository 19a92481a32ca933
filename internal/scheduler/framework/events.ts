import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { podRequests } from '../../api/scheduling/pod-resources.ts';

/** What happened to an object, as bits, so that one change can be several things at once. */
export const action = {
  add: 1,
  delete: 2,
  updateNodeAllocatable: 4,
  updateNodeLabel: 8,
  updateNodeTaint: 16,
  updateNodeCondition: 32,
  updateNodeAnnotation: 64,
  updateNodeDeclaredFeature: 128,
  updatePodLabel: 256,
  updatePodScaleDown: 512,
  updatePodToleration: 1024,
  updatePodSchedulingGatesEliminated: 2048,
  updatePodGeneratedResourceClaim: 4096,
  updateOther: 8192,
  /** Every update there is. */
  update: 16383 - 3,
} as const;

export type Resource =
  | 'Pod'
  | 'Node'
  | 'PersistentVolume'
  | 'PersistentVolumeClaim'
  | 'StorageClass'
  | 'CSINode'
  | 'CSIDriver'
  | 'CSIStorageCapacity'
  | 'VolumeAttachment'
  | 'ResourceClaim'
  | 'ResourceSlice'
  | 'DeviceClass';

/** A change in the cluster that may make a waiting pod schedulable. */
export interface ClusterEvent {
  resource: Resource;
  actions: number;
  old?: object;
  now?: object;
}

/**
 * An event that a plug-in's refusals may be undone by. The hint (kube-scheduler QueueingHintFn)
 * says whether it is of use for this pod; without one it always is.
 */
export interface EventWithHint {
  resource: Resource;
  actions: number;
  hint?(pod: Pod, event: ClusterEvent): boolean;
}

const same = (a: unknown, b: unknown): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** What an update of a node changed of that which scheduling looks at; 0 is nothing. */
export function nodeActions(old: Node, now: Node): number {
  let actions = 0;
  if (!same(old.status.allocatable, now.status.allocatable))
    actions |= action.updateNodeAllocatable;
  if (!same(old.metadata.labels, now.metadata.labels)) actions |= action.updateNodeLabel;
  if (
    !same(old.spec.taints, now.spec.taints) ||
    (old.spec.unschedulable && !now.spec.unschedulable)
  )
    actions |= action.updateNodeTaint;
  if (!same(old.metadata.annotations, now.metadata.annotations))
    actions |= action.updateNodeAnnotation;
  if (!same(old.status.declaredFeatures, now.status.declaredFeatures))
    actions |= action.updateNodeDeclaredFeature;
  const states = (n: Node): unknown => (n.status.conditions ?? []).map((c) => [c.type, c.status]);
  if (!same(states(old), states(now))) actions |= action.updateNodeCondition;
  return actions;
}

/** What an update of a pod changed of that which scheduling looks at. */
export function podActions(old: Pod, now: Pod): number {
  let actions = 0;
  if (!same(old.metadata.labels, now.metadata.labels)) actions |= action.updatePodLabel;
  if (scaledDown(old, now)) actions |= action.updatePodScaleDown;
  if ((old.spec.schedulingGates ?? []).length > 0 && !now.spec.schedulingGates?.length)
    actions |= action.updatePodSchedulingGatesEliminated;
  if ((old.spec.tolerations ?? []).length !== (now.spec.tolerations ?? []).length)
    actions |= action.updatePodToleration;
  if (!same(old.status?.resourceClaimStatuses, now.status?.resourceClaimStatuses))
    actions |= action.updatePodGeneratedResourceClaim;
  return actions || action.updateOther;
}

function scaledDown(old: Pod, now: Pod): boolean {
  if (old.metadata.generation === now.metadata.generation && old.status === now.status)
    return false;
  const after = podRequests(now.spec, { status: now.status });
  for (const [name, value] of podRequests(old.spec, { status: old.status }))
    if ((after.get(name) ?? 0) < value) return true;
  return false;
}
