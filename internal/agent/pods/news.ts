import { jsonEqual } from '../../api/patch/json.ts';
import { equalAs } from '../../api/equality.ts';
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import { ownConditions } from '../status/conditions.ts';

/**
 * Whether a changed pod object is a reason to look at the pod. A status that we wrote comes back as
 * a change: only what others wrote (conditions) is news.
 */
export function isNews(before: Pod, now: Pod): boolean {
  const bare = ({ metadata }: Pod) => ({ ...metadata, resourceVersion: '', managedFields: [] });
  return (
    !equalAs('@core.v1.PodSpec', before.spec, now.spec) ||
    !equalAs('#ObjectMeta', bare(before), bare(now)) ||
    !jsonEqual(foreignView(before), foreignView(now))
  );
}

/**
 * Somebody wrote another value into one of our conditions, as node lifecycle does while the node is
 * not ready: nobody else would write it back.
 */
export function contradicts(pod: Pod, { conditions }: PodStatus): boolean {
  return (pod.status?.conditions ?? []).some(
    (shown) =>
      ownConditions.has(shown.type) &&
      conditions?.some((c) => c.type === shown.type && c.status !== shown.status),
  );
}

function foreignView(pod: Pod): unknown {
  return {
    phase: pod.status?.phase,
    conditions: (pod.status?.conditions ?? []).map((c) => [c.type, c.status]),
  };
}
