import { deepFreeze, type KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import type { ServedResource } from '../registry/resource.ts';
import { viewOf } from '../registry/stored.ts';

const known = new WeakMap<KeyValue, Map<string, KubeObject>>();

/**
 * The object as it last was, with the revision at which it left. One copy for all watchers of a
 * served version.
 */
export function deletedView(
  resource: ServedResource,
  last: KeyValue,
  leaving: KeyValue,
): KubeObject {
  const key = `${resource.version}|${last.modRevision}`;
  let views = known.get(leaving);
  if (!views) known.set(leaving, (views = new Map()));
  let view = views.get(key);
  if (!view) {
    const object = viewOf(resource, last);
    const { name, generateName, namespace, uid, resourceVersion: _old, ...more } = object.metadata;
    const metadata = {
      name,
      ...(generateName ? { generateName } : {}),
      ...(namespace ? { namespace } : {}),
      uid,
      resourceVersion: String(leaving.modRevision),
      ...more,
    };
    const { apiVersion, kind, metadata: _metadata, ...rest } = object;
    view = deepFreeze({ kind, apiVersion, metadata, ...rest } as KubeObject);
    views.set(key, view);
  }
  return view;
}
