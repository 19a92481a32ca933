import type { Pod } from '../api/generated/types/core-v1.ts';
import { timeOf } from '../api/times.ts';
import type { EventRecorder } from '../client/events.ts';
import type { Clock } from '../io/clock.ts';
import type { PodSet } from './pods/pod-set.ts';

/** Ends a pod by a decision of the node: it has failed, and says that the node did it. */
export function evictPod(
  { pods, events, clock }: { pods: PodSet; events: EventRecorder; clock: Clock },
  pod: Pod,
  { reason, message, graceSeconds }: { reason: string; message: string; graceSeconds: number },
): void {
  events.warning(pod, reason, message);
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet',
    message,
    lastTransitionTime: timeOf(clock.now()),
  };
  pods.worker(pod.metadata.uid!)?.evict({ reason, message, condition, graceSeconds });
}
