import type { KindInfo } from '../../api/scheme.ts';
import type { KindEngine } from './resource.ts';

/** Columns and cells of `kubectl get`. */
export function tableFor(_info: KindInfo): Pick<KindEngine, 'table' | 'hasTable'> {
  return {
    table: (objects) => ({ columns: [{ name: 'Name', type: 'string', format: 'name', description: '', priority: 0 }], rows: objects.map((object) => [object.metadata.name]) }),
    hasTable: true,
  };
}
