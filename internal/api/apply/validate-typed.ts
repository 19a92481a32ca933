import { isDict } from '../loose.ts';
import type { Schema } from '../schema.ts';
import { elementText } from './fields.ts';
import { ElementError, childSchema, itemElement } from './typed.ts';

/** What in a configuration does not fit its type, as `path: message`. */
export function typedErrors(schema: Schema, value: unknown): string[] {
  const errors: string[] = [];
  check(schema, value, '', errors);
  return errors;
}

/** All of them in one text, as structured-merge-diff prints them. */
export function typedErrorText(errors: readonly string[]): string {
  return errors.length === 1
    ? (errors[0] ?? '')
    : ['errors:', ...errors.map((e) => `  ${e}`)].join('\n');
}

function check(schema: Schema, value: unknown, path: string, errors: string[]): void {
  const fail = (message: string): void =>
    void errors.push(path === '' ? message : `${path}: ${message}`);
  if (value === null || value === undefined) return;
  switch (schema.kind) {
    case 'struct':
    case 'map':
      if (!isDict(value)) return fail(`expected map, got ${shown(value)}`);
      for (const key of Object.keys(value)) {
        const child = childSchema(schema, key);
        if (child === undefined) {
          // Upstream stops looking at a map once it holds something unknown.
          errors.push(`${path}.${key}: field not declared in schema`);
          return;
        }
        check(child, value[key], `${path}.${key}`, errors);
      }
      return;
    case 'list':
      if (!Array.isArray(value)) return fail(`expected list, got ${shown(value)}`);
      return list(schema, value, path, errors);
    case 'int32':
    case 'int64':
    case 'double':
      if (typeof value !== 'number') fail(`expected numeric (int or float), got ${goType(value)}`);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') fail(`expected boolean, got ${shown(value)}`);
      return;
    case 'raw':
      return;
    case 'quantity':
    case 'intOrString':
      if (typeof value === 'object') fail(`expected any scalar, got ${shown(value)}`);
      return;
    default:
      if (typeof value !== 'string')
        fail(`expected string, got &value.valueUnstructured{Value:${shown(value)}}`);
  }
}

function list(
  schema: Extract<Schema, { kind: 'list' }>,
  items: readonly unknown[],
  path: string,
  errors: string[],
): void {
  const seen = new Set<string>();
  for (let i = 0; i < items.length; i++) {
    let element = `i:${i}`;
    if (schema.listType !== 'atomic') {
      try {
        element = itemElement(schema, items[i]);
      } catch (thrown) {
        if (!(thrown instanceof ElementError)) throw thrown;
        errors.push(`${path}: element ${i}: ${thrown.message}`);
        return;
      }
      if (seen.has(element))
        errors.push(`${path}: duplicate entries for key ${elementText(element)}`);
      seen.add(element);
    }
    check(schema.items, items[i], path + elementText(element), errors);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : isDict(value)
      ? JSON.stringify(value)
      : Array.isArray(value)
        ? JSON.stringify(value)
        : String(value);
}

function goType(value: unknown): string {
  return Array.isArray(value)
    ? '[]interface {}'
    : isDict(value)
      ? 'map[string]interface {}'
      : typeof value === 'boolean'
        ? 'bool'
        : 'string';
}
