import type { FieldSchema, Schema } from '../schema.ts';
import { ApiError } from '../status.ts';

/** How a field is patched: `schema` is the map's, or for a list its items'. */
export interface PatchMeta {
  strategy: 'merge' | 'replace' | '';
  mergeKey: string;
  retainKeys: boolean;
  schema: Schema;
}

const goKinds: Partial<Record<Schema['kind'], string>> = {
  boolean: 'bool',
  double: 'float64',
  map: 'map',
  list: 'slice',
};

/**
 * Looks a key up in the schema of the value that holds it. Throws Kubernetes' text when the type
 * has no such field.
 */
export function lookupField(schema: Schema, key: string, as: 'map' | 'list' = 'map'): PatchMeta {
  if (schema.kind !== 'struct')
    throw new ApiError(
      '',
      'merging an object in json but data type is not struct, instead is: ' +
        `${goKinds[schema.kind] ?? schema.kind}`,
    );
  const field = schema.fields.get(key) ?? typeMetaField(schema.typeMeta, key);
  if (!field)
    throw new ApiError(
      '',
      `unable to find api field in struct ${shortName(schema.name)} for the json field ` +
        `${JSON.stringify(key)}`,
    );
  return {
    ...strategyOf(field),
    schema: as === 'list' && field.type.kind === 'list' ? field.type.items : field.type,
  };
}

function typeMetaField(typeMeta: boolean, key: string): FieldSchema | undefined {
  if (!typeMeta || (key !== 'apiVersion' && key !== 'kind')) return undefined;
  return { name: key, type: { kind: 'string' }, required: false, pointer: false, omitEmpty: true };
}

function strategyOf(field: FieldSchema): {
  strategy: PatchMeta['strategy'];
  mergeKey: string;
  retainKeys: boolean;
} {
  const strategies = (field.patchStrategy ?? '').split(',').filter((s) => s !== '');
  const strategy = strategies.find((s) => s !== 'retainKeys');
  return {
    strategy: strategy === 'merge' || strategy === 'replace' ? strategy : '',
    mergeKey: field.patchMergeKey ?? '',
    retainKeys: strategies.includes('retainKeys'),
  };
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
