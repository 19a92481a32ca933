import { semanticEqual } from '../loose.ts';
import type { KubeObject } from '../object.ts';

/** A new generation when anything but the metadata changes, or the labels. */
export function endpointSliceUpdate(object: KubeObject, old: KubeObject): void {
  const { metadata, ...rest } = object;
  const { metadata: wasMetadata, ...was } = old;
  if (!semanticEqual(rest, was) || !semanticEqual(metadata.labels, wasMetadata.labels))
    metadata.generation = (wasMetadata.generation ?? 0) + 1;
}
