import { own } from '../../base/own.ts';
import { RE2JS } from 're2js';
import { semanticEqual } from '../loose.ts';
import { dns1035Label } from '../names.ts';
import type { FieldError, FieldErrorType } from '../status.ts';
import { fitsFormat } from './formats.ts';
import { additional, embeds, isMap, join, type JsonSchema, type Values } from './json-schema.ts';

/**
 * Schema validation with the messages of kube-openapi's validator. `old` makes it ratchet
 * (KEP-4008): what an update leaves as it was is not held against it. CEL rules are not its
 * business.
 */
export function validateSchema(schema: JsonSchema, object: Values, old?: Values): FieldError[] {
  const check = new Check();
  check.value(schema, object, '', old);
  check.lists(schema, object, '', old);
  check.resources(schema, object, '', true);
  return check.errors;
}

const patterns = new Map<string, RE2JS | undefined>();

/** Linear in the text, whatever the pattern: definitions come from strangers. */
function matches(pattern: string, text: string): boolean {
  if (!patterns.has(pattern)) {
    let compiled: RE2JS | undefined;
    try {
      compiled = RE2JS.compile(pattern);
    } catch {
      compiled = undefined; // refused when the definition was created
    }
    patterns.set(pattern, compiled);
  }
  return patterns.get(pattern)?.matcher(text).find() ?? true;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

class Check {
  readonly errors: FieldError[] = [];

  private add(type: FieldErrorType, field: string, value: unknown, detail: string): void {
    this.errors.push({ type, field, value, detail });
  }

  private invalid(path: string, value: unknown, what: string): void {
    this.add('FieldValueInvalid', path, value, `${path} in body ${what}`);
  }

  /** Errors about the schema as a whole have no field upstream. */
  private nowhere(detail: string): void {
    this.add('FieldValueInvalid', '<nil>', '', detail);
  }

  value(schema: JsonSchema, value: unknown, path: string, old: unknown): void {
    if (old !== undefined && semanticEqual(value, old)) return;
    if (value === null && schema.nullable) return;
    const actual = kindOf(value);
    this.type(schema, actual, path, value);
    if (schema.enum && !schema.enum.some((one) => semanticEqual(one, value))) {
      const supported = schema.enum
        .map((one) => JSON.stringify(typeof one === 'string' ? one : JSON.stringify(one)))
        .join(', ');
      this.add('FieldValueNotSupported', path, value, `supported values: ${supported}`);
    }
    if (actual === 'string') this.string(schema, value as string, path);
    else if (actual === 'integer' || actual === 'number')
      this.number(schema, value as number | bigint, actual, path);
    else if (actual === 'array') this.array(schema, value as unknown[], path, old);
    else if (actual === 'object') this.object(schema, value as Values, path, old);
    this.junctions(schema, value, path);
  }

  private type(schema: JsonSchema, actual: string, path: string, value: unknown): void {
    const wanted = schema['x-kubernetes-int-or-string']
      ? ['integer', 'string']
      : schema.type
        ? [schema.type]
        : [];
    if (
      !wanted.length ||
      wanted.includes(actual) ||
      (actual === 'integer' && wanted.includes('number'))
    )
      return;
    this.add(
      'FieldValueTypeInvalid',
      path,
      actual,
      `${path} in body must be of type ${wanted.join(',')}: ${JSON.stringify(actual)}`,
    );
    if (actual === 'number' && schema.type === 'integer' && typeof value === 'number')
      this.nowhere(`Checked value must be of type integer (default format) in ${path}`);
  }

  private string(schema: JsonSchema, text: string, path: string): void {
    if (schema.format && schema.type === 'string' && !fitsFormat(schema.format, text)) {
      this.add(
        'FieldValueTypeInvalid',
        path,
        text,
        `${path} in body must be of type ${schema.format}: ${JSON.stringify(text)}`,
      );
    }
    if (
      schema.maxLength === undefined &&
      schema.minLength === undefined &&
      schema.pattern === undefined
    )
      return;
    // Go counts code points.
    const length = Array.from(text).length;
    if (schema.maxLength !== undefined && length > schema.maxLength)
      this.add(
        'FieldValueTooLong',
        path,
        undefined,
        `may not be more than ${schema.maxLength} bytes`,
      );
    else if (schema.minLength !== undefined && length < schema.minLength)
      this.invalid(path, text, `should be at least ${schema.minLength} chars long`);
    else if (schema.pattern !== undefined && !matches(schema.pattern, text))
      this.invalid(path, text, `should match '${schema.pattern}'`);
  }

  private number(schema: JsonSchema, value: number | bigint, actual: string, path: string): void {
    if (
      schema.format === 'int32' &&
      actual === 'integer' &&
      (value > 2_147_483_647 || value < -2_147_483_648)
    ) {
      this.nowhere(`Checked value must be of type integer with format int32 in ${path}`);
    }
    if (schema.multipleOf !== undefined && !isMultiple(Number(value), schema.multipleOf))
      this.invalid(path, value, `should be a multiple of ${schema.multipleOf}`);
    const { maximum, minimum } = schema;
    if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
      this.invalid(
        path,
        value,
        schema.exclusiveMaximum
          ? `should be less than ${maximum}`
          : `should be less than or equal to ${maximum}`,
      );
    }
    if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
      this.invalid(
        path,
        value,
        schema.exclusiveMinimum
          ? `should be greater than ${minimum}`
          : `should be greater than or equal to ${minimum}`,
      );
    }
  }

  private array(schema: JsonSchema, list: unknown[], path: string, old: unknown): void {
    if (schema.minItems !== undefined && list.length < schema.minItems)
      this.invalid(path, list.length, `should have at least ${schema.minItems} items`);
    if (schema.maxItems !== undefined && list.length > schema.maxItems)
      this.add(
        'FieldValueTooMany',
        path,
        list.length,
        `must have at most ${schema.maxItems} items`,
      );
    const items = schema.items;
    if (!items) return;
    const before = oldItems(schema, old);
    list.forEach((item, i) =>
      this.value(items, item, `${path}[${i}]`, before?.get(keyOf(schema, item))),
    );
  }

  private object(schema: JsonSchema, object: Values, path: string, old: unknown): void {
    const count = Object.keys(object).length;
    if (schema.minProperties !== undefined && count < schema.minProperties)
      this.invalid(path, count, `should have at least ${schema.minProperties} properties`);
    if (schema.maxProperties !== undefined && count > schema.maxProperties)
      this.add('FieldValueTooMany', path, count, `must have at most ${schema.maxProperties} items`);
    const before = isMap(old) ? old : {};
    const properties = schema.properties ?? {};
    for (const [name, inner] of Object.entries(properties)) {
      const value = own(object, name);
      if (value !== undefined) this.value(inner, value, join(path, name), own(before, name));
    }
    const values = additional(schema);
    if (values)
      for (const key of Object.keys(object))
        if (!Object.hasOwn(properties, key))
          this.value(values, object[key], join(path, key), own(before, key));
    for (const name of schema.required ?? [])
      if (own(object, name) === undefined)
        this.add('FieldValueRequired', join(path, name), undefined, '');
  }

  private attempt(schema: JsonSchema, value: unknown, path: string): FieldError[] {
    const check = new Check();
    check.value(schema, value, path, undefined);
    return check.errors;
  }

  private junctions(schema: JsonSchema, value: unknown, path: string): void {
    const name = JSON.stringify(path);
    if (schema.anyOf?.length) {
      const tries = schema.anyOf.map((one) => this.attempt(one, value, path));
      if (!tries.some((errors) => errors.length === 0))
        this.failed(`${name} must validate at least one schema (anyOf)`, tries);
    }
    if (schema.oneOf?.length) {
      const tries = schema.oneOf.map((one) => this.attempt(one, value, path));
      const good = tries.filter((errors) => errors.length === 0).length;
      if (good === 0)
        this.failed(
          `${name} must validate one and only one schema (oneOf). Found none valid`,
          tries,
        );
      else if (good > 1)
        this.nowhere(
          `${name} must validate one and only one schema (oneOf). Found ${good} valid alternatives`,
        );
    }
    if (schema.allOf?.length) {
      const errors = schema.allOf.flatMap((one) => this.attempt(one, value, path));
      if (errors.length) {
        this.errors.push(...errors);
        this.nowhere(`${name} must validate all the schemas (allOf)`);
      }
    }
    if (schema.not && this.attempt(schema.not, value, path).length === 0)
      this.nowhere(`${name} must not validate the schema (not)`);
  }

  /** Upstream shows what is wrong with the alternative that came closest. */
  private failed(detail: string, tries: FieldError[][]): void {
    this.nowhere(detail);
    const best = tries.reduce((a, b) => (b.length < a.length ? b : a));
    this.errors.push(...best);
  }

  /** Sets and keyed lists hold each item once. */
  lists(schema: JsonSchema, value: unknown, path: string, old: unknown): void {
    if (old !== undefined && semanticEqual(value, old)) return;
    if (Array.isArray(value)) {
      const type = schema['x-kubernetes-list-type'];
      if (type === 'set' || type === 'map') this.duplicates(schema, value, path);
      const items = schema.items;
      if (items) value.forEach((item, i) => this.lists(items, item, `${path}[${i}]`, undefined));
    } else if (isMap(value)) {
      const before = isMap(old) ? old : {};
      const values = additional(schema);
      for (const [key, item] of Object.entries(value)) {
        const inner = own(schema.properties, key) ?? values;
        if (inner) this.lists(inner, item, join(path, key), own(before, key));
      }
    }
  }

  private duplicates(schema: JsonSchema, list: unknown[], path: string): void {
    const seen = new Set<string>();
    const keys = schema['x-kubernetes-list-map-keys'];
    list.forEach((item, i) => {
      const shown =
        keys && isMap(item)
          ? Object.fromEntries(
              [...keys]
                .sort()
                .flatMap((key) => (own(item, key) === undefined ? [] : [[key, own(item, key)]])),
            )
          : item;
      const key = JSON.stringify(shown);
      if (seen.has(key)) this.add('FieldValueDuplicate', `${path}[${i}]`, shown, '');
      seen.add(key);
    });
  }

  /** Embedded resources say what they are. */
  resources(schema: JsonSchema, value: unknown, path: string, isRoot: boolean): void {
    if (Array.isArray(value)) {
      const items = schema.items;
      if (items) value.forEach((item, i) => this.resources(items, item, `${path}[${i}]`, false));
      return;
    }
    if (!isMap(value)) return;
    if (embeds(schema) && !isRoot) this.embedded(value, path);
    const values = additional(schema);
    for (const [key, item] of Object.entries(value)) {
      const inner = own(schema.properties, key) ?? values;
      if (inner) this.resources(inner, item, join(path, key), false);
    }
  }

  private embedded(resource: Values, path: string): void {
    const { apiVersion, kind } = resource;
    if (typeof apiVersion !== 'string' || !apiVersion)
      this.add(
        'FieldValueRequired',
        join(path, 'apiVersion'),
        undefined,
        apiVersion === '' ? 'must not be empty' : '',
      );
    else if (apiVersion.split('/').length > 2)
      this.add(
        'FieldValueInvalid',
        join(path, 'apiVersion'),
        apiVersion,
        `unexpected GroupVersion string: ${apiVersion}`,
      );
    if (typeof kind !== 'string' || !kind)
      this.add(
        'FieldValueRequired',
        join(path, 'kind'),
        undefined,
        kind === '' ? 'must not be empty' : '',
      );
    else
      for (const why of dns1035Label(kind.toLowerCase()))
        this.add(
          'FieldValueInvalid',
          join(path, 'kind'),
          kind,
          `may have mixed case, but should otherwise match: ${why}`,
        );
  }
}

function isMultiple(value: number, factor: number): boolean {
  const ratio = value / factor;
  return Math.abs(ratio - Math.round(ratio)) < 1e-9;
}

function keyOf(schema: JsonSchema, item: unknown): string {
  return isMap(item)
    ? JSON.stringify(
        (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => own(item, key) ?? null),
      )
    : '';
}

/** Items of a keyed list can be told apart from one version to the next; those of others cannot. */
function oldItems(schema: JsonSchema, old: unknown): Map<string, unknown> | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return undefined;
  return new Map(old.map((item) => [keyOf(schema, item), item]));
}
