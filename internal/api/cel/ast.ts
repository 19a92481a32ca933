import type { Value } from './values.ts';

/**
 * The tree of an expression in the Common Expression Language. `at` is the offset of a node in the
 * text.
 */
export type Node =
  | { kind: 'literal'; at: number; value: Value }
  | { kind: 'ident'; at: number; name: string }
  | { kind: 'select'; at: number; operand: Node; field: string; test: boolean; optional: boolean }
  | { kind: 'index'; at: number; operand: Node; index: Node; optional: boolean }
  | { kind: 'call'; at: number; name: string; target: Node | undefined; args: readonly Node[] }
  | { kind: 'logic'; at: number; op: '&&' | '||'; left: Node; right: Node }
  | { kind: 'ternary'; at: number; condition: Node; yes: Node; no: Node }
  | { kind: 'list'; at: number; items: ListItem[] }
  | { kind: 'map'; at: number; entries: MapEntry[] }
  | { kind: 'struct'; at: number; name: string; fields: StructField[] }
  | {
      kind: 'bind';
      at: number;
      how: 'optMap' | 'optFlatMap' | 'cel.bind';
      name: string;
      init: Node;
      body: Node;
    }
  | FoldNode;

/**
 * A macro over a list or map, a node of its own rather than a loop over hidden names. With two
 * names the first is index or key.
 */
export interface FoldNode {
  kind: 'fold';
  at: number;
  macro: FoldMacro;
  operand: Node;
  names: readonly string[];
  filter: Node | undefined;
  body: Node;
}

export type FoldMacro =
  | 'all'
  | 'exists'
  | 'existsOne'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry'
  | 'sortBy';

export interface ListItem {
  optional: boolean;
  value: Node;
}

export interface MapEntry {
  optional: boolean;
  key: Node;
  value: Node;
}

export interface StructField {
  name: string;
  at: number;
  optional: boolean;
  value: Node;
}

/** The nodes right below one. */
export function childrenOf(node: Node): Node[] {
  switch (node.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [node.operand];
    case 'index':
      return [node.operand, node.index];
    case 'call':
      return [...(node.target ? [node.target] : []), ...node.args];
    case 'logic':
      return [node.left, node.right];
    case 'ternary':
      return [node.condition, node.yes, node.no];
    case 'list':
      return node.items.map((item) => item.value);
    case 'map':
      return node.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'struct':
      return node.fields.map((field) => field.value);
    case 'bind':
      return [node.init, node.body];
    case 'fold':
      return [node.operand, ...(node.filter ? [node.filter] : []), node.body];
  }
}
