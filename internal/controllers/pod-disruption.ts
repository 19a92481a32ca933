import type { Pod, PodCondition } from '../api/generated/types/core-v1.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import type { Write } from './kit/write.ts';
import { podCondition } from './pod-facts.ts';

/** Says in the pod's status why it is about to be taken away; nothing where it says so already. */
export function disruptionMark(
  pod: Pod,
  o: { reason: string; message: string; nowMs: number; phase?: 'Failed' | undefined },
): Write[] {
  const present = podCondition(pod, 'DisruptionTarget');
  const same =
    present?.status === 'True' && present.reason === o.reason && present.message === o.message;
  if (same && (!o.phase || pod.status?.phase === o.phase)) return [];
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: o.reason,
    message: o.message,
    lastTransitionTime: present?.status === 'True' ? present.lastTransitionTime : timeOf(o.nowMs),
    ...(pod.metadata.generation === undefined
      ? {}
      : { observedGeneration: pod.metadata.generation }),
  };
  const status = { conditions: [condition], ...(o.phase ? { phase: o.phase } : {}) };
  const body = { metadata: { uid: pod.metadata.uid }, status };
  const patch = { type: 'strategic' as const, body };
  return [{ verb: 'patch', ref: refs.pods, object: pod, patch, subresource: 'status' }];
}
