import { CORE_SCHEMA, dump, load } from 'js-yaml';
import type { KubeObject } from './objects.ts';

/**
 * An object as it is edited: without the records of who set which field, which fill the half of it
 * and are the server's.
 */
export function yamlOf(object: KubeObject): string {
  const { managedFields: _, ...metadata } = object.metadata as KubeObject['metadata'] & {
    managedFields?: unknown;
  };
  return dump({ ...object, metadata }, { schema: CORE_SCHEMA, lineWidth: -1, noRefs: true });
}

/** Throws an Error when this is no object, or another one than the one that was opened. */
export function objectOf(text: string, opened: KubeObject): KubeObject {
  const object = load(text, { schema: CORE_SCHEMA }) as KubeObject | null;
  if (typeof object !== 'object' || object === null || typeof object.metadata !== 'object')
    throw new Error('this is no object');
  const named = (one: KubeObject): string =>
    `${one.apiVersion} ${one.kind} ${one.metadata.namespace ?? ''}/${one.metadata.name}`;
  if (named(object) !== named(opened)) throw new Error(`this is another object: ${named(object)}`);
  return object;
}
