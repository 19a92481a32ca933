import type { ObjectMeta, OwnerReference } from '../api/generated/types/meta-v1.ts';
import { apiVersionOf, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import type { LabelSelector } from '../api/selectors.ts';
import { SkiffError } from '../base/errors.ts';
import type { Client } from '../client/client.ts';

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

export interface ClaimOptions<T> {
  client: Client;
  owner: Owned;
  ownerRef: ResourceRef;
  ref: ResourceRef;
  selector: LabelSelector;
  candidates: Iterable<T>;
  /** Put on what is adopted. */
  finalizer?: string;
  /** A further condition beside the selector. */
  filter?: (candidate: T) => boolean;
}

/**
 * Keeps what belongs to the owner: adopts matching orphans, releases what no longer matches (k/k
 * ControllerRefManager). Before the first adoption the owner is read afresh: one that is being
 * deleted must not adopt.
 */
export async function claim<T extends Owned>(options: ClaimOptions<T>): Promise<T[]> {
  const { owner, selector, candidates, filter } = options;
  const claimed: T[] = [];
  let mayAdopt: Promise<void> | undefined;
  for (const candidate of candidates) {
    const matches = selector.matches(candidate.metadata.labels) && (!filter || filter(candidate));
    const controller = controllerOf(candidate);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches) claimed.push(candidate);
      else if (!owner.metadata.deletionTimestamp) await release(options, candidate);
      continue;
    }
    if (owner.metadata.deletionTimestamp || !matches || candidate.metadata.deletionTimestamp)
      continue;
    mayAdopt ??= recheck(options);
    await mayAdopt;
    if (await adopt(options, candidate)) claimed.push(candidate);
  }
  return claimed;
}

async function recheck<T>({ client, owner, ownerRef }: ClaimOptions<T>): Promise<void> {
  const { namespace, name, uid } = owner.metadata;
  const fresh = await client.get<KubeObject>(ownerRef, { namespace, name: name! });
  const problem =
    fresh.metadata.uid !== uid
      ? `original ${ownerRef.kind} ${namespace}/${name} is gone: got uid ` +
        `${fresh.metadata.uid}, wanted ${uid}`
      : fresh.metadata.deletionTimestamp
        ? `${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`
        : undefined;
  if (problem)
    throw new SkiffError(`can't adopt: ${problem}`, { code: 'CANNOT_ADOPT', op: 'claim' });
}

async function adopt<T extends Owned>(
  { client, ref, owner, ownerRef, finalizer }: ClaimOptions<T>,
  object: T,
): Promise<boolean> {
  const { namespace, name, uid } = object.metadata;
  const metadata = {
    ownerReferences: [controllerRef(ownerRef, owner)],
    uid,
    ...(finalizer ? { finalizers: [finalizer] } : {}),
  };
  return forgiving(
    client.patch(ref, { namespace, name: name! }, { type: 'strategic', body: { metadata } }),
  );
}

async function release<T extends Owned>(
  { client, ref, owner, finalizer }: ClaimOptions<T>,
  object: T,
): Promise<boolean> {
  const { namespace, name, uid } = object.metadata;
  const ownerReferences = [{ $patch: 'delete', uid: owner.metadata.uid }];
  const metadata = {
    uid,
    ownerReferences,
    ...(finalizer ? { '$deleteFromPrimitiveList/finalizers': [finalizer] } : {}),
  };
  return forgiving(
    client.patch(ref, { namespace, name: name! }, { type: 'strategic', body: { metadata } }),
  );
}

/**
 * What is gone, or is another object of the same name by now, needs neither adoption nor release.
 */
async function forgiving(patch: Promise<unknown>): Promise<boolean> {
  try {
    await patch;
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Invalid'))
      return false;
    throw error;
  }
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
