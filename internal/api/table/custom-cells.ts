import type { PrinterColumn } from '../crd/compile.ts';
import { isDict } from '../loose.ts';
import type { KubeObject } from '../object.ts';
import { since } from './cell.ts';
import type { Cell } from './cell.ts';
import { parseJsonPath, readJsonPath } from './json-path.ts';
import type { PathStep } from './json-path.ts';

const parsed = new WeakMap<PrinterColumn, readonly PathStep[]>();

/** The cells of a definition's own columns. A value that is missing or of another type is null. */
export function customCells(
  columns: readonly PrinterColumn[],
  object: KubeObject,
  now: number,
): Cell[] {
  return columns.map((column) => {
    let path = parsed.get(column);
    if (!path) parsed.set(column, (path = parseJsonPath(column.jsonPath)));
    const [value] = readJsonPath(path, object);
    return cell(column.type, value, now);
  });
}

function cell(type: string, value: unknown, now: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'string'
        ? value
        : isDict(value) || Array.isArray(value)
          ? JSON.stringify(value)
          : String(value as number | boolean);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? since(value, now) : null;
    default:
      return null;
  }
}
