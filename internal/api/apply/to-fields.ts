import { isDict, listOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import type { ListSchema, Schema } from '../schema.ts';
import type { Fields } from './fields.ts';
import { FieldsWalk } from './fields-walk.ts';
import { childSchema, isDeclared, itemElement, shapeOf } from './typed.ts';
import type { TypedContext } from './typed.ts';

/** Every field that a value sets: its leaves, the items of its lists, the keys of its maps. */
export function toFields(schema: Schema, value: unknown, context: TypedContext): Fields {
  const walk = new FieldsWalk();
  visit(schema, value, walk, context);
  return walk.set;
}

function visit(schema: Schema, value: unknown, walk: FieldsWalk, context: TypedContext): void {
  const shape = shapeOf(schema, value, context);
  if (shape === 'leaf') {
    if (walk.depth > 0) walk.add();
  } else if (shape === 'list' && schema.kind === 'list')
    items(schema, listOf(value), walk, context);
  else if (isDict(value)) keys(schema, value, walk, context);
}

function keys(schema: Schema, map: Dict, walk: FieldsWalk, context: TypedContext): void {
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    walk.enter(`f:${key}`);
    visit(childSchema(schema, key) ?? { kind: 'raw' }, value, walk, context);
    if (
      value === null ||
      (isDict(value) && Object.keys(value).length === 0) ||
      !isDeclared(schema, key)
    )
      walk.add();
    walk.leave();
  }
}

function items(
  schema: ListSchema,
  list: readonly unknown[],
  walk: FieldsWalk,
  context: TypedContext,
): void {
  const elements = list.map((item) => itemElement(schema, item));
  const repeated = repeatedOf(elements);
  elements.forEach((element, i) => {
    walk.enter(element);
    if (!repeated.has(element)) visit(schema.items, list[i], walk, context);
    walk.add();
    walk.leave();
  });
}

function repeatedOf(elements: readonly string[]): Set<string> {
  const [once, more] = [new Set<string>(), new Set<string>()];
  for (const element of elements) (once.has(element) ? more : once).add(element);
  return more;
}

/**
 * Makes every declared field on the way to a member a member too: removing the last of its fields
 * removes it.
 */
export function withNamedParents(set: Fields, schema: Schema | undefined): Fields {
  const result: Fields = {};
  for (const element in set) {
    if (element === '.') continue;
    const node = set[element] as Fields;
    const below = withNamedParents(node, schemaBelow(schema, element));
    const named =
      element.startsWith('f:') && schema !== undefined && isDeclared(schema, element.slice(2));
    const member = named || '.' in node || Object.keys(node).length === 0;
    result[element] = Object.keys(below).length === 0 ? {} : member ? { '.': {}, ...below } : below;
  }
  return result;
}

function schemaBelow(schema: Schema | undefined, element: string): Schema | undefined {
  if (!schema) return undefined;
  return element.startsWith('f:')
    ? childSchema(schema, element.slice(2))
    : schema.kind === 'list'
      ? schema.items
      : undefined;
}
