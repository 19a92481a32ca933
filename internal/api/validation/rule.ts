import type { ObjectMeta } from '../generated/types/meta-v1.ts';
import type { NameCheck } from '../names.ts';
import { checkMetadata } from './metadata.ts';
import type { Problems } from './problems.ts';

export type UpdateCheck<T> = (problems: Problems, object: T, old: T) => void;

/** How a kind is checked. What is left out follows from what is there. */
export interface Rule<T = never> {
  /** The rule of its names. */
  name: NameCheck;
  /** Everything but the metadata of an object, on create and, unless `update` says otherwise, on update. */
  spec?: (problems: Problems, object: T) => void;
  /** Replaces metadata and spec checks of a create. */
  create?: (problems: Problems, object: T) => void;
  update?: UpdateCheck<T>;
  /** What a plain update checks first: the change of the metadata, or the object. */
  updateFirst?: 'metadata' | 'object';
  /** Besides metadata and spec, what an update checks last. */
  change?: UpdateCheck<T>;
  subresources?: Readonly<Record<string, UpdateCheck<T>>>;
}

export function metadataOnly(problems: Problems, meta: ObjectMeta, options: { namespaced: boolean; name: NameCheck }): void {
  checkMetadata(problems, meta, options);
}
