/**
 * The one description of a type that everything reads: decoding, defaulting, validation, pruning,
 * strategic merge, server-side apply, OpenAPI, protobuf. Built-in types are made from the generated
 * tables, custom ones from a CRD. Schemas are cyclic and shared: compare by identity, never walk
 * one without following data.
 */
export type Schema = ScalarSchema | StructSchema | ListSchema | MapSchema;

export interface ScalarSchema {
  kind:
    | 'string'
    | 'boolean'
    | 'int32'
    | 'int64'
    | 'double'
    | 'bytes' // base64 text in JSON
    | 'time'
    | 'microTime'
    | 'duration'
    | 'quantity'
    | 'intOrString'
    | 'raw'; // any JSON value: RawExtension, FieldsV1, JSON
  /** Values of a closed enumeration. */
  enum?: readonly string[];
}

export interface StructSchema {
  kind: 'struct';
  /**
   * OpenAPI name, `io.k8s.api.core.v1.Pod`; for a CRD `<group>.<version>.<Kind>` and paths below
   * it.
   */
  name: string;
  /** In the order Go writes them to JSON. Inlined structs are already flattened in. */
  fields: ReadonlyMap<string, FieldSchema>;
  /** apiVersion and kind belong to it. */
  typeMeta: boolean;
  /** structType=atomic: server-side apply owns it as a whole. */
  atomic: boolean;
  /** x-kubernetes-preserve-unknown-fields: unknown fields stay. */
  preserveUnknown: boolean;
}

export interface FieldSchema {
  name: string;
  type: Schema;
  required: boolean;
  /** nil and zero differ. */
  pointer: boolean;
  /** Left out of JSON when empty. Without it a missing value is written as its zero. */
  omitEmpty: boolean;
  /** The declared default, applied when unset. */
  default?: unknown;
  /** `merge`, `replace`, `retainKeys`, `merge,retainKeys`: strategic merge patch. */
  patchStrategy?: string;
  patchMergeKey?: string;
  nullable?: boolean;
}

export interface ListSchema {
  kind: 'list';
  items: Schema;
  listType: 'atomic' | 'set' | 'map';
  /** Field names that identify an item; for listType map. */
  mapKeys: readonly string[];
}

export interface MapSchema {
  kind: 'map';
  values: Schema;
  atomic: boolean;
}
