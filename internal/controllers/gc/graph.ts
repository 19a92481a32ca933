import { equalAs } from '../../api/equality.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/** An object as the collector knows it. */
export interface GraphNode {
  readonly uid: string;
  /** Undefined for an owner that was only heard of: its kind is then in `kind` and `group`. */
  ref: ResourceRef | undefined;
  group: string;
  kind: string;
  namespace: string;
  name: string;
  owners: OwnerReference[];
  dependents: Set<GraphNode>;
  beingDeleted: boolean;
  /** Waits for its blocking dependents to go first. */
  deletingDependents: boolean;
  /** Named by a dependent but not seen yet. */
  virtual: boolean;
}

/** What a change of the graph asks for. */
export interface GraphWork {
  /** Look whether these should be deleted. */
  check(node: GraphNode): void;
  /** Cut these off their dependents. */
  orphan(node: GraphNode): void;
  /** `node` names as its owner an object of another namespace, which can own nothing here. */
  misplaced(node: GraphNode, ownerUid: string): void;
}

/** Who owns whom, over all kinds, by uid. Pure: it only says what must be looked at. */
export class OwnerGraph {
  readonly nodes = new Map<string, GraphNode>();
  readonly #work: GraphWork;

  constructor(work: GraphWork) {
    this.#work = work;
  }

  /** Takes in an object that was added or has changed. */
  put(ref: ResourceRef, object: KubeObject, old: KubeObject | undefined): void {
    const { uid = '', name = '', namespace = '', ownerReferences: owners = [] } = object.metadata;
    let node = this.nodes.get(uid);
    if (!node || node.virtual) {
      const dependents = node?.dependents ?? new Set<GraphNode>();
      const fresh: GraphNode = {
        uid,
        ref,
        group: ref.group,
        kind: ref.kind,
        namespace,
        name,
        owners: [],
        dependents,
        beingDeleted: false,
        deletingDependents: false,
        virtual: false,
      };
      // A dependent may have named the owner wrongly: those that did are looked at again now that
      // the truth is known.
      for (const d of dependents) {
        if (!refersRightly(d, fresh)) this.#work.check(d);
        if (!reaches(d, fresh)) this.#work.misplaced(d, uid);
      }
      node = node ? Object.assign(node, fresh) : fresh;
      this.nodes.set(uid, node);
    }
    this.#setOwners(node, owners);
    node.beingDeleted = Boolean(object.metadata.deletionTimestamp);
    if (starts(object, old, orphan)) this.#work.orphan(node);
    if (starts(object, old, foreground)) {
      node.deletingDependents = true;
      for (const d of node.dependents) this.#work.check(d);
      this.#work.check(node);
    }
  }

  /** Takes out an object that is gone, or an owner that never was. */
  remove(uid: string): void {
    const node = this.nodes.get(uid);
    if (!node) return;
    this.nodes.delete(uid);
    for (const d of node.dependents) this.#work.check(d);
    for (const { uid: ownerUid } of node.owners) {
      const owner = this.nodes.get(ownerUid);
      if (!owner) continue;
      owner.dependents.delete(node);
      if (owner.deletingDependents) this.#work.check(owner);
      if (owner.virtual && owner.dependents.size === 0) this.nodes.delete(ownerUid);
    }
  }

  /** Dependents that must go before a node that is deleted in the foreground may go. */
  blockingDependents(node: GraphNode): GraphNode[] {
    return [...node.dependents].filter((d) =>
      d.owners.some((o) => o.uid === node.uid && o.blockOwnerDeletion),
    );
  }

  #setOwners(node: GraphNode, owners: OwnerReference[]): void {
    if (equalAs('[]#OwnerReference', node.owners, owners)) return;
    const before = node.owners;
    node.owners = owners;
    for (const old of before) {
      const owner = this.nodes.get(old.uid);
      const now = owners.find((o) => o.uid === old.uid);
      if (!now) owner?.dependents.delete(node);
      // An owner may have waited for just this reference to stop blocking it.
      if (owner?.deletingDependents && old.blockOwnerDeletion && !now?.blockOwnerDeletion)
        this.#work.check(owner);
    }
    for (const reference of owners)
      if (!before.some((o) => o.uid === reference.uid)) this.#link(node, reference);
    // References changed by hand may now all lead nowhere.
    if (before.length > 0 && owners.length > 0) this.#work.check(node);
  }

  #link(node: GraphNode, reference: OwnerReference): void {
    let owner = this.nodes.get(reference.uid);
    if (!owner) {
      const group = reference.apiVersion.includes('/')
        ? reference.apiVersion.slice(0, reference.apiVersion.indexOf('/'))
        : '';
      owner = {
        uid: reference.uid,
        ref: undefined,
        group,
        kind: reference.kind,
        namespace: node.namespace,
        name: reference.name,
        owners: [],
        dependents: new Set(),
        beingDeleted: false,
        deletingDependents: false,
        virtual: true,
      };
      this.nodes.set(reference.uid, owner);
      this.#work.check(owner); // is it there at all?
    } else if (!owner.virtual && !refersRightly(node, owner)) {
      if (!reaches(node, owner)) this.#work.misplaced(node, owner.uid);
      this.#work.check(node);
    } else if (owner.deletingDependents) {
      this.#work.check(node);
    }
    owner.dependents.add(node);
  }
}

/** An owner is of the cluster or of the dependent's own namespace. */
function reaches(dependent: GraphNode, owner: GraphNode): boolean {
  return owner.namespace === '' || owner.namespace === dependent.namespace;
}

function refersRightly(dependent: GraphNode, owner: GraphNode): boolean {
  const reference = dependent.owners.find((o) => o.uid === owner.uid);
  if (!reference) return true;
  return (
    reference.name === owner.name && reference.kind === owner.kind && reaches(dependent, owner)
  );
}

/** The object has begun to be deleted with this finalizer on it. */
function starts(object: KubeObject, old: KubeObject | undefined, finalizer: string): boolean {
  const waits = (o: KubeObject | undefined): boolean =>
    Boolean(o?.metadata.deletionTimestamp && o.metadata.finalizers?.includes(finalizer));
  return waits(object) && !waits(old);
}
