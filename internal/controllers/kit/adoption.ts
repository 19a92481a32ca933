import type { KubeObject, ResourceRef } from '../../api/object.ts';
import type { LabelSelector } from '../../api/selectors.ts';
import { SkiffError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { controllerOf, controllerRef } from '../owners.ts';
import type { Outcome } from './carry-out.ts';
import type { Write, Written } from './write.ts';

export interface ClaimView<T extends Written> {
  owner: Written;
  ownerRef: ResourceRef;
  /** The resource of the candidates. */
  ref: ResourceRef;
  selector: LabelSelector;
  candidates: Iterable<T>;
  /** Put on what is adopted, taken off what is released. */
  finalizer?: string;
  /** A further condition beside the selector. */
  filter?: (candidate: T) => boolean;
}

export interface ClaimPlan<T> {
  /** Already the owner's. */
  owned: T[];
  /** Orphans that match: each is the owner's once its write is done. */
  adopt: { candidate: T; write: Write }[];
  /** Owned, but they no longer match. */
  release: Write[];
}

/**
 * What belongs to the owner, what it should take in and what it should let go (k/k
 * ControllerRefManager). What another controller owns is never touched; an owner that is being
 * deleted neither adopts nor releases.
 */
export function planClaim<T extends Written>(view: ClaimView<T>): ClaimPlan<T> {
  const { owner, selector, filter } = view;
  const plan: ClaimPlan<T> = { owned: [], adopt: [], release: [] };
  const ending = Boolean(owner.metadata.deletionTimestamp);
  for (const candidate of view.candidates) {
    const matches = selector.matches(candidate.metadata.labels) && (!filter || filter(candidate));
    const controller = controllerOf(candidate);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches) plan.owned.push(candidate);
      else if (!ending) plan.release.push(releaseOf(view, candidate));
    } else if (matches && !ending && !candidate.metadata.deletionTimestamp) {
      plan.adopt.push({ candidate, write: adoptionOf(view, candidate) });
    }
  }
  return plan;
}

/** What is the owner's after the plan was carried out. */
export function claimedAfter<T>(plan: ClaimPlan<T>, outcome: Outcome): T[] {
  // An answer that is not the candidate itself: the server did it, the object was not gone.
  const adopted = plan.adopt.filter(({ candidate, write }) => {
    const answer = outcome.of(write);
    return answer !== undefined && answer !== (candidate as object);
  });
  return [...plan.owned, ...adopted.map(({ candidate }) => candidate)];
}

/**
 * Before the first adoption the owner is read afresh: one that is gone or being deleted must not
 * adopt. Throws when it is.
 */
export async function confirmOwner(
  client: Client,
  ownerRef: ResourceRef,
  owner: Written,
): Promise<void> {
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

function adoptionOf<T extends Written>(view: ClaimView<T>, object: T): Write {
  const { ref, owner, ownerRef, finalizer } = view;
  const metadata = {
    // With the uid in the patch another object of the same name is refused.
    uid: object.metadata.uid,
    ownerReferences: [controllerRef(ownerRef, owner)],
    ...(finalizer ? { finalizers: [finalizer] } : {}),
  };
  return {
    verb: 'patch',
    ref,
    object,
    patch: { type: 'strategic', body: { metadata } },
    forgives: ['Invalid'],
  };
}

function releaseOf<T extends Written>(view: ClaimView<T>, object: T): Write {
  const { ref, owner, finalizer } = view;
  const metadata = {
    uid: object.metadata.uid,
    ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }],
    ...(finalizer ? { '$deleteFromPrimitiveList/finalizers': [finalizer] } : {}),
  };
  return {
    verb: 'patch',
    ref,
    object,
    patch: { type: 'strategic', body: { metadata } },
    forgives: ['Invalid'],
  };
}
