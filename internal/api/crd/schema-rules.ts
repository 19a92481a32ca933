import { own } from '../../base/own.ts';
import { RE2JS } from 're2js';
import type { FieldError, FieldErrorType } from '../status.ts';
import { fillDefaults } from './default.ts';
import { embeds, isMap, preserves, type JsonSchema, type Values } from './json-schema.ts';
import { prune } from './prune.ts';
import { validateSchema } from './validate.ts';

/**
 * What a schema must be so that it can be pruned and defaulted: structural (KEP-1898, apiextensions
 * schema validation).
 */
export function validateStructural(schema: JsonSchema, path: string): FieldError[] {
  const rules = new Rules();
  rules.root(schema, path);
  return rules.errors;
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const unsupported = [
  '$ref',
  'definitions',
  'dependencies',
  'patternProperties',
  'additionalItems',
  'id',
  '$schema',
] as const;
/** What junctions may not say: they judge values, they do not describe them. */
const generic = ['description', 'title', 'nullable', 'type'] as const;

class Rules {
  readonly errors: FieldError[] = [];

  private add(type: FieldErrorType, field: string, value: unknown, detail: string): void {
    this.errors.push({ type, field, value, detail });
  }

  root(schema: JsonSchema, path: string): void {
    if (!schema.type)
      this.add('FieldValueRequired', `${path}.type`, '', 'must not be empty at the root');
    else if (schema.type !== 'object')
      this.add('FieldValueInvalid', `${path}.type`, schema.type, 'must be object at the root');
    else this.schema(schema, path);
    this.resourceProperties(schema, path);
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      this.embedded(inner, `${path}.properties[${name}]`);
  }

  private embedded(schema: JsonSchema, path: string): void {
    if (embeds(schema)) this.resourceProperties(schema, path);
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      this.embedded(inner, `${path}.properties[${name}]`);
    if (schema.items) this.embedded(schema.items, `${path}.items`);
  }

  /** Of metadata only the names may be narrowed; the rest is the server's. */
  private resourceProperties(schema: JsonSchema, path: string): void {
    const { metadata, apiVersion, kind } = schema.properties ?? {};
    for (const [name, inner] of [
      ['kind', kind],
      ['apiVersion', apiVersion],
    ] as const) {
      if (inner?.type && inner.type !== 'string')
        this.add(
          'FieldValueInvalid',
          `${path}.properties[${name}].type`,
          inner.type,
          'must be string',
        );
    }
    if (!metadata) return;
    if (metadata.type !== 'object')
      this.add(
        'FieldValueInvalid',
        `${path}.properties[metadata].type`,
        metadata.type ?? '',
        'must be object',
      );
    const names = Object.keys(metadata.properties ?? {}).filter(
      (name) => name !== 'name' && name !== 'generateName',
    );
    const others = Object.keys(metadata).filter(
      (key) => !['type', 'properties', 'description'].includes(key),
    );
    if (metadata.type === 'object' && (names.length || others.length)) {
      this.add(
        'FieldValueForbidden',
        `${path}.properties[metadata]`,
        undefined,
        'must not specify anything other than name and generateName, but metadata is ' +
          'implicitly specified',
      );
    }
  }

  private schema(schema: JsonSchema, path: string): void {
    this.forbidden(schema, path);
    if (schema.type && !types.includes(schema.type))
      this.add(
        'FieldValueNotSupported',
        `${path}.type`,
        schema.type,
        `supported values: ${types.map((t) => JSON.stringify(t)).join(', ')}`,
      );
    if (schema.pattern !== undefined) this.pattern(schema.pattern, `${path}.pattern`);
    this.extensions(schema, path);
    this.listType(schema, path);
    this.mapType(schema, path);
    this.children(schema, path);
    this.junctions(schema, path);
    if (schema.default !== undefined && schema.default !== null) this.default(schema, path);
    (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => {
      if (isMap(rule) && !String(rule['rule'] ?? '').trim())
        this.add(
          'FieldValueRequired',
          `${path}.x-kubernetes-validations[${i}].rule`,
          '',
          'rule is not specified',
        );
    });
  }

  private forbidden(schema: JsonSchema, path: string): void {
    const source = schema as Values;
    for (const key of unsupported)
      if (source[key] !== undefined)
        this.add('FieldValueForbidden', `${path}.${key}`, undefined, `${key} is not supported`);
    if (source['uniqueItems'] === true)
      this.add(
        'FieldValueForbidden',
        `${path}.uniqueItems`,
        undefined,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      );
    if (
      schema.properties &&
      schema.additionalProperties !== undefined &&
      schema.additionalProperties !== false
    ) {
      this.add(
        'FieldValueForbidden',
        `${path}.additionalProperties`,
        undefined,
        'additionalProperties and properties are mutual exclusive',
      );
    }
    if (
      schema.nullable &&
      !schema.type &&
      !preserves(schema) &&
      !schema['x-kubernetes-int-or-string']
    )
      return;
  }

  private pattern(pattern: string, path: string): void {
    try {
      RE2JS.compile(pattern);
    } catch (error) {
      this.add(
        'FieldValueInvalid',
        path,
        pattern,
        `must be a valid regular expression, but isn't: ` +
          `${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private extensions(schema: JsonSchema, path: string): void {
    if (schema['x-kubernetes-preserve-unknown-fields'] === false)
      this.add(
        'FieldValueInvalid',
        `${path}.x-kubernetes-preserve-unknown-fields`,
        false,
        'must be true or undefined',
      );
    if (!embeds(schema)) return;
    if (!schema.properties && !preserves(schema)) {
      this.add(
        'FieldValueRequired',
        `${path}.properties`,
        '',
        'must not be empty if x-kubernetes-embedded-resource is true without ' +
          'x-kubernetes-preserve-unknown-fields',
      );
    }
    if (schema.type !== 'object')
      this.add(
        'FieldValueInvalid',
        `${path}.type`,
        schema.type ?? '',
        'must be object if x-kubernetes-embedded-resource is true',
      );
  }

  private listType(schema: JsonSchema, path: string): void {
    const type = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    if (type !== undefined && !['atomic', 'set', 'map'].includes(type))
      this.add(
        'FieldValueNotSupported',
        `${path}.x-kubernetes-list-type`,
        type,
        'supported values: "atomic", "set", "map"',
      );
    if (type !== undefined && schema.type !== 'array')
      this.add(
        'FieldValueInvalid',
        `${path}.type`,
        schema.type ?? '',
        'must be array if x-kubernetes-list-type is specified',
      );
    if (type !== 'map') {
      if (keys.length)
        this.add(
          'FieldValueRequired',
          `${path}.x-kubernetes-list-type`,
          '',
          'must be map if x-kubernetes-list-map-keys is non-empty',
        );
      if (type === 'set' && schema.items) this.setItems(schema.items, `${path}.items`);
      return;
    }
    if (!keys.length)
      this.add(
        'FieldValueRequired',
        `${path}.x-kubernetes-list-map-keys`,
        '',
        'must not be empty if x-kubernetes-list-type is map',
      );
    const items = schema.items;
    if (items?.type !== 'object') {
      if (items)
        this.add(
          'FieldValueInvalid',
          `${path}.items.type`,
          items.type ?? '',
          "must be object if parent array's x-kubernetes-list-type is map",
        );
      return;
    }
    if (keys.some((key) => !own(items.properties, key)))
      this.add(
        'FieldValueInvalid',
        `${path}.x-kubernetes-list-map-keys`,
        keys,
        'entries must all be names of item properties',
      );
    if (new Set(keys).size !== keys.length)
      this.add(
        'FieldValueInvalid',
        `${path}.x-kubernetes-list-map-keys`,
        keys,
        'must not contain duplicate entries',
      );
    for (const key of new Set(keys)) this.mapKey(items, key, `${path}.items.properties[${key}]`);
  }

  private mapKey(items: JsonSchema, key: string, path: string): void {
    const property = own(items.properties, key);
    if (!property) return;
    if (property.type === 'object' || property.type === 'array') {
      this.add(
        'FieldValueInvalid',
        `${path}.type`,
        property.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      );
    }
    if (property.default === undefined && !items.required?.includes(key)) {
      this.add(
        'FieldValueRequired',
        `${path}.default`,
        '',
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a ' +
          'required property',
      );
    }
  }

  private setItems(items: JsonSchema, path: string): void {
    if (items.nullable)
      this.add(
        'FieldValueForbidden',
        `${path}.nullable`,
        undefined,
        'cannot be nullable when x-kubernetes-list-type is set',
      );
    if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
      this.add(
        'FieldValueInvalid',
        `${path}.x-kubernetes-map-type`,
        items['x-kubernetes-map-type'],
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      );
    }
    if (
      items.type === 'array' &&
      items['x-kubernetes-list-type'] !== undefined &&
      items['x-kubernetes-list-type'] !== 'atomic'
    ) {
      this.add(
        'FieldValueInvalid',
        `${path}.x-kubernetes-list-type`,
        items['x-kubernetes-list-type'],
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      );
    }
  }

  private mapType(schema: JsonSchema, path: string): void {
    const type = schema['x-kubernetes-map-type'];
    if (type === undefined) return;
    if (type !== 'atomic' && type !== 'granular')
      this.add(
        'FieldValueNotSupported',
        `${path}.x-kubernetes-map-type`,
        type,
        'supported values: "atomic", "granular"',
      );
    if (schema.type !== 'object')
      this.add(
        'FieldValueInvalid',
        `${path}.type`,
        schema.type ?? '',
        'must be object if x-kubernetes-map-type is specified',
      );
  }

  private child(schema: JsonSchema, path: string, what: string): void {
    const free = preserves(schema) || schema['x-kubernetes-int-or-string'] === true;
    if (!schema.type && !free && (schema as Values)['$ref'] === undefined)
      this.add('FieldValueRequired', `${path}.type`, '', `must not be empty for specified ${what}`);
    this.schema(schema, path);
  }

  private children(schema: JsonSchema, path: string): void {
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      this.child(inner, `${path}.properties[${name}]`, 'object fields');
    if (typeof schema.additionalProperties === 'object')
      this.child(schema.additionalProperties, `${path}.additionalProperties`, 'object fields');
    if (Array.isArray(schema.items))
      this.add(
        'FieldValueForbidden',
        `${path}.items`,
        undefined,
        'items must be a schema object and not an array',
      );
    else if (schema.items) this.child(schema.items, `${path}.items`, 'array items');
    else if (schema.type === 'array' && !preserves(schema))
      this.add('FieldValueRequired', `${path}.items`, '', 'must be specified');
  }

  private junctions(schema: JsonSchema, path: string): void {
    for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
      schema[key]?.forEach((inner, i) =>
        this.nested(inner, `${path}.${key}[${i}]`, schema['x-kubernetes-int-or-string'] === true),
      );
    if (schema.not) this.nested(schema.not, `${path}.not`, false);
  }

  private nested(schema: JsonSchema, path: string, intOrString: boolean): void {
    for (const key of generic) {
      const value = schema[key];
      if (
        value !== undefined &&
        value !== '' &&
        value !== false &&
        !(key === 'type' && intOrString)
      )
        this.add(
          'FieldValueForbidden',
          `${path}.${key}`,
          undefined,
          'must be empty to be structural',
        );
    }
    if (schema.default !== undefined)
      this.add(
        'FieldValueForbidden',
        `${path}.default`,
        undefined,
        'must be undefined to be structural',
      );
    if (schema.additionalProperties !== undefined)
      this.add(
        'FieldValueForbidden',
        `${path}.additionalProperties`,
        undefined,
        'must be undefined to be structural',
      );
    for (const key of [
      'x-kubernetes-preserve-unknown-fields',
      'x-kubernetes-embedded-resource',
      'x-kubernetes-int-or-string',
    ] as const) {
      if (schema[key])
        this.add(
          'FieldValueForbidden',
          `${path}.${key}`,
          undefined,
          'must be false to be structural',
        );
    }
    if (schema.pattern !== undefined) this.pattern(schema.pattern, `${path}.pattern`);
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      this.nested(inner, `${path}.properties[${name}]`, false);
    if (schema.items) this.nested(schema.items, `${path}.items`, false);
    for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
      schema[key]?.forEach((inner, i) => this.nested(inner, `${path}.${key}[${i}]`, intOrString));
    if (schema.not) this.nested(schema.not, `${path}.not`, intOrString);
  }

  /** A default is a value of its own schema, whole and without unknown fields. */
  private default(schema: JsonSchema, path: string): void {
    const holder: Values = { value: structuredClone(schema.default) };
    const around: JsonSchema = { type: 'object', properties: { value: schema } };
    if (prune(around, holder).length) {
      this.add(
        'FieldValueInvalid',
        `${path}.default`,
        schema.default,
        'must not have unknown fields',
      );
      return;
    }
    fillDefaults(around, holder);
    for (const error of validateSchema(around, holder)) {
      const below = error.field.replace(/^value/, '');
      this.errors.push({
        ...error,
        field: error.field === '<nil>' ? error.field : `${path}.default${below}`,
        detail: error.detail.replace(/^value/, ''),
      });
    }
  }
}
