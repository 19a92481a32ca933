import type { Pod } from '../api/generated/types/core-v1.ts';
import type { EventRecorder } from '../client/events.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { evictPod } from './evict-pod.ts';
import type { PodSet } from './pods/pod-set.ts';

/** How long the pods of a machine that shuts down have, and those who are critical of that. */
export interface ShutdownGrace {
  /** kubelet's --shutdown-grace-period; 0 = pods are left to the machine. */
  totalMs: number;
  /** --shutdown-grace-period-critical-pods: the last part of it. */
  criticalMs: number;
}

/** What new pods, and the Node, are told (kubelet's nodeshutdown). */
export const shuttingDown = {
  node: 'node is shutting down',
  refusal: { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' },
  pod: {
    reason: 'Terminated',
    message: 'Pod was terminated in response to imminent node shutdown.',
  },
} as const;

/** From here on a pod is critical (scheduling.SystemCriticalPriority). */
const systemCritical = 2_000_000_000;
const looksMs = 100;

/** Who ends with whom, the first first, and the time that each group has. */
export function shutdownGroups(
  pods: readonly Pod[],
  { totalMs, criticalMs }: ShutdownGrace,
): { pods: Pod[]; graceMs: number }[] {
  const critical = Math.min(criticalMs, totalMs);
  const isCritical = (pod: Pod): boolean => (pod.spec.priority ?? 0) >= systemCritical;
  return [
    { pods: pods.filter((pod) => !isCritical(pod)), graceMs: totalMs - critical },
    { pods: pods.filter(isCritical), graceMs: critical },
  ].filter((group) => group.pods.length > 0);
}

/** Ends all pods, group after group; resolves when all have ended, or had their time. */
export async function endPods(
  doors: { pods: PodSet; events: EventRecorder; clock: Clock; log: Log },
  grace: ShutdownGrace,
): Promise<void> {
  const { pods, clock, log } = doors;
  const running = [...pods.workers()].filter((w) => w.phase === 'running').map((w) => w.pod);
  for (const group of shutdownGroups(running, grace)) {
    log.info('the machine shuts down: pods end', {
      pods: group.pods.length,
      withinMs: group.graceMs,
    });
    for (const pod of group.pods) {
      const own = pod.spec.terminationGracePeriodSeconds ?? 30;
      const graceSeconds = Math.max(1, Math.min(own, Math.floor(group.graceMs / 1000)));
      evictPod(doors, pod, { ...shuttingDown.pod, graceSeconds });
    }
    const until = clock.monotonicMs() + group.graceMs;
    const lives = ({ metadata }: Pod): boolean =>
      ['running', 'terminating'].includes(pods.worker(metadata.uid!)?.phase ?? 'gone');
    while (group.pods.some(lives) && clock.monotonicMs() < until)
      await clock.sleep('shutdown', looksMs);
  }
}
