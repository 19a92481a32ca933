import { own } from '../../base/own.ts';
import { explain } from '../codec/explain.ts';
import { normalStruct, TypeMismatch, type Walk } from '../codec/normal-form.ts';
import { planOf } from '../codec/plan.ts';
import { DecodeError } from '../codec/scalars.ts';
import {
  additional,
  embeds,
  isMap,
  join,
  preserves,
  property,
  resourceFields,
  type JsonSchema,
  type Values,
} from './json-schema.ts';

const objectMeta = planOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/**
 * Removes what the schema does not know, in place, and returns the paths of what went, in order.
 * Metadata of embedded resources is brought into form on the way; what cannot be is a DecodeError,
 * as upstream.
 */
export function prune(schema: JsonSchema, object: Values): string[] {
  const gone: string[] = [];
  pruneMap(schema, object, '', true, gone);
  const metadata: string[] = [];
  coerce(schema, object, '', true, metadata);
  return [...gone.sort(), ...metadata];
}

function pruneValue(schema: JsonSchema, value: unknown, path: string, gone: string[]): void {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items) value.forEach((item, i) => pruneValue(items, item, `${path}[${i}]`, gone));
    else if (!preserves(schema))
      value.forEach((item, i) => isMap(item) && pruneMap({}, item, `${path}[${i}]`, false, gone));
  } else if (isMap(value)) pruneMap(schema, value, path, embeds(schema), gone);
}

function pruneMap(
  schema: JsonSchema,
  value: Values,
  path: string,
  isResource: boolean,
  gone: string[],
): void {
  for (const key of Object.keys(value)) {
    if (isResource && resourceFields.has(key)) continue;
    const known = property(schema, key);
    if (known) pruneValue(known, value[key], join(path, key), gone);
    else if (!preserves(schema) && schema.additionalProperties !== true) {
      gone.push(join(path, key));
      delete value[key];
    }
  }
}

/** Walks to every embedded resource and brings its metadata into normal form. */
function coerce(
  schema: JsonSchema,
  value: unknown,
  path: string,
  isRoot: boolean,
  unknown: string[],
): void {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items && holdsResources(items))
      value.forEach((item, i) => coerce(items, item, `${path}[${i}]`, false, unknown));
    return;
  }
  if (!isMap(value)) return;
  if (embeds(schema) && !isRoot) coerceMetadata(value, join(path, 'metadata'), unknown);
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    if (holdsResources(inner)) coerce(inner, own(value, name), join(path, name), false, unknown);
  const values = additional(schema);
  if (values && holdsResources(values))
    for (const key in value) coerce(values, value[key], join(path, key), false, unknown);
}

const holders = new WeakMap<JsonSchema, boolean>();

function holdsResources(schema: JsonSchema): boolean {
  const known = holders.get(schema);
  if (known !== undefined) return known;
  const inner = [schema.items, additional(schema), ...Object.values(schema.properties ?? {})];
  const holds = embeds(schema) || inner.some((s) => s !== undefined && holdsResources(s));
  holders.set(schema, holds);
  return holds;
}

function coerceMetadata(resource: Values, path: string, unknown: string[]): void {
  const metadata = resource['metadata'];
  if (metadata === undefined || metadata === null) return;
  const walk: Walk = { unknownFields: false };
  try {
    resource['metadata'] = normalStruct(objectMeta, metadata, walk);
  } catch (error) {
    const why =
      error instanceof TypeMismatch
        ? explain(objectMeta, metadata).mismatch
        : error instanceof Error
          ? error.message
          : '';
    throw new DecodeError(`${path}: Invalid value: ${JSON.stringify(metadata)}: ${why ?? ''}`);
  }
  if (walk.unknownFields)
    unknown.push(
      ...explain(objectMeta, metadata).strict.map((text) =>
        join(path, text.slice('unknown field "'.length, -1)),
      ),
    );
}
