import { isDict } from '../loose.ts';
import type { Schema } from '../schema.ts';
import { childSchema, isDeclared, shapeOf, type TypedContext } from './typed.ts';

/**
 * The paths of a configuration at which it holds a map, struct or list that is owned as a whole
 * (apiserver plugin/policy/mutating/patch/smd.go): laid over an object it would take away what it
 * does not name.
 */
export function atomicsIn(schema: Schema, value: unknown, context: TypedContext): string[] {
  const found: string[] = [];
  walk(schema, value, '', { context, found });
  return found;
}

function walk(
  schema: Schema,
  value: unknown,
  path: string,
  sink: { context: TypedContext; found: string[] },
): void {
  const many = Array.isArray(value);
  if (!many && !isDict(value)) return;
  if (shapeOf(schema, value, sink.context) === 'leaf') sink.found.push(path);
  if (many && schema.kind === 'list')
    value.forEach((item, i) => walk(schema.items, item, `${path}[${i}]`, sink));
  if (many || schema.kind !== 'struct') return;
  // Keys that are data are not looked into.
  for (const [key, one] of Object.entries(value)) {
    const child = isDeclared(schema, key) ? childSchema(schema, key) : undefined;
    if (child) walk(child, one, `${path}.${key}`, sink);
  }
}
