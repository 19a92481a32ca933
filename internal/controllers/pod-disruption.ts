import type { Pod, PodCondition } from '../api/generated/types/core-v1.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import { podCondition } from './pod-facts.ts';

/** Says in the pod's status why it is about to be taken away. Throws NotFound when it is gone. */
export async function markDisrupted(
  client: Client,
  pod: Pod,
  o: { reason: string; message: string; nowMs: number; phase?: 'Failed' },
): Promise<void> {
  const present = podCondition(pod, 'DisruptionTarget');
  const same =
    present?.status === 'True' && present.reason === o.reason && present.message === o.message;
  if (same && (!o.phase || pod.status?.phase === o.phase)) return;
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
  const { namespace, name, uid } = pod.metadata;
  await client.patch(
    refs.pods,
    { namespace, name: name!, subresource: 'status' },
    { type: 'strategic', body: { metadata: { uid }, status } },
  );
}
