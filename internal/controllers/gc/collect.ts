import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { SkiffError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../owners.ts';
import { foreground, orphan, type GraphNode, type OwnerGraph } from './graph.ts';

/** Another writer may be quicker; more often in a row it is not. */
const conflictTries = 5;

export interface CollectOptions {
  client: Client;
  graph: OwnerGraph;
  /** The resource of a kind; undefined when the server does not serve it (any more, or yet). */
  refOf(group: string, kind: string): ResourceRef | undefined;
  check(node: GraphNode): void;
}

/** An owner's kind is not served: nothing can be said about its dependents until it is. */
export class UnknownKind extends SkiffError {
  constructor(group: string, kind: string) {
    super(`no resource for kind ${kind} in group ${JSON.stringify(group)}`, {
      code: 'UNKNOWN_KIND',
      op: 'gc',
    });
  }
}

/** Deletes the object if nothing that still exists owns it, and lets go of owners that are gone. */
export async function collect(o: CollectOptions, node: GraphNode): Promise<void> {
  const { client, graph } = o;
  if (node.beingDeleted && !node.deletingDependents) return;
  const ref = node.ref ?? o.refOf(node.group, node.kind);
  if (!ref) throw new UnknownKind(node.group, node.kind);
  const latest = await read(client, ref, node.namespace, node.name);
  if (!latest || latest.metadata.uid !== node.uid) {
    // The watch will say the same later; an owner that was only heard of nobody will speak of
    // again.
    if (node.virtual || !latest) graph.remove(node.uid);
    return;
  }
  if (node.virtual) return;
  if (node.deletingDependents) return finishForeground(o, ref, node, latest);
  const owners = latest.metadata.ownerReferences ?? [];
  if (owners.length === 0) return;
  const { solid, dangling, waiting } = await classify(o, node, owners);
  if (solid.length > 0) {
    const gone = new Set([...dangling, ...waiting].map((r) => r.uid));
    if (gone.size > 0)
      await changeOwners(client, ref, node, (all) => all.filter((r) => !gone.has(r.uid)));
    return;
  }
  if (waiting.length > 0 && node.dependents.size > 0) {
    // A circle of owners would wait for itself for ever: this node no longer blocks its own.
    if ([...node.dependents].some((d) => d.deletingDependents))
      await changeOwners(client, ref, node, (all) =>
        all.map((r) => (r.blockOwnerDeletion ? { ...r, blockOwnerDeletion: false } : r)),
      );
    return remove(client, ref, node, 'Foreground');
  }
  const finalizers = latest.metadata.finalizers ?? [];
  const policy = finalizers.includes(orphan)
    ? 'Orphan'
    : finalizers.includes(foreground)
      ? 'Foreground'
      : 'Background';
  await remove(client, ref, node, policy, latest.metadata.resourceVersion);
}

async function finishForeground(
  o: CollectOptions,
  ref: ResourceRef,
  node: GraphNode,
  latest: KubeObject,
): Promise<void> {
  const blocking = o.graph.blockingDependents(node);
  if (blocking.length === 0) return dropFinalizer(o.client, ref, node, foreground, latest);
  for (const d of blocking) if (!d.deletingDependents) o.check(d);
}

async function classify(
  o: CollectOptions,
  node: GraphNode,
  owners: OwnerReference[],
): Promise<Record<'solid' | 'dangling' | 'waiting', OwnerReference[]>> {
  const found: Record<'solid' | 'dangling' | 'waiting', OwnerReference[]> = {
    solid: [],
    dangling: [],
    waiting: [],
  };
  for (const reference of owners) {
    const group = reference.apiVersion.includes('/')
      ? reference.apiVersion.slice(0, reference.apiVersion.indexOf('/'))
      : '';
    const ref = o.refOf(group, reference.kind);
    if (!ref) throw new UnknownKind(group, reference.kind);
    // A cluster-wide object cannot be owned by one in a namespace: such a reference is left alone,
    // as upstream does.
    if (ref.namespaced && node.namespace === '') {
      found.solid.push(reference);
      continue;
    }
    const owner = await read(o.client, ref, node.namespace, reference.name);
    if (!owner || owner.metadata.uid !== reference.uid) found.dangling.push(reference);
    else if (owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(foreground))
      found.waiting.push(reference);
    else found.solid.push(reference);
  }
  return found;
}

/** Takes this owner out of all its dependents, then lets it go. */
export async function releaseDependents(o: CollectOptions, node: GraphNode): Promise<void> {
  const ref = node.ref;
  if (!ref) return;
  for (const d of [...node.dependents]) {
    if (!d.ref) continue;
    await changeOwners(o.client, d.ref, d, (all) => all.filter((r) => r.uid !== node.uid));
  }
  const latest = await read(o.client, ref, node.namespace, node.name);
  if (latest?.metadata.uid === node.uid) await dropFinalizer(o.client, ref, node, orphan, latest);
}

async function read(
  client: Client,
  ref: ResourceRef,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(ref, {
      namespace: ref.namespaced ? namespace : undefined,
      name,
    });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function remove(
  client: Client,
  ref: ResourceRef,
  node: GraphNode,
  policy: 'Background' | 'Foreground' | 'Orphan',
  resourceVersion?: string,
): Promise<void> {
  const target = { namespace: ref.namespaced ? node.namespace : undefined, name: node.name };
  await client
    .delete(ref, target, {
      propagationPolicy: policy,
      preconditions: { uid: node.uid, resourceVersion },
    })
    .catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
}

async function changeOwners(
  client: Client,
  ref: ResourceRef,
  node: GraphNode,
  change: (owners: OwnerReference[]) => OwnerReference[],
): Promise<void> {
  await edit(client, ref, node, (latest) => ({
    ownerReferences: change(latest.metadata.ownerReferences ?? []),
  }));
}

async function dropFinalizer(
  client: Client,
  ref: ResourceRef,
  node: GraphNode,
  finalizer: string,
  first: KubeObject,
): Promise<void> {
  if (!first.metadata.finalizers?.includes(finalizer)) return;
  await edit(client, ref, node, (latest) => ({
    finalizers: (latest.metadata.finalizers ?? []).filter((f) => f !== finalizer),
  }));
}

/** Changes metadata on the latest version of the object; gives up silently when it is gone. */
async function edit(
  client: Client,
  ref: ResourceRef,
  node: GraphNode,
  change: (latest: KubeObject) => object,
): Promise<void> {
  const target = { namespace: ref.namespaced ? node.namespace : undefined, name: node.name };
  for (let attempt = 1; ; attempt += 1) {
    const latest = await read(client, ref, node.namespace, node.name);
    if (!latest || latest.metadata.uid !== node.uid) return;
    try {
      await client.patch(ref, target, {
        type: 'merge',
        body: {
          metadata: {
            uid: node.uid,
            resourceVersion: latest.metadata.resourceVersion,
            ...change(latest),
          },
        },
      });
      return;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (!isApiError(error, 'Conflict') || attempt >= conflictTries) throw error;
    }
  }
}
