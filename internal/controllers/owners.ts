import type { ObjectMeta, OwnerReference } from '../api/generated/types/meta-v1.ts';
import { apiVersionOf, type ResourceRef } from '../api/object.ts';
import { ApiError } from '../api/status.ts';

type Owned = { metadata: ObjectMeta };

/** The one owner that manages the object, if any. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((o) => o.controller);
}

export function isControlledBy(object: Owned, owner: Owned): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that a managing controller puts on what it makes. */
export function controllerRef(ref: ResourceRef, owner: Owned): OwnerReference {
  return {
    apiVersion: apiVersionOf(ref),
    kind: ref.kind,
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/**
 * The index `controller`: objects by the uid of their controller, or `orphans/<namespace>` for
 * those without one.
 */
export const controllerIndex = {
  controller: (object: Owned): string[] => [
    controllerOf(object)?.uid ?? orphansIn(object.metadata.namespace),
  ],
};

export function orphansIn(namespace: string | undefined): string {
  return `orphans/${namespace ?? ''}`;
}

export function isApiError(error: unknown, ...reasons: ApiError['reason'][]): boolean {
  return error instanceof ApiError && reasons.includes(error.reason);
}

/** A refusal because the namespace is going away: nothing to report, nothing to retry. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.details?.causes ?? []).some((c) => c.reason === 'NamespaceTerminating')
  );
}
