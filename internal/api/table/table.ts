import { table } from '../../base/own.ts';
import type { PrinterColumn } from '../crd/compile.ts';
import { columnsData } from '../generated/columns-data.ts';
import type { KubeObject } from '../object.ts';
import { kindOf } from '../kinds/kinds.ts';
import { status } from './admin-cells.ts';
import type { Cells, Cell } from './cell.ts';
import type { ColumnRow } from './column.ts';
import { customCells } from './custom-cells.ts';
import { scale } from './workload-cells.ts';

/** metav1.TableColumnDefinition. */
export interface TableColumn {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

/** metav1.TableRow. */
export interface TableRow {
  cells: Cell[];
  conditions?: object[];
  object: object | null;
}

export interface TableInfo {
  group: string;
  kind: string;
  custom?: boolean;
  crd?: { readonly columns: readonly PrinterColumn[] };
}

export interface TableOptions {
  /** What a row carries besides its cells. */
  includeObject?: 'None' | 'Metadata' | 'Object';
  /** Milliseconds since 1970: ages are counted from here. */
  now: number;
}

/** What is shown as a table though it is never stored. */
const spoken: Readonly<Record<string, Cells>> = table({
  'autoscaling/Scale': scale,
  'meta.k8s.io/Status': status,
});

const cellsOf = (info: TableInfo): Cells | undefined =>
  kindOf(info)?.cells ?? spoken[`${info.group}/${info.kind}`];

let parsedColumns: Record<string, ColumnRow[]> | undefined;
const made = new Map<string, readonly TableColumn[]>();
const madeCustom = new WeakMap<object, readonly TableColumn[]>();

/** The columns that kubectl prints for a kind; those with a priority only with `-o wide`. */
export function columnsFor(info: TableInfo): readonly TableColumn[] {
  if (info.custom) return customColumns(info);
  const key = cellsOf(info) ? `${info.group}/${info.kind}` : '*';
  let columns = made.get(key);
  if (!columns) made.set(key, (columns = builtinColumns(key, kindOf(info)?.lateColumns)));
  return columns;
}

function builtinColumns(key: string, late: readonly ColumnRow[] = []): TableColumn[] {
  parsedColumns ??= JSON.parse(columnsData) as Record<string, ColumnRow[]>;
  return [...(parsedColumns[key] ?? parsedColumns['*'] ?? []), ...late].map(
    ([name, type, format, priority]) => ({
      name,
      type,
      format,
      description: descriptions[name] ?? '',
      priority,
    }),
  );
}

/** Texts of the columns that every kind has. */
const descriptions: Readonly<Record<string, string>> = table({
  Name:
    'Name must be unique within a namespace. Is required when creating resources, although ' +
    'some resources may allow a client to request the generation of an appropriate name ' +
    'automatically. Name is primarily intended for creation idempotence and configuration ' +
    'definition. Cannot be updated. More info: ' +
    'https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  Age:
    'CreationTimestamp is a timestamp representing the server time when this object was ' +
    'created. It is not guaranteed to be set in happens-before order across separate ' +
    'operations. Clients may not set this value. It is represented in RFC3339 form and is in ' +
    'UTC.',
});

function customColumns(info: TableInfo): readonly TableColumn[] {
  const key: object = info.crd ?? noColumns;
  let columns = madeCustom.get(key);
  if (!columns) {
    const own = info.crd?.columns.length ? info.crd.columns : defaultColumns;
    columns = [
      {
        name: 'Name',
        type: 'string',
        format: 'name',
        description: descriptions['Name'] ?? '',
        priority: 0,
      },
      ...own.map((column) => ({
        name: column.name,
        type: column.type,
        format: column.format ?? '',
        description:
          column.description ||
          `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
        priority: column.priority ?? 0,
      })),
    ];
    madeCustom.set(key, columns);
  }
  return columns;
}

const noColumns = {};
const defaultColumns: readonly PrinterColumn[] = [
  {
    name: 'Age',
    type: 'date',
    jsonPath: '.metadata.creationTimestamp',
    description: descriptions['Age'] ?? '',
  },
];

/** The cells of one object, in the order of its columns. */
export function cellsFor(info: TableInfo, object: KubeObject, now: number): Cell[] {
  if (info.custom)
    return [
      object.metadata.name ?? '',
      ...customCells(info.crd?.columns.length ? info.crd.columns : defaultColumns, object, now),
    ];
  const own = cellsOf(info);
  return own
    ? own(object, now)
    : [object.metadata.name ?? '', object.metadata.creationTimestamp ?? ''];
}

/** One row. The object is shared, not copied. */
export function rowFor(info: TableInfo, object: KubeObject, options: TableOptions): TableRow {
  const row: TableRow = {
    cells: cellsFor(info, object, options.now),
    object: embedded(object, options.includeObject ?? 'Metadata'),
  };
  const conditions = kindOf(info)?.rowConditions?.(object);
  return conditions ? { cells: row.cells, conditions, object: row.object } : row;
}

function embedded(object: KubeObject, include: 'None' | 'Metadata' | 'Object'): object | null {
  if (include === 'None') return null;
  return include === 'Object'
    ? object
    : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** Columns and rows of a meta.k8s.io/v1 Table; who serves it adds the list's metadata. */
export function tableFor(
  info: TableInfo,
  objects: readonly KubeObject[],
  options: TableOptions,
): { columnDefinitions: readonly TableColumn[]; rows: TableRow[] } {
  return {
    columnDefinitions: columnsFor(info),
    rows: objects.map((object) => rowFor(info, object, options)),
  };
}
