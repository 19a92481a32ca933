import { at, semanticEqual, type Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import type { StrategyRow, Update } from './row.ts';

export function keepStatus(object: KubeObject, old: KubeObject): void {
  if (fieldsOf(old)['status'] === undefined) delete fieldsOf(object)['status'];
  else fieldsOf(object)['status'] = fieldsOf(old)['status'];
}

export function keepSpec(object: KubeObject, old: KubeObject): void {
  if (fieldsOf(old)['spec'] === undefined) delete fieldsOf(object)['spec'];
  else fieldsOf(object)['spec'] = fieldsOf(old)['spec'];
}

/** What a write to /status cannot change of the metadata (metav1.ResetObjectMetaForStatus). */
const statusMetadata = [
  'deletionTimestamp',
  'generation',
  'selfLink',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
] as const;

/** Takes fields of the metadata from the old object (metav1.ResetObjectMetaForStatus). */
export function keepMetadata(
  object: KubeObject,
  old: KubeObject,
  fields: readonly string[] = statusMetadata,
): void {
  const [meta, was] = [object.metadata as Dict, old.metadata as Dict];
  for (const field of fields) {
    if (was[field] === undefined) delete meta[field];
    else meta[field] = was[field];
  }
}

export function keepBoth(object: KubeObject, old: KubeObject): void {
  keepSpec(object, old);
  keepStatus(object, old);
}

/** What a write to /status changes: not the spec, and not what `keeps` names. */
export function statusOnly(keeps: StrategyRow['statusKeeps']): Update {
  return (object, old) => {
    keepSpec(object, old);
    keepMetadata(object, old, keeps === 'metadata' ? statusMetadata : (keeps ?? []));
  };
}

/** Counts a new generation when one of the paths changes. */
export function bumps(paths: readonly string[]): Update {
  return (object, old) => {
    if (paths.some((path) => !semanticEqual(at(object, path), at(old, path))))
      object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  };
}
