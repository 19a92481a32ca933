import type { KindInfo } from '../../api/scheme.ts';
import { tableFor as makeTable } from '../../api/table/table.ts';
import type { KindEngine } from './resource.ts';

/** Columns and cells of `kubectl get`. */
export function tableFor(info: KindInfo): Pick<KindEngine, 'table' | 'hasTable'> {
  return { table: (objects, options) => makeTable(info, objects, options), hasTable: true };
}
