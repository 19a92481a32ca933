import type { Pod } from '../api/generated/types/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';

/** What the scheduler says about a pod in its status. */
export interface Said {
  /** Why it has no node yet. */
  condition?: { reason: 'Unschedulable' | 'SchedulerError'; message: string };
  /** The node it waits for; '' takes it back. */
  nominated?: string;
}

/** Writes PodScheduled and nominatedNodeName, when they say something new. */
export async function writePodStatus(
  pod: Pod,
  said: Said,
  { client, clock, log }: { client: Client; clock: Clock; log: Log },
): Promise<void> {
  const condition = said.condition && conditionOf(pod, said.condition, timeOf(clock.now()));
  const renames =
    said.nominated !== undefined && said.nominated !== (pod.status?.nominatedNodeName ?? '');
  if (!condition && !renames) return;
  const { namespace = '', name = '' } = pod.metadata;
  const status = {
    ...(condition && { conditions: [condition] }),
    ...(renames && { nominatedNodeName: said.nominated || null }),
  };
  try {
    await client.patch(
      refs.pods,
      { namespace, name, subresource: 'status' },
      { type: 'strategic', body: { status } },
    );
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'NotFound'))
      log.warn('cannot write why a pod waits', { pod: keyOf(pod), error: messageOf(error) });
  }
}

function conditionOf(
  pod: Pod,
  { reason, message }: { reason: string; message: string },
  now: string,
): object | undefined {
  const before = (pod.status?.conditions ?? []).find((c) => c.type === 'PodScheduled');
  const stays = before?.status === 'False';
  if (stays && before.reason === reason && before.message === message) return undefined;
  return {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastProbeTime: null,
    lastTransitionTime: stays ? before.lastTransitionTime : now,
    observedGeneration: pod.metadata.generation,
  };
}
