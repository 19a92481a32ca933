import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import type { DeleteOptions } from '../../client/client.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { nothing, type Batch, type Plan, type Write } from '../kit/write.ts';
import { foreground, orphan, type GraphNode } from './graph.ts';

/** References to owners by what became of them. */
export interface Owners {
  solid: OwnerReference[];
  /** The owner is gone, or another object has its name. */
  dangling: OwnerReference[];
  /** The owner waits for its dependents to go first. */
  waiting: OwnerReference[];
}

export interface CollectView {
  node: GraphNode;
  ref: ResourceRef;
  /** As the server has it, not the mirror. */
  latest: KubeObject;
  owners: Owners;
  /** Of an object that is deleted in the foreground: what must go before it. */
  blocking: GraphNode[];
}

/** Deletes the object if nothing that still exists owns it, and lets go of owners that are gone. */
export function planCollect(v: CollectView): Plan {
  const { node, latest } = v;
  if (node.deletingDependents)
    return v.blocking.length === 0
      ? { steps: withoutFinalizer(v.ref, latest, foreground) }
      : nothing;
  const { solid, dangling, waiting } = v.owners;
  if (solid.length + dangling.length + waiting.length === 0) return nothing;
  if (solid.length > 0) {
    const gone = new Set([...dangling, ...waiting].map((r) => r.uid));
    return { steps: withOwners(v.ref, latest, (all) => all.filter((r) => !gone.has(r.uid))) };
  }
  if (waiting.length > 0 && node.dependents.size > 0) {
    // A circle of owners would wait for itself forever: this node no longer blocks its own.
    const isCircle = [...node.dependents].some((d) => d.deletingDependents);
    const unblocked = isCircle
      ? withOwners(v.ref, latest, (all) =>
          all.map((r) => (r.blockOwnerDeletion ? { ...r, blockOwnerDeletion: false } : r)),
        )
      : [];
    return { steps: [...unblocked, deletion(v, 'Foreground')] };
  }
  const finalizers = latest.metadata.finalizers ?? [];
  const policy = finalizers.includes(orphan)
    ? 'Orphan'
    : finalizers.includes(foreground)
      ? 'Foreground'
      : 'Background';
  return { steps: [deletion(v, policy, latest.metadata.resourceVersion)] };
}

export interface ReleaseView {
  ref: ResourceRef;
  uid: string;
  dependents: { ref: ResourceRef; latest: KubeObject }[];
  /** The owner; undefined when it is gone already. */
  latest: KubeObject | undefined;
}

/** How many dependents are written at once. */
const releasedAtOnce = 50;

/** Takes an owner out of all its dependents. */
export function planRelease({ uid, dependents }: ReleaseView): Plan {
  const writes = dependents.flatMap(({ ref, latest }) =>
    withOwners(ref, latest, (all) => all.filter((r) => r.uid !== uid)),
  );
  const steps: Batch[] = [];
  for (let i = 0; i < writes.length; i += releasedAtOnce)
    steps.push({ pace: 'together', writes: writes.slice(i, i + releasedAtOnce), goOn: true });
  return { steps };
}

/** The owner goes when no dependent names it any more. */
export function concludeRelease({ ref, latest }: ReleaseView, outcome: Outcome): Plan {
  if (outcome.failure !== undefined || !latest) return nothing;
  return { steps: withoutFinalizer(ref, latest, orphan) };
}

function deletion(
  { ref, latest }: CollectView,
  propagationPolicy: NonNullable<DeleteOptions['propagationPolicy']>,
  resourceVersion?: string,
): Write {
  const preconditions = { uid: latest.metadata.uid, resourceVersion };
  return { verb: 'delete', ref, object: latest, options: { propagationPolicy, preconditions } };
}

function withOwners(
  ref: ResourceRef,
  latest: KubeObject,
  change: (owners: OwnerReference[]) => OwnerReference[],
): Write[] {
  const before = latest.metadata.ownerReferences ?? [];
  const ownerReferences = change(before);
  const isSame =
    ownerReferences.length === before.length && ownerReferences.every((r, i) => r === before[i]);
  return isSame ? [] : [edit(ref, latest, { ownerReferences })];
}

function withoutFinalizer(ref: ResourceRef, latest: KubeObject, finalizer: string): Write[] {
  const before = latest.metadata.finalizers ?? [];
  if (!before.includes(finalizer)) return [];
  return [edit(ref, latest, { finalizers: before.filter((f) => f !== finalizer) })];
}

/** A change of metadata, of this version of the object only. */
function edit(ref: ResourceRef, latest: KubeObject, change: object): Write {
  const { uid, resourceVersion } = latest.metadata;
  const body = { metadata: { uid, resourceVersion, ...change } };
  return { verb: 'patch', ref, object: latest, patch: { type: 'merge', body } };
}
