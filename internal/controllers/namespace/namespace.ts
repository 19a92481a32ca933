import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { messageOf, SkiffError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { isFinished } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';
import { deletionConditions, type Remains } from './conditions.ts';

const name = 'namespace-controller';
/** How long finalizers are thought to take when nothing better is known (upstream's figure). */
const finalizerEstimateSeconds = 15;
/** Content that no event tells us about is looked for again after at most this long. */
const longestRecheckMs = 5_000;

interface Pass extends Remains {
  estimateSeconds: number;
}

export function startNamespaceController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const namespaces = ctx.mirrors.of<Namespace>(refs.namespaces);
  const pods = ctx.mirrors.of<Pod>(refs.pods);
  const { clock } = ctx;

  const reconcile = async (key: string): Promise<void> => {
    const seen = namespaces.get(key);
    if (!seen?.metadata.deletionTimestamp) return;
    const namespace = await terminate(client, key);
    if (!namespace || (namespace.spec?.finalizers ?? []).length === 0) return;
    const pass = await deleteContent(client, namespace, ctx.resources(), clock.now());
    if (pass.errors.length > 0)
      throw new SkiffError(pass.errors.join('; '), {
        code: 'CONTENT_REMAINS',
        op: 'namespace.delete',
      });
    if (pass.resources.size > 0)
      return queue.addAfter(key, Math.min((pass.estimateSeconds / 2 + 1) * 1000, longestRecheckMs));
    await finalize(client, namespace.metadata.name!);
  };

  const queue = makeQueue(ctx, { name, reconcile, concurrency: 10 });
  namespaces.onChange(({ type, key, object }) => {
    if (type !== 'DELETED' && object.metadata.deletionTimestamp) queue.add(key);
  });
  // The last pod of a terminating namespace is what its other content waits for.
  pods.onChange(({ type, object }) => {
    const key = object.metadata.namespace ?? '';
    if (type === 'DELETED' && namespaces.get(key)?.metadata.deletionTimestamp) queue.add(key);
  });
  return run(queue, { name, mirrors: [namespaces, pods] });
}

/** The namespace with phase Terminating, or undefined when it is gone or not to be deleted. */
async function terminate(client: Client, name: string): Promise<Namespace | undefined> {
  try {
    const fresh = await client.get<Namespace>(refs.namespaces, { name });
    if (!fresh.metadata.deletionTimestamp) return undefined;
    if (fresh.status?.phase === 'Terminating') return fresh;
    return await client.update<Namespace>(
      refs.namespaces,
      { ...fresh, status: { ...fresh.status, phase: 'Terminating' } },
      { subresource: 'status' },
    );
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function finalize(client: Client, name: string): Promise<void> {
  try {
    const fresh = await client.get<Namespace>(refs.namespaces, { name });
    const finalizers = (fresh.spec?.finalizers ?? []).filter((f) => f !== 'kubernetes');
    await client.update(
      refs.namespaces,
      { ...fresh, spec: { ...fresh.spec, finalizers } },
      { subresource: 'finalize' },
    );
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

/**
 * Deletes pods first and, when the last is gone, everything else (KEP-5080): pods must not outlive
 * the policies that bind them.
 */
async function deleteContent(
  client: Client,
  namespace: Namespace,
  resources: ResourceRef[],
  nowMs: number,
): Promise<Pass> {
  const pass: Pass = {
    resources: new Map(),
    finalizers: new Map(),
    errors: [],
    estimateSeconds: 0,
  };
  const deletedAtMs = msOf(namespace.metadata.deletionTimestamp);
  const isPods = (ref: ResourceRef): boolean => ref.group === '' && ref.resource === 'pods';
  await deleteKind(client, refs.pods, namespace.metadata.name!, pass, (items) =>
    graceSeconds(items as Pod[], nowMs - deletedAtMs),
  );
  const podsOnly = pass.resources.size > 0;
  if (!podsOnly) {
    for (const ref of resources)
      if (ref.namespaced && !isPods(ref))
        await deleteKind(client, ref, namespace.metadata.name!, pass);
  }
  const conditions = deletionConditions(namespace.status?.conditions ?? [], pass, podsOnly, nowMs);
  if (conditions) {
    await client
      .update(
        refs.namespaces,
        { ...namespace, status: { ...namespace.status, conditions } },
        { subresource: 'status' },
      )
      .catch((error: unknown) => {
        // The conditions only tell; the deletion does not depend on them.
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
  }
  return pass;
}

function graceSeconds(pods: Pod[], elapsedMs: number): number {
  const longest = Math.max(
    0,
    ...pods.filter((p) => !isFinished(p)).map((p) => p.spec.terminationGracePeriodSeconds ?? 0),
  );
  return elapsedMs >= longest * 1000 ? 0 : longest;
}

async function deleteKind(
  client: Client,
  ref: ResourceRef,
  namespace: string,
  pass: Pass,
  estimateOf?: (items: KubeObject[]) => number,
): Promise<void> {
  const what = `${ref.resource}.${ref.group}`;
  try {
    // There may be many: they are read only where an estimate is made of them.
    const limit = estimateOf ? undefined : 1;
    const before = (await client.list<KubeObject>(ref, { namespace, limit })).items;
    if (before.length === 0) return;
    const estimate = estimateOf?.(before) ?? 0;
    await deleteAll(client, ref, namespace);
    const { items } = await client.list<KubeObject>(ref, { namespace });
    if (items.length === 0) return;
    pass.resources.set(what, items.length);
    const finalizers = items.flatMap((i) => i.metadata.finalizers ?? []);
    for (const f of finalizers) pass.finalizers.set(f, (pass.finalizers.get(f) ?? 0) + 1);
    pass.estimateSeconds = Math.max(
      pass.estimateSeconds,
      estimate,
      finalizers.length > 0 ? finalizerEstimateSeconds : 0,
    );
  } catch (error) {
    // the kind went away meanwhile, or cannot be listed
    if (isApiError(error, 'NotFound', 'MethodNotAllowed')) return;
    pass.errors.push(messageOf(error));
  }
}

async function deleteAll(client: Client, ref: ResourceRef, namespace: string): Promise<void> {
  try {
    await client.deleteCollection(ref, { namespace, propagationPolicy: 'Background' });
  } catch (error) {
    if (!isApiError(error, 'MethodNotAllowed')) throw error;
    const { items } = await client.list<KubeObject>(ref, { namespace });
    for (const item of items) {
      await client
        .delete(ref, { namespace, name: item.metadata.name! }, { propagationPolicy: 'Background' })
        .catch((e: unknown) => {
          if (!isApiError(e, 'NotFound')) throw e;
        });
    }
  }
}
