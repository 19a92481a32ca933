import type { Pod } from '../generated/types/core-v1.ts';

/**
 * Only pods take their time; a pod that never reached a node, or has ended, goes at once (pod
 * strategy CheckGracefulDelete).
 */
export function podGracePeriod(pod: Pod, wanted: number | null | undefined): number {
  const asked = wanted ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  const phase = pod.status?.phase;
  const ended = !pod.spec.nodeName || phase === 'Failed' || phase === 'Succeeded';
  const grace = ended ? 0 : asked < 0 ? 1 : asked;
  if (!pod.metadata.deletionTimestamp) return grace;
  // Once it is being deleted, the time can only be shortened.
  const had = pod.metadata.deletionGracePeriodSeconds ?? 0;
  return had === 0 || wanted === undefined || wanted === null ? had : Math.min(grace, had);
}
