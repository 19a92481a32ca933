import { own } from '../../base/own.ts';
import type { ListSchema, Schema } from '../schema.ts';
import { isDict } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { ApiError } from '../status.ts';

/**
 * How a value is owned: as a whole (`leaf`), field by field, or item by item. Values without a type
 * are a whole in built-in kinds; in custom ones their objects are owned field by field.
 */
export type Shape = 'leaf' | 'map' | 'list';

export interface TypedContext {
  custom: boolean;
}

export function shapeOf(schema: Schema, value: unknown, context: TypedContext): Shape {
  switch (schema.kind) {
    case 'struct':
      return schema.atomic ? 'leaf' : 'map';
    case 'map':
      return schema.atomic ? 'leaf' : 'map';
    case 'list':
      return schema.listType === 'atomic' ? 'leaf' : 'list';
    case 'raw':
      return context.custom && isDict(value) ? 'map' : 'leaf';
    default:
      return 'leaf';
  }
}

const untyped: Schema = { kind: 'raw' };
const text: Schema = { kind: 'string' };

/** The schema below a key, or undefined where the type declares no such field. */
export function childSchema(schema: Schema, key: string): Schema | undefined {
  switch (schema.kind) {
    case 'struct':
      return (
        schema.fields.get(key)?.type ??
        (schema.preserveUnknown
          ? untyped
          : schema.typeMeta && (key === 'apiVersion' || key === 'kind')
            ? text
            : undefined)
      );
    case 'map':
      return schema.values;
    case 'raw':
      return untyped;
    default:
      return undefined;
  }
}

/** The type names this field; else the key is data, as in a map of labels. */
export function isDeclared(schema: Schema, key: string): boolean {
  return (
    schema.kind === 'struct' &&
    (schema.fields.has(key) || (schema.typeMeta && (key === 'apiVersion' || key === 'kind')))
  );
}

/** The path element of an item. Throws where an item cannot be told from others. */
export function itemElement(list: ListSchema, item: unknown): string {
  if (list.listType === 'set') {
    if (isDict(item))
      throw new ElementError("associative list without keys has an element that's a map type");
    if (Array.isArray(item))
      throw new ElementError('not supported: associative list with lists as elements');
    if (item === null || item === undefined)
      throw new ElementError(
        "associative list without keys has an element that's an explicit null",
      );
    return `v:${JSON.stringify(item)}`;
  }
  if (item === null || item === undefined)
    throw new ElementError('associative list with keys may not have a null element');
  if (!isDict(item))
    throw new ElementError('associative list with keys may not have non-map elements');
  return keyedElement(list, item);
}

const sortedKeys = new WeakMap<ListSchema, readonly string[]>();

function keyedElement(list: ListSchema, item: Dict): string {
  let names = sortedKeys.get(list);
  if (!names) sortedKeys.set(list, (names = [...list.mapKeys].sort()));
  let element = '';
  for (const name of names) {
    const given = own(item, name);
    const value = given === undefined ? defaultOf(list, name) : given;
    if (value === undefined) continue;
    element += `${element === '' ? 'k:{' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  if (element === '') {
    const keys = `[${list.mapKeys.map((k) => JSON.stringify(k)).join(' ')}]`;
    throw new ElementError(
      `associative list with keys has an element that omits all key fields ${keys} (and ` +
        `doesn't have default values for any key fields)`,
    );
  }
  return `${element}}`;
}

function defaultOf(list: ListSchema, name: string): unknown {
  return list.items.kind === 'struct' ? list.items.fields.get(name)?.default : undefined;
}

/** An item without an identity. */
export class ElementError extends ApiError {
  constructor(message: string) {
    super('', message);
  }
}
