import { own, setOwn } from '../../base/own.ts';
import { additional, isMap, type JsonSchema, type Values } from './json-schema.ts';

/** What one schema does to a value: known once, so that schemas without defaults cost nothing. */
const busy = new WeakMap<JsonSchema, boolean>();

function hasWork(schema: JsonSchema): boolean {
  const known = busy.get(schema);
  if (known !== undefined) return known;
  const inner = [
    schema.items,
    additional(schema),
    ...Object.values(schema.properties ?? {}),
  ].filter((s) => s !== undefined);
  const work =
    schema.properties !== undefined ||
    additional(schema) !== undefined ||
    inner.some((s) => s.default !== undefined || hasWork(s));
  busy.set(schema, work);
  return work;
}

/**
 * Fills declared defaults, and takes away null where the schema does not allow it: an absent field
 * is the same, and may have a default.
 */
export function fillDefaults(schema: JsonSchema, value: unknown): void {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items && hasWork(items)) for (const item of value) fillDefaults(items, item);
    return;
  }
  if (!isMap(value)) return;
  const properties = schema.properties ?? {};
  for (const name in properties) fillField(properties[name] as JsonSchema, name, value);
  const values = additional(schema);
  if (!values) return;
  for (const key of Object.keys(value))
    if (!Object.hasOwn(properties, key)) fillField(values, key, value);
}

function fillField(schema: JsonSchema, name: string, into: Values): void {
  if (own(into, name) === null && !schema.nullable) delete into[name];
  if (own(into, name) === undefined && schema.default !== undefined)
    setOwn(into, name, structuredClone(schema.default));
  const value = own(into, name);
  if (value !== undefined && hasWork(schema)) fillDefaults(schema, value);
}
