import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { SkiffError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../owners.ts';
import { foreground, type GraphNode, type OwnerGraph } from './graph.ts';
import type { CollectView, Owners, ReleaseView } from './plan.ts';

export interface Sources {
  client: Client;
  graph: OwnerGraph;
  /** The resource of a kind; undefined when the server does not serve it (any more, or yet). */
  refOf(group: string, kind: string): ResourceRef | undefined;
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

/** What decides over an object that may have lost its owners; undefined = nothing to decide. */
export async function collectView(
  from: Sources,
  node: GraphNode,
): Promise<CollectView | undefined> {
  if (node.beingDeleted && !node.deletingDependents) return undefined;
  const ref = node.ref ?? from.refOf(node.group, node.kind);
  if (!ref) throw new UnknownKind(node.group, node.kind);
  const latest = await read(from.client, ref, node.namespace, node.name);
  if (!latest || latest.metadata.uid !== node.uid) {
    // The watch will say the same later; of an owner that was only heard of nothing else will.
    if (node.virtual || !latest) from.graph.remove(node.uid);
    return undefined;
  }
  if (node.virtual) return undefined;
  const owners = node.deletingDependents ? [] : (latest.metadata.ownerReferences ?? []);
  return {
    node,
    ref,
    latest,
    owners: await sorted(from, node, owners),
    blocking: node.deletingDependents ? from.graph.blockingDependents(node) : [],
  };
}

/** An owner that leaves its dependents behind, and those that still name it. */
export async function releaseView(
  { client }: Sources,
  node: GraphNode,
): Promise<ReleaseView | undefined> {
  const { ref } = node;
  if (!ref) return undefined;
  const dependents: ReleaseView['dependents'] = [];
  for (const d of [...node.dependents]) {
    const latest = d.ref && (await read(client, d.ref, d.namespace, d.name));
    if (latest?.metadata.uid === d.uid) dependents.push({ ref: d.ref!, latest });
  }
  const latest = await read(client, ref, node.namespace, node.name);
  return { ref, uid: node.uid, dependents, latest: sameOne(latest, node) };
}

const sameOne = (latest: KubeObject | undefined, { uid }: GraphNode): KubeObject | undefined =>
  latest?.metadata.uid === uid ? latest : undefined;

async function sorted(
  from: Sources,
  node: GraphNode,
  references: OwnerReference[],
): Promise<Owners> {
  const found: Owners = { solid: [], dangling: [], waiting: [] };
  for (const reference of references) {
    const group = reference.apiVersion.includes('/')
      ? reference.apiVersion.slice(0, reference.apiVersion.indexOf('/'))
      : '';
    const ref = from.refOf(group, reference.kind);
    if (!ref) throw new UnknownKind(group, reference.kind);
    // A cluster-wide object cannot be owned by one in a namespace: such a reference is left alone,
    // as upstream does.
    if (ref.namespaced && node.namespace === '') {
      found.solid.push(reference);
      continue;
    }
    const owner = await read(from.client, ref, node.namespace, reference.name);
    if (!owner || owner.metadata.uid !== reference.uid) found.dangling.push(reference);
    else if (owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(foreground))
      found.waiting.push(reference);
    else found.solid.push(reference);
  }
  return found;
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
