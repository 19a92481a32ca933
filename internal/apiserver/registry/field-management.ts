import type { KindInfo } from '../../api/scheme.ts';
import type { EngineContext } from './builtin-resources.ts';
import type { KindEngine } from './resource.ts';

/** Server-side apply and managedFields. */
export function fieldManagement(_info: KindInfo, _context: EngineContext): Pick<KindEngine, 'apply' | 'track'> {
  return {};
}
