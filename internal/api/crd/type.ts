import { builtinStruct } from '../builtin-schema.ts';
import type { FieldSchema, ListSchema, ScalarSchema, Schema, StructSchema } from '../schema.ts';
import { additional, embeds, preserves, type JsonSchema } from './json-schema.ts';

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const raw: ScalarSchema = { kind: 'raw' };

/** A structural schema as the description of a type that built-in kinds have. */
export function schemaOfKind(
  name: string,
  schema: JsonSchema | undefined,
  preserveAll: boolean,
): StructSchema {
  const made = schema ? structOf(name, schema) : emptyStruct(name);
  const fields = new Map(made.fields);
  fields.set('metadata', {
    name: 'metadata',
    type: builtinStruct(objectMeta),
    required: false,
    pointer: false,
    omitEmpty: true,
  });
  return {
    ...made,
    fields,
    typeMeta: true,
    preserveUnknown: made.preserveUnknown || preserveAll || !schema,
  };
}

function emptyStruct(name: string): StructSchema {
  return {
    kind: 'struct',
    name,
    fields: new Map(),
    typeMeta: false,
    atomic: false,
    preserveUnknown: false,
  };
}

function typeOf(name: string, schema: JsonSchema): Schema {
  if (schema['x-kubernetes-int-or-string']) return { kind: 'intOrString' };
  switch (schema.type) {
    case 'object':
      return objectType(name, schema);
    case 'array':
      return listType(name, schema);
    case 'string':
      return { kind: 'string', ...(schema.enum ? { enum: schema.enum.map(String) } : {}) };
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
      return { kind: schema.format === 'int32' ? 'int32' : 'int64' };
    case 'number':
      return { kind: 'double' };
    default:
      return raw;
  }
}

function objectType(name: string, schema: JsonSchema): Schema {
  if (schema.properties || embeds(schema)) return structOf(name, schema);
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  const values = additional(schema);
  if (values) return { kind: 'map', values: typeOf(`${name}.*`, values), atomic };
  if (schema.additionalProperties === true) return { kind: 'map', values: raw, atomic };
  return { ...emptyStruct(name), atomic, preserveUnknown: preserves(schema) };
}

function listType(name: string, schema: JsonSchema): ListSchema {
  const given = schema['x-kubernetes-list-type'];
  return {
    kind: 'list',
    items: schema.items ? typeOf(`${name}[]`, schema.items) : raw,
    listType: given === 'set' || given === 'map' ? given : 'atomic',
    mapKeys: schema['x-kubernetes-list-map-keys'] ?? [],
  };
}

function structOf(name: string, schema: JsonSchema): StructSchema {
  const required = new Set(schema.required ?? []);
  const fields = new Map<string, FieldSchema>();
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    if (embeds(schema) && key === 'metadata') continue;
    const field: FieldSchema = {
      name: key,
      type: typeOf(`${name}.${key}`, value),
      required: required.has(key),
      pointer: true,
      omitEmpty: true,
    };
    if (value.default !== undefined) field.default = value.default;
    if (value.nullable) field.nullable = true;
    fields.set(key, field);
  }
  if (embeds(schema))
    fields.set('metadata', {
      name: 'metadata',
      type: builtinStruct(objectMeta),
      required: false,
      pointer: false,
      omitEmpty: true,
    });
  return {
    kind: 'struct',
    name,
    fields,
    typeMeta: embeds(schema),
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    preserveUnknown: preserves(schema),
  };
}
