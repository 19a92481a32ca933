import { isDict } from '../loose.ts';
import { setOwn } from '../../base/own.ts';
import type { Dict } from '../loose.ts';
import type { Schema } from '../schema.ts';
import { isEmpty, isMember } from './fields.ts';
import type { Fields } from './fields.ts';
import { childSchema, itemElement, shapeOf } from './typed.ts';
import type { TypedContext } from './typed.ts';

/**
 * The value without the fields and items of the set. A map or list that loses its last entry
 * becomes null.
 */
export function removeFields(
  schema: Schema,
  value: unknown,
  set: Fields,
  context: TypedContext,
): unknown {
  if (isEmpty(set)) return value;
  const shape = shapeOf(schema, value, context);
  if (shape === 'list' && schema.kind === 'list') {
    if (!Array.isArray(value) || value.length === 0) return null;
    const kept: unknown[] = [];
    for (const item of value as unknown[]) {
      const below = set[itemElement(schema, item)];
      if (below === undefined) kept.push(item);
      else if (!isMember(below)) kept.push(removeFields(schema.items, item, below, context));
    }
    return kept.length > 0 ? kept : null;
  }
  if (shape === 'leaf') return isDict(value) || Array.isArray(value) ? null : value;
  return isDict(value) ? withoutKeys(schema, value, set, context) : null;
}

function withoutKeys(schema: Schema, value: Dict, set: Fields, context: TypedContext): unknown {
  const kept: Dict = {};
  for (const key of Object.keys(value)) {
    const below = set[`f:${key}`];
    if (below === undefined) setOwn(kept, key, value[key]);
    else if (!isMember(below))
      setOwn(
        kept,
        key,
        removeFields(childSchema(schema, key) ?? { kind: 'raw' }, value[key], below, context),
      );
  }
  return Object.keys(kept).length > 0 ? kept : null;
}
