import { own } from '../../base/own.ts';
import { additional, embeds, preserves, type JsonSchema } from '../crd/json-schema.ts';
import type { KindInfo } from '../scheme.ts';
import { refWith, type Flavor, type Json } from './definitions.ts';
import {
  apiVersionDescription,
  embeddedApiVersion,
  embeddedKind,
  kindDescription,
  listMetadataDescription,
  listOf,
  metadataDescription,
} from './descriptions.ts';
import { definitionName } from './operations.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/**
 * What a definition's schema is published as: whole in OpenAPI 3, without what kubectl cannot read
 * in OpenAPI 2.
 */
export function customDefinition(info: KindInfo, flavor: Flavor): Json {
  const schema = info.crd?.schema;
  const out = published(info, schema, flavor);
  out['x-kubernetes-group-version-kind'] = [
    { group: info.group, kind: info.kind, version: info.version },
  ];
  const fields = info.crd?.selectableFields ?? [];
  if (fields.length && flavor === 3)
    out['x-kubernetes-selectable-fields'] = fields.map((fieldPath) => ({ fieldPath }));
  return out;
}

function published(info: KindInfo, schema: JsonSchema | undefined, flavor: Flavor): Json {
  // Properties beside "anything goes" would make kubectl refuse the rest.
  if (!schema || (flavor === 2 && (preserves(schema) || info.crd?.preserveUnknownFields)))
    return { type: 'object' };
  const out = convert(schema, flavor);
  out['properties'] = {
    ...(out['properties'] as Json | undefined),
    apiVersion: { description: apiVersionDescription, type: 'string' },
    kind: { description: kindDescription, type: 'string' },
    metadata: refWith(`${meta}ObjectMeta`, flavor, { description: metadataDescription }),
  };
  return out;
}

export function customList(info: KindInfo, flavor: Flavor): Json {
  return {
    description: `${info.listKind} is a list of ${info.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { description: apiVersionDescription, type: 'string' },
      items: {
        description: listOf(info.resource),
        type: 'array',
        items: refWith(definitionName(info), flavor, {}),
      },
      kind: { description: kindDescription, type: 'string' },
      metadata: refWith(`${meta}ListMeta`, flavor, { description: listMetadataDescription }),
    },
    'x-kubernetes-group-version-kind': [
      { group: info.group, kind: info.listKind, version: info.version },
    ],
  };
}

const extensions = [
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
] as const;
const values = [
  'format',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'enum',
  'maxProperties',
  'minProperties',
] as const;
const knownFormats = new Set(
  (
    'bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 ' +
    'isbn13 creditcard ssn hexcolor rgbcolor byte password date duration datetime k8sshortname ' +
    'k8slongname'
  ).split(' '),
);

function supported(schema: JsonSchema): boolean {
  const format = schema.format ?? '';
  if (!schema.type || schema.type === 'string') return knownFormats.has(format.replaceAll('-', ''));
  if (schema.type === 'integer') return format === 'int32' || format === 'int64';
  return schema.type === 'number' && (format === 'float' || format === 'double');
}

function convert(schema: JsonSchema, flavor: Flavor): Json {
  const out: Json = {};
  const source = schema as Json;
  for (const key of ['description', 'title', 'externalDocs', 'example'])
    if (source[key] !== undefined) out[key] = source[key];
  addTypes(schema, flavor, out);
  if (flavor === 3 && schema.nullable) out['nullable'] = true;
  if (flavor === 3 && schema.default !== undefined) out['default'] = schema.default;
  for (const key of values)
    if (
      source[key] !== undefined &&
      source[key] !== false &&
      !(key === 'format' && !supported(schema))
    )
      out[key] = source[key];
  const required = requiredOf(schema, flavor);
  if (required.length) out['required'] = required;
  for (const key of extensions) {
    const value = schema[key];
    if (value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0))
      out[key] = value;
  }
  if (flavor === 3) addJunctions(schema, out);
  if (embeds(schema) && !(flavor === 2 && preserves(schema))) addResourceFields(out, flavor);
  return out;
}

function addTypes(schema: JsonSchema, flavor: Flavor, out: Json): void {
  // kubectl takes a value without a type for anything, but not when it has properties or items.
  const open = flavor === 2 && (schema.nullable === true || preserves(schema));
  const items = open ? undefined : schema.items;
  const untyped =
    flavor === 2 &&
    (schema.nullable === true ||
      (!items && schema.type === 'array') ||
      (preserves(schema) && schema.type === 'object'));
  if (schema.type && !untyped) out['type'] = schema.type;
  if (items) out['items'] = convert(items, flavor);
  if (schema.properties && !open)
    out['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, inner]) => [name, convert(inner, flavor)]),
    );
  const rest = additional(schema);
  if (rest) out['additionalProperties'] = convert(rest, flavor);
  else if (schema.additionalProperties !== undefined)
    out['additionalProperties'] = schema.additionalProperties;
}

function requiredOf(schema: JsonSchema, flavor: Flavor): string[] {
  const required = schema.required ?? [];
  if (flavor === 3) return required;
  if (additional(schema)?.nullable) return [];
  return required.filter((name) => !own(schema.properties, name)?.nullable);
}

function isIntOrString(list: JsonSchema[] | undefined): boolean {
  return list?.length === 2 && list[0]?.type === 'integer' && list[1]?.type === 'string';
}

function addJunctions(schema: JsonSchema, out: Json): void {
  for (const key of ['allOf', 'anyOf', 'oneOf', 'not'] as const)
    if (schema[key] !== undefined) out[key] = schema[key];
  if (
    !schema['x-kubernetes-int-or-string'] ||
    isIntOrString(schema.anyOf) ||
    isIntOrString(schema.allOf?.[0]?.anyOf)
  )
    return;
  const either = [{ type: 'integer' }, { type: 'string' }];
  if (schema.anyOf) out['allOf'] = [{ anyOf: either }, ...(schema.allOf ?? [])];
  else out['anyOf'] = either;
}

function addResourceFields(out: Json, flavor: Flavor): void {
  out['properties'] = {
    ...(out['properties'] as Json | undefined),
    apiVersion: { description: embeddedApiVersion, type: 'string' },
    kind: { description: embeddedKind, type: 'string' },
    metadata: refWith(`${meta}ObjectMeta`, flavor, { description: metadataDescription }),
  };
  const required = new Set((out['required'] as string[] | undefined) ?? []);
  out['required'] = [...required.add('kind').add('apiVersion')];
}
