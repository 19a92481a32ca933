import { applyPatch, trackUpdate } from '../../api/apply/apply.ts';
import type { KindInfo } from '../../api/scheme.ts';
import type { KindEngine } from './resource.ts';

/**
 * Kinds that change too often, or for nobody to apply, to keep note of their owners' fields would
 * cost more than it tells.
 */
const untracked = new Set(['coordination.k8s.io/Lease', '/Event', 'events.k8s.io/Event']);

/** Server-side apply and managedFields. */
export function fieldManagement(info: KindInfo): Pick<KindEngine, 'apply' | 'track'> {
  const track: KindEngine['track'] = (live, object, context) =>
    trackUpdate(info, live, object, context);
  return {
    apply: (live, patch, options) => applyPatch(info, live, patch, options),
    ...(untracked.has(`${info.group}/${info.kind}`) ? {} : { track }),
  };
}
