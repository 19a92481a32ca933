import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { escapeName } from '../../api/cel/escape.ts';
import { bool, dyn, int, listOf, mapOf, string, type CelType } from '../../api/cel/types.ts';
import { typeOfSchema } from '../../api/crd/rule-types.ts';
import type { JsonSchema } from '../../api/crd/json-schema.ts';
import type { CustomResourceDefinition } from '../../api/generated/types/apiextensions-v1.ts';
import type { Schema, StructSchema } from '../../api/schema.ts';
import { builtinStruct } from '../../api/builtin-schema.ts';
import { lookup } from '../admission/lookup.ts';
import type { GroupVersionKind, ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';

const known = new WeakMap<StructSchema, CelType>();

/**
 * The type expressions see of a built-in struct. Its fields are filled in afterwards: structs may
 * hold themselves.
 */
function typeOfStruct(struct: StructSchema): CelType {
  const found = known.get(struct);
  if (found) return found;
  const fields = new Map<string, CelType>();
  const made: CelType = { kind: 'object', name: struct.name, fields };
  known.set(struct, made);
  if (struct.typeMeta) for (const name of ['apiVersion', 'kind']) fields.set(name, string);
  for (const [name, field] of struct.fields) {
    const type = typeOf(field.type);
    if (type) fields.set(escapeName(name), type);
  }
  return made;
}

/** undefined: the published schema gives no single type, so expressions do not see the field. */
function typeOf(schema: Schema): CelType | undefined {
  switch (schema.kind) {
    case 'struct':
      return typeOfStruct(schema);
    case 'list': {
      const items = typeOf(schema.items);
      return items && listOf(items);
    }
    case 'map': {
      const values = typeOf(schema.values);
      return values && mapOf(string, values);
    }
    case 'boolean':
      return bool;
    case 'int32':
    case 'int64':
      return int;
    case 'double':
      return { kind: 'double' };
    case 'bytes':
      return { kind: 'bytes' };
    case 'time':
    case 'microTime':
      return { kind: 'timestamp' };
    case 'quantity':
      return undefined;
    case 'intOrString':
      return dyn;
    case 'raw':
      return { kind: 'object', name: 'object', fields: new Map() };
    case 'string':
    case 'duration':
      return string;
  }
}

/** The type of a served kind; undefined when its schema is not known. */
export async function typeOfKind(
  server: Server,
  resource: ServedResource,
): Promise<CelType | undefined> {
  if (!resource.custom) {
    const info = server.scheme.kind(resource.group, resource.version, resource.kind);
    return info && typeOfStruct(info.type);
  }
  const name = `${resource.resource}.${resource.group}`;
  const definition = await lookup<CustomResourceDefinition>(
    server.core,
    registryKey(refs.customResourceDefinitions, '', name),
  );
  const schema = definition?.spec.versions.find((version) => version.name === resource.version)
    ?.schema?.openAPIV3Schema as JsonSchema | undefined;
  const type = schema && typeOfSchema(schema, true);
  if (type?.kind !== 'object') return type;
  const metadata = typeOfStruct(builtinStruct('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'));
  return { ...type, fields: new Map(type.fields).set('metadata', metadata) };
}

export const showKind = ({ group, version, kind }: GroupVersionKind): string =>
  `${group}/${version}, Kind=${kind}`;
