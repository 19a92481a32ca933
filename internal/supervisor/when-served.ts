import type { ApiServer } from '../apiserver/api-server.ts';
import type { ResourceRef } from '../api/object.ts';

/** Calls `begin` once, when all of these kinds are served. Returns how to wait no longer. */
export function whenServed(
  api: ApiServer,
  kinds: readonly ResourceRef[],
  begin: () => void,
): () => void {
  const { resources } = api.server.core;
  let begun = false;
  let unfollow: () => void = () => undefined;
  const look = (): void => {
    if (begun || !kinds.every((k) => resources.ofKind(k.group, k.version, k.kind))) return;
    begun = true;
    unfollow();
    begin();
  };
  unfollow = resources.onChange(look);
  look();
  return () => {
    begun = true;
    unfollow();
  };
}
