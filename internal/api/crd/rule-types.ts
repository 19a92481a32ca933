import { table } from '../../base/own.ts';
import { escapeName } from '../cel/escape.ts';
import { bool, dyn, int, listOf, mapOf, string, type CelType } from '../cel/types.ts';
import { additional, embeds, preserves, type JsonSchema } from './json-schema.ts';

const known = new WeakMap<JsonSchema, CelType>();
const formats: Readonly<Record<string, CelType>> = table({
  byte: { kind: 'bytes' },
  date: { kind: 'timestamp' },
  'date-time': { kind: 'timestamp' },
  duration: { kind: 'duration' },
});

/** The type that rules see, of a schema or (root) of the resource it describes. */
export function typeOfSchema(schema: JsonSchema, isRoot = false): CelType {
  const found = known.get(schema);
  if (found) return found;
  const made = isRoot || embeds(schema) ? resourceType(schema) : plainType(schema);
  known.set(schema, made);
  return made;
}

function plainType(schema: JsonSchema): CelType {
  if (schema['x-kubernetes-int-or-string']) return dyn;
  switch (schema.type) {
    case 'boolean':
      return bool;
    case 'integer':
      return int;
    case 'number':
      return { kind: 'double' };
    case 'string':
      return formats[schema.format ?? ''] ?? string;
    case 'array':
      return listOf(schema.items ? typeOfSchema(schema.items) : dyn);
    case 'object':
      return objectType(schema);
    default:
      return dyn;
  }
}

/** Objects are told apart by where they are described; no two descriptions are one type. */
let count = 0;

function objectType(schema: JsonSchema): CelType {
  const values = additional(schema);
  if (values) return mapOf(string, typeOfSchema(values));
  if (!schema.properties && preserves(schema)) return dyn;
  if (schema.additionalProperties === true) return mapOf(string, dyn);
  return { kind: 'object', name: `object${++count}`, fields: fieldsOf(schema) };
}

function fieldsOf(schema: JsonSchema): Map<string, CelType> {
  return new Map(
    Object.entries(schema.properties ?? {}).map(([name, inner]) => [
      escapeName(name),
      typeOfSchema(inner),
    ]),
  );
}

/** Of metadata rules see only what the definition may speak of: the names. */
function resourceType(schema: JsonSchema): CelType {
  const metadata: CelType = {
    kind: 'object',
    name: `object${++count}`,
    fields: new Map([
      ['name', string],
      ['generateName', string],
    ]),
  };
  const fields = fieldsOf(schema)
    .set('apiVersion', string)
    .set('kind', string)
    .set('metadata', metadata);
  return { kind: 'object', name: `object${++count}`, fields };
}
