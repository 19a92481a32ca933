import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { isApiError } from '../owners.ts';
import {
  askedAfter,
  concludeTermination,
  planTermination,
  type Content,
  type NamespaceView,
} from './plan.ts';

const name = 'namespace-controller';
/** There may be many: no more are read of objects that are to be deleted anyway. */
const firstPage = 100;

/** Empties namespaces that are being deleted, and lets them go when nothing is left in them. */
export function startNamespaceController(ctx: ControllerContext): Controller {
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const asked = new Map<string, Map<ResourceRef, number>>();

  return startPlanned<NamespaceView>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.namespaces, mirror: namespaces },
        { ref: refs.pods, mirror: pods },
      ],
      concurrency: 10,
      view: async (key, read) => {
        if (!namespaces.get(key)?.metadata.deletionTimestamp) return undefined;
        const namespace = await freshNamespace(read.client, key);
        if (!namespace?.metadata.deletionTimestamp) return undefined;
        if ((namespace.spec?.finalizers ?? []).length === 0) return undefined;
        const view = await viewOf(read, namespace, ctx.resources(), asked.get(key) ?? new Map());
        asked.set(key, askedAfter(view));
        return view;
      },
      plan: planTermination,
      conclude: concludeTermination,
      forget: (key) => void asked.delete(key),
    },
    (queue) => {
      namespaces.onChange(({ type, key, object }) => {
        if (type === 'DELETED' || object.metadata.deletionTimestamp) queue.add(key);
      });
      // The last pod of a terminating namespace is what its other content waits for.
      pods.onChange(({ type, object }) => {
        const key = object.metadata.namespace ?? '';
        if (type === 'DELETED' && namespaces.get(key)?.metadata.deletionTimestamp) queue.add(key);
      });
    },
  );
}

async function freshNamespace(client: Client, key: string): Promise<Namespace | undefined> {
  try {
    return await client.get<Namespace>(refs.namespaces, { name: key });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function viewOf(
  { client, nowMs }: Reading,
  namespace: Namespace,
  resources: ResourceRef[],
  asked: Map<ResourceRef, number>,
): Promise<NamespaceView> {
  const view: NamespaceView = { namespace, contents: [], errors: [], podsOnly: false, nowMs };
  const look = async (ref: ResourceRef): Promise<void> => {
    try {
      const items = await itemsOf(client, ref, namespace.metadata.name!);
      if (items.length > 0) view.contents.push({ ref, items, asked: asked.get(ref) ?? 0 });
    } catch (error) {
      // The kind went away meanwhile, or cannot be listed.
      if (!isApiError(error, 'NotFound', 'MethodNotAllowed')) view.errors.push(messageOf(error));
    }
  };
  await look(refs.pods);
  if (view.contents.length > 0) return { ...view, podsOnly: true };
  const isPods = (ref: ResourceRef): boolean => ref.group === '' && ref.resource === 'pods';
  for (const ref of resources) if (ref.namespaced && !isPods(ref)) await look(ref);
  return view;
}

/** All objects once all of them are on their way out; before that the first page will do. */
async function itemsOf(
  client: Client,
  ref: ResourceRef,
  namespace: string,
): Promise<Content['items']> {
  const page = await client.list<KubeObject>(ref, { namespace, limit: firstPage });
  if (!page.continue || page.items.some((i) => !i.metadata.deletionTimestamp)) return page.items;
  return (await client.list<KubeObject>(ref, { namespace })).items;
}
