import { isDict, listOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import type { ListSchema, Schema } from '../schema.ts';
import { insert } from './fields.ts';
import type { Fields } from './fields.ts';
import { childSchema, isDeclared, itemElement, shapeOf } from './typed.ts';
import type { TypedContext } from './typed.ts';

/** Every field that a value sets: its leaves, the items of its lists, the keys of its maps. */
export function toFields(schema: Schema, value: unknown, context: TypedContext): Fields {
  const set: Fields = {};
  visit(schema, value, [], set, context);
  return set;
}

function visit(schema: Schema, value: unknown, path: string[], set: Fields, context: TypedContext): void {
  const shape = shapeOf(schema, value, context);
  if (shape === 'leaf') {
    if (path.length > 0) insert(set, path);
  } else if (shape === 'list' && schema.kind === 'list') items(schema, listOf(value), path, set, context);
  else if (isDict(value)) keys(schema, value, path, set, context);
}

function keys(schema: Schema, map: Dict, path: string[], set: Fields, context: TypedContext): void {
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    path.push(`f:${key}`);
    visit(childSchema(schema, key) ?? { kind: 'raw' }, value, path, set, context);
    if (value === null || (isDict(value) && Object.keys(value).length === 0) || !isDeclared(schema, key)) insert(set, path);
    path.pop();
  }
}

function items(schema: ListSchema, list: readonly unknown[], path: string[], set: Fields, context: TypedContext): void {
  const elements = list.map((item) => itemElement(schema, item));
  const repeated = repeatedOf(elements);
  elements.forEach((element, i) => {
    path.push(element);
    if (!repeated.has(element)) visit(schema.items, list[i], path, set, context);
    insert(set, path);
    path.pop();
  });
}

function repeatedOf(elements: readonly string[]): Set<string> {
  const [once, more] = [new Set<string>(), new Set<string>()];
  for (const element of elements) (once.has(element) ? more : once).add(element);
  return more;
}

/** Makes every declared field on the way to a member a member too: removing the last of its fields removes it. */
export function withNamedParents(set: Fields, schema: Schema | undefined): Fields {
  const result: Fields = {};
  for (const element in set) {
    if (element === '.') continue;
    const node = set[element] as Fields;
    const below = withNamedParents(node, schemaBelow(schema, element));
    const named = element.startsWith('f:') && schema !== undefined && isDeclared(schema, element.slice(2));
    const member = named || '.' in node || Object.keys(node).length === 0;
    result[element] = Object.keys(below).length === 0 ? {} : member ? { '.': {}, ...below } : below;
  }
  return result;
}

function schemaBelow(schema: Schema | undefined, element: string): Schema | undefined {
  if (!schema) return undefined;
  return element.startsWith('f:') ? childSchema(schema, element.slice(2)) : schema.kind === 'list' ? schema.items : undefined;
}
