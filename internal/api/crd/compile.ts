import type { FieldError } from '../status.ts';
import type { StructSchema } from '../schema.ts';

/** A column of `kubectl get`, as the definition declares it. */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

/** One version of a CustomResourceDefinition, ready to use. */
export interface CrdVersion {
  /** The same description of the type that built-in kinds have. */
  readonly type: StructSchema;
  readonly columns: readonly PrinterColumn[];
  /** openAPIV3Schema as written, for the published documents. */
  readonly openApi: Record<string, unknown> | undefined;
  readonly preserveUnknownFields: boolean;
  /** JSON paths of spec.subresources.scale, when there is one. */
  readonly scale: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string } | undefined;
  readonly selectableFields: readonly string[];
  /** Fills declared defaults in place. */
  applyDefaults(object: Record<string, unknown>): void;
  /** Removes unknown fields in place; their paths, as strict decoding names them. */
  prune(object: Record<string, unknown>): string[];
  /** Schema validation without CEL rules. */
  validate(object: Record<string, unknown>): FieldError[];
}
