import { equalAs, stringMap } from '../../api/equality.ts';
import { keyOf, type ResourceRef } from '../../api/object.ts';
import type { LabelSelector } from '../../api/selectors.ts';
import type { Change, Mirror } from '../../client/client.ts';
import { controllerOf } from '../owners.ts';
import type { Written } from './write.ts';

/** The key of the owner of this kind that manages the object, if the mirror holds that very one. */
export function ownerKey(
  object: Written,
  ownerRef: ResourceRef,
  owners: Mirror<Written>,
): string | undefined {
  const owner = controllerOf(object);
  if (!owner || owner.kind !== ownerRef.kind) return undefined;
  const { namespace } = object.metadata;
  const key = namespace ? `${namespace}/${owner.name}` : owner.name;
  return owners.get(key)?.metadata.uid === owner.uid ? key : undefined;
}

export interface Route<O extends Written> {
  ownerRef: ResourceRef;
  owners: Mirror<O>;
  selectorOf(owner: O): LabelSelector;
  enqueue(key: string): void;
}

/**
 * Tells an owner that something of its has changed: the one that manages it now, the one that did
 * before, and for an orphan all whose selector matches, for one of them may adopt it.
 */
export function routeToOwner<O extends Written>(
  { type, object, old }: Change<Written>,
  route: Route<O>,
): void {
  const before = old && ownerKey(old, route.ownerRef, route.owners);
  const now = ownerKey(object, route.ownerRef, route.owners);
  if (before !== undefined && before !== now) route.enqueue(before);
  if (now !== undefined) return route.enqueue(now);
  if (type === 'DELETED' || controllerOf(object) || object.metadata.deletionTimestamp) return;
  if (old && equalAs(stringMap, old.metadata.labels, object.metadata.labels) && !controllerOf(old))
    return;
  for (const owner of route.owners.list(object.metadata.namespace)) {
    const selector = route.selectorOf(owner);
    if (!selector.empty && selector.matches(object.metadata.labels)) route.enqueue(keyOf(owner));
  }
}
