import type { KubeObject } from '../../api/object.ts';
import { keyOf as storeKey, prefixEnd } from '../../store/store.ts';
import type { Core } from '../registry/core.ts';
import { objectOf } from '../registry/stored.ts';

/** What plug-ins ask of the stored state; in memory, so there is nothing to cache. */
export async function lookup<T = KubeObject>(core: Core, key: string): Promise<T | undefined> {
  const kv = (await core.store.range({ key: storeKey(key) })).kvs[0];
  return kv ? (objectOf(kv) as T) : undefined;
}

export async function lookupAll<T = KubeObject>(core: Core, prefix: string): Promise<T[]> {
  const key = storeKey(prefix);
  const found = await core.store.range({ key, end: prefixEnd(key) });
  return found.kvs.map((kv) => objectOf(kv) as T);
}
