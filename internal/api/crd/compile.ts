import type { FieldError, FieldErrorType } from '../status.ts';
import type { StructSchema } from '../schema.ts';
import { fillDefaults } from './default.ts';
import { preserves, type JsonSchema, type Values } from './json-schema.ts';
import { prune } from './prune.ts';
import { runRules } from './rule-run.ts';
import { schemaOfKind } from './type.ts';
import { validateSchema } from './validate.ts';

/** A column of `kubectl get`, as the definition declares it. */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

/** One version of a CustomResourceDefinition, ready to use. */
export interface CrdVersion {
  /** The same description of the type that built-in kinds have. */
  readonly type: StructSchema;
  readonly columns: readonly PrinterColumn[];
  /** openAPIV3Schema as written, for the published documents and for CEL rules. */
  readonly schema: JsonSchema | undefined;
  /** Nothing is pruned: spec.preserveUnknownFields, or no schema. */
  readonly preserveUnknownFields: boolean;
  readonly scale: ScalePaths | undefined;
  readonly hasStatus: boolean;
  readonly selectableFields: readonly string[];
  /** Fills declared defaults in place, and takes away null where it is not allowed. */
  applyDefaults(object: object): void;
  /**
   * Removes unknown fields in place; returns their paths, as strict decoding names them. Throws
   * DecodeError for embedded metadata of a wrong type.
   */
  prune(object: object): string[];
  /**
   * Schema validation, then rules unless the schema already says that values are missing or of a
   * wrong type. With `old`, what did not change is not judged again.
   */
  validate(object: object, old?: object): FieldError[];
}

export interface CrdVersionSource {
  name: string;
  group: string;
  kind: string;
  schema: JsonSchema | undefined;
  preserveUnknownFields?: boolean;
  columns?: readonly PrinterColumn[];
  scale?: ScalePaths;
  hasStatus?: boolean;
  selectableFields?: readonly string[];
}

/**
 * Compiles the schema of one version. Parts are made when first used: a definition may have ten
 * thousand fields.
 */
export function compileCrdSchema(source: CrdVersionSource): CrdVersion {
  const { schema } = source;
  const keepsAll =
    source.preserveUnknownFields === true || !schema || (preserves(schema) && !schema.properties);
  let type: StructSchema | undefined;
  return {
    get type() {
      type ??= schemaOfKind(`${source.group}.${source.name}.${source.kind}`, schema, keepsAll);
      return type;
    },
    columns: source.columns ?? [],
    schema,
    preserveUnknownFields: keepsAll,
    scale: source.scale,
    hasStatus: source.hasStatus ?? false,
    selectableFields: source.selectableFields ?? [],
    applyDefaults: (object) => schema && fillDefaults(schema, object),
    prune: (object) => (schema && !keepsAll ? prune(schema, object as Values) : []),
    validate: (object, old) =>
      schema ? validateAll(schema, object as Values, old as Values | undefined) : [],
  };
}

/** After these, rules would speak of values that are not what they take them for. */
const blocking = new Set<FieldErrorType>([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueDuplicate',
]);

function validateAll(schema: JsonSchema, object: Values, old: Values | undefined): FieldError[] {
  const errors = validateSchema(schema, object, old);
  return errors.some((error) => blocking.has(error.type))
    ? errors
    : [...errors, ...runRules(schema, object, old)];
}
