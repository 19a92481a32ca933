import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { DeviceTaint, DeviceToleration } from '../../api/generated/types/resource-v1.ts';
import { toleratesDeviceTaint } from '../../api/scheduling/device-taints.ts';
import { msOf } from '../../api/times.ts';
import { refs } from '../../client/refs.ts';
import { say, type Plan } from '../kit/write.ts';
import { disruptionMark } from '../pod-disruption.ts';

/** A device of the pod's claims, with what the claim tolerates. */
export interface UsedDevice {
  taints: readonly DeviceTaint[];
  tolerations: readonly DeviceToleration[];
}

export interface DeviceEvictionView {
  /** On a node, not finished, not deleted yet. */
  pod: Pod;
  devices: UsedDevice[];
  /** The last pass found a time at which the pod has to go. */
  wasDue: boolean;
  nowMs: number;
}

/** When the pod has to go; undefined = never. The first taint that is not tolerated decides. */
export function dueMs({ devices }: Pick<DeviceEvictionView, 'devices'>): number | undefined {
  const times = devices.flatMap(({ taints, tolerations }) =>
    taints
      .filter(({ effect }) => effect === 'NoExecute')
      .map((taint) => msOf(taint.timeAdded) + toleratedMs(taint, tolerations))
      .filter((ms) => ms !== Infinity),
  );
  return times.length > 0 ? Math.min(...times) : undefined;
}

export function planDeviceEviction(view: DeviceEvictionView): Plan {
  const { pod, nowMs, wasDue } = view;
  const reason = 'DeviceTaintManagerEviction';
  const due = dueMs(view);
  if (due === undefined)
    return { steps: wasDue ? [say(pod, 'Normal', reason, 'Cancelling deletion')] : [] };
  if (due > nowMs) return { steps: [], againInMs: due - nowMs };
  const options = { preconditions: { uid: pod.metadata.uid } };
  return {
    steps: [
      say(pod, 'Normal', reason, 'Marking for deletion'),
      ...disruptionMark(pod, {
        reason: 'DeletionByDeviceTaintManager',
        message: 'Device Taint manager: deleting due to NoExecute taint',
        nowMs,
      }),
      { verb: 'delete', ref: refs.pods, object: pod, options },
    ],
  };
}

/** The shortest of the tolerations that match; 0 when none does, Infinity for ever. */
function toleratedMs(taint: DeviceTaint, tolerations: readonly DeviceToleration[]): number {
  const times = tolerations
    .filter((t) => toleratesDeviceTaint(t, taint))
    .map(({ tolerationSeconds }) =>
      tolerationSeconds === undefined ? Infinity : Number(tolerationSeconds) * 1000,
    );
  return times.length > 0 ? Math.min(...times) : 0;
}
