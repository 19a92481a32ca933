import { applyPatch, trackUpdate } from '../../api/apply/apply.ts';
import { kindOf } from '../../api/kinds/kinds.ts';
import type { KindInfo } from '../../api/scheme.ts';
import type { KindEngine } from './resource.ts';

/**
 * Server-side apply and managedFields. Kinds that change too often, or for nobody to apply, leave
 * no note of who wrote what: it would cost more than it tells.
 */
export function fieldManagement(info: KindInfo): Pick<KindEngine, 'apply' | 'track'> {
  const track: KindEngine['track'] = (live, object, context) =>
    trackUpdate(info, live, object, context);
  return {
    apply: (live, patch, options) => applyPatch(info, live, patch, options),
    ...(kindOf(info)?.untracked ? {} : { track }),
  };
}
