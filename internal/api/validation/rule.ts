import type { ObjectMeta } from '../generated/types/meta-v1.ts';
import type { NameCheck } from '../names.ts';
import { checkMetadata } from './metadata.ts';
import type { Problems } from './problems.ts';

export type UpdateCheck<T> = (problems: Problems, object: T, old: T) => void;

/**
 * What a plain update checks, and in which order: `object` is what a create checks, `metadata` the
 * change of the metadata, `spec` and `change` are the functions of the rule.
 */
export type UpdateStep = 'object' | 'metadata' | 'spec' | 'change';

/** How a kind is checked. What is left out follows from what is there. */
export interface Rule<T = never> {
  /** The rule of its names. */
  name: NameCheck;
  /** Everything but the metadata of an object. */
  spec?: (problems: Problems, object: T) => void;
  /** Replaces metadata and spec checks of a create. */
  create?: (problems: Problems, object: T) => void;
  /** What may not change. */
  change?: UpdateCheck<T>;
  updates?: readonly UpdateStep[];
  /** Replaces the steps of an update. */
  update?: UpdateCheck<T>;
  subresources?: Readonly<Record<string, UpdateCheck<T>>>;
  /** Finalizers need no domain. */
  anyFinalizer?: boolean;
}

export function metadataOnly(
  problems: Problems,
  meta: ObjectMeta,
  options: { namespaced: boolean; name: NameCheck },
): void {
  checkMetadata(problems, meta, options);
}
