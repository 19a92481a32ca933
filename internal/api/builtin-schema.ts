import { table } from '../base/own.ts';
import type { FieldSchema, Schema, ScalarSchema, StructSchema } from './schema.ts';
import { enumValues, hasType, jsonOrder, rawType, type RawField } from './type-table.ts';

const scalarOf: Record<string, ScalarSchema['kind']> = table({
  string: 'string',
  bool: 'boolean',
  int32: 'int32',
  int64: 'int64',
  double: 'double',
  bytes: 'bytes',
  Time: 'time',
  MicroTime: 'microTime',
  Duration: 'duration',
  Quantity: 'quantity',
  IntOrString: 'intOrString',
  RawExtension: 'raw',
  FieldsV1: 'raw',
  any: 'raw',
});

const specialOf: Record<string, ScalarSchema['kind']> = table({
  JSON: 'raw',
  SchemaOrArray: 'raw',
  SchemaOrBool: 'raw',
  SchemaOrStringArray: 'raw',
  Quantity: 'quantity',
  Duration: 'duration',
  Time: 'time',
  MicroTime: 'microTime',
  RawExtension: 'raw',
  FieldsV1: 'raw',
  IntOrString: 'intOrString',
});

const scalars = new Map<string, ScalarSchema>();
const structs = new Map<string, BuiltinStruct>();

function scalar(kind: ScalarSchema['kind'], enumName?: string): ScalarSchema {
  const key = `${kind} ${enumName ?? ''}`;
  let known = scalars.get(key);
  if (!known) {
    const values = enumName ? enumValues(enumName) : undefined;
    known = values ? { kind, enum: values } : { kind };
    scalars.set(key, known);
  }
  return known;
}

/**
 * A struct of the generated table. Its fields are made when first read: a server uses few of the
 * 1200 types.
 */
class BuiltinStruct implements StructSchema {
  readonly kind = 'struct';
  readonly name: string;
  readonly atomic: boolean;
  readonly preserveUnknown = false;
  private made: ReadonlyMap<string, FieldSchema> | undefined;

  constructor(name: string, atomic: boolean) {
    this.name = name;
    this.atomic = atomic;
  }

  get typeMeta(): boolean {
    return rawType(this.name).tm === 1;
  }

  get fields(): ReadonlyMap<string, FieldSchema> {
    this.made ??= new Map(flatten(this.name).map((field) => [field.name, field]));
    return this.made;
  }
}

function flatten(name: string): FieldSchema[] {
  return jsonOrder(rawType(name)).flatMap((raw) => {
    if (raw.inl) return flatten(raw.t);
    return raw.n && raw.n !== '-' ? [fieldSchema(raw)] : [];
  });
}

function fieldSchema(raw: RawField): FieldSchema {
  const field: FieldSchema = {
    name: raw.n ?? '',
    type: fieldType(raw),
    required: raw.req === 1,
    pointer: raw.ptr === 1,
    omitEmpty: raw.oe === 1 || raw.oz === 1,
  };
  if (raw.d !== undefined) field.default = raw.d;
  if (raw.ps) field.patchStrategy = raw.ps;
  if (raw.pk) field.patchMergeKey = raw.pk;
  return field;
}

function fieldType(raw: RawField): Schema {
  const text = raw.t;
  if (text.startsWith('[]'))
    return {
      kind: 'list',
      items: typeOf(text.slice(2), raw.e),
      listType: raw.lt ?? 'atomic',
      mapKeys: raw.lk ?? [],
    };
  if (text.startsWith('map[string]'))
    return { kind: 'map', values: typeOf(text.slice(11), raw.e), atomic: raw.mt === 'atomic' };
  const type = typeOf(text, raw.e);
  // A field may say otherwise than its type.
  const says = raw.st ?? raw.mt;
  if (type.kind === 'struct' && says && (says === 'atomic') !== type.atomic)
    return new BuiltinStruct(type.name, says === 'atomic');
  return type;
}

function typeOf(text: string, enumName?: string): Schema {
  const kind = scalarOf[text];
  if (kind) return scalar(kind, enumName);
  if (text.startsWith('[]'))
    return { kind: 'list', items: typeOf(text.slice(2)), listType: 'atomic', mapKeys: [] };
  if (text.startsWith('map[string]'))
    return { kind: 'map', values: typeOf(text.slice(11)), atomic: false };
  if (!hasType(text)) return scalar('raw');
  const raw = rawType(text);
  if (raw.sp) return scalar(specialOf[raw.sp] ?? 'raw');
  if (raw.wrap) return typeOf(raw.wrap);
  return builtinStruct(text);
}

/**
 * The schema of a built-in type by its OpenAPI name, `io.k8s.api.core.v1.Pod`. The same object
 * every time.
 */
export function builtinStruct(name: string): StructSchema {
  let known = structs.get(name);
  if (!known) {
    known = new BuiltinStruct(name, rawType(name).st === 'atomic');
    structs.set(name, known);
  }
  return known;
}
