import { table } from '../../base/own.ts';
/** Types as far as checking needs them. */
export type CelType =
  | {
      kind:
        | 'dyn'
        | 'null_type'
        | 'bool'
        | 'int'
        | 'uint'
        | 'double'
        | 'string'
        | 'bytes'
        | 'timestamp'
        | 'duration'
        | 'type';
    }
  | { kind: 'list'; element: CelType }
  | { kind: 'map'; key: CelType; value: CelType }
  | ObjectType
  | { kind: 'optional'; value: CelType }
  | { kind: 'opaque'; name: string }
  | { kind: 'param'; name: string };

/**
 * An object of which the fields are known, by the names expressions use. `open`: others may be
 * there too.
 */
export interface ObjectType {
  kind: 'object';
  name: string;
  fields: ReadonlyMap<string, CelType>;
  open?: boolean;
}

export const dyn: CelType = { kind: 'dyn' };
export const bool: CelType = { kind: 'bool' };
export const int: CelType = { kind: 'int' };
export const string: CelType = { kind: 'string' };
export const listOf = (element: CelType): CelType => ({ kind: 'list', element });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value });
export const optionalOf = (value: CelType): CelType => ({ kind: 'optional', value });

export function fieldType(type: ObjectType, name: string): CelType | undefined {
  return type.fields.get(name) ?? (type.open ? dyn : undefined);
}

const displayed: Record<string, string> = table({ null_type: 'null' });

/** As cel-go prints it in messages. */
export function showType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${showType(type.element)})`;
    case 'map':
      return `map(${showType(type.key)}, ${showType(type.value)})`;
    case 'optional':
      return `optional_type(${showType(type.value)})`;
    case 'object':
    case 'opaque':
    case 'param':
      return type.name;
    default:
      return displayed[type.kind] ?? type.kind;
  }
}

const plain = new Set([
  'dyn',
  'null_type',
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'timestamp',
  'duration',
  'type',
]);

/**
 * `list<A>`, `map<string,int>`, `Quantity`: how signatures are written. One capital letter is a
 * parameter.
 */
export function parseType(text: string): CelType {
  const open = text.indexOf('<');
  if (open < 0) {
    if (plain.has(text)) return { kind: text as 'dyn' };
    return /^[A-Z]$/.test(text) ? { kind: 'param', name: text } : { kind: 'opaque', name: text };
  }
  const outer = text.slice(0, open);
  const inner = splitTypes(text.slice(open + 1, -1));
  const [first = dyn, second = dyn] = inner.map(parseType);
  if (outer === 'list') return listOf(first);
  return outer === 'map' ? mapOf(first, second) : optionalOf(first);
}

/** At commas that stand in no brackets. */
export function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === '<') depth++;
    else if (c === '>') depth--;
    else if ((c === ',' && depth === 0) || c === undefined) {
      const part = text.slice(start, i).trim();
      if (part) parts.push(part);
      start = i + 1;
    }
  }
  return parts;
}
