import type { ObjectReference } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { eventRecorder } from '../../client/events.ts';
import { WatchingMirror } from '../../client/mirror.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startPlanned } from '../kit/planned.ts';
import { OwnerGraph, type GraphNode } from './graph.ts';
import {
  concludeRelease,
  planCollect,
  planRelease,
  type CollectView,
  type ReleaseView,
} from './plan.ts';
import { collectView, releaseView, UnknownKind, type Sources } from './view.ts';

const name = 'generic-garbage-collector';
const concurrency = 20;
/** Events own nothing, are owned by nothing, and are many. */
const ignored = new Set(['/events', 'events.k8s.io/events']);

/** Deletes what lost its owners, over all kinds that the server serves. */
export function startGarbageCollector(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const log = ctx.log.named(name);
  const monitors = new Map<string, { ref: ResourceRef; mirror: WatchingMirror<KubeObject> }>();
  /** Nodes whose owners are of a kind that is not served; looked at again when kinds change. */
  const unmapped = new Set<string>();
  let deletions: WorkQueue | undefined;
  let orphans: WorkQueue | undefined;
  const check = (node: GraphNode): void => deletions?.add(node.uid);

  const events = eventRecorder({
    client,
    clock: ctx.clock,
    log,
    component: 'garbage-collector-controller',
  });
  const graph = new OwnerGraph({
    check,
    orphan: (node) => orphans?.add(node.uid),
    misplaced: (node, ownerUid) => {
      const message = misplacedOwner(node, ownerUid);
      if (message && node.ref)
        events.warning(aboutNode(node, node.ref), 'OwnerRefInvalidNamespace', message);
    },
  });
  const sources: Sources = {
    client,
    graph,
    refOf: (group, kind) => {
      for (const { ref } of monitors.values())
        if (ref.group === group && ref.kind === kind) return ref;
      return ctx.resources().find((r) => r.group === group && r.kind === kind);
    },
  };

  const syncMonitors = (): void => {
    const wanted = new Map(ctx.resources().map((ref) => [`${ref.group}/${ref.resource}`, ref]));
    for (const [key, { mirror }] of monitors) {
      if (wanted.has(key)) continue;
      mirror.stop();
      monitors.delete(key);
      // The kind is gone, and all objects of it.
      for (const object of [...mirror.list()]) graph.remove(object.metadata.uid!);
    }
    for (const [key, ref] of wanted) {
      if (monitors.has(key) || ignored.has(key)) continue;
      const mirror = new WatchingMirror<KubeObject>(
        client,
        ref,
        { project: ownership },
        ctx.clock,
        log,
      );
      monitors.set(key, { ref, mirror });
      mirror.onChange(({ type, object, old }) =>
        type === 'DELETED' ? graph.remove(object.metadata.uid!) : graph.put(ref, object, old),
      );
    }
    for (const uid of unmapped) deletions?.add(uid);
    unmapped.clear();
  };

  const monitored = Promise.withResolvers<unknown>();
  const ready = monitored.promise;
  /** The monitors come and go, and passes read the server: no mirror is guarded. */
  const common = { name, client, mirrors: [], concurrency, worthRetry: isServed };
  const collecting = startPlanned<CollectView>(
    ctx,
    {
      ...common,
      ready,
      view: (uid) => {
        const node = graph.nodes.get(uid);
        return (
          node &&
          readable(
            () => collectView(sources, node),
            () => unmapped.add(uid),
          )
        );
      },
      plan: planCollect,
      remember: (_uid, { blocking }) => {
        for (const d of blocking) if (!d.deletingDependents) check(d);
      },
    },
    (queue) => (deletions = queue),
  );
  const orphaning = startPlanned<ReleaseView>(
    ctx,
    {
      ...common,
      title: 'orphaning',
      ready,
      view: (uid) => {
        const node = graph.nodes.get(uid);
        return node && readable(() => releaseView(sources, node));
      },
      plan: planRelease,
      conclude: concludeRelease,
    },
    (queue) => (orphans = queue),
  );
  syncMonitors();
  monitored.resolve(Promise.all([...monitors.values()].map((m) => m.mirror.synced)));
  const unsubscribe = ctx.onResourcesChange(syncMonitors);
  return {
    name,
    stop: () => {
      unsubscribe();
      collecting.stop();
      orphaning.stop();
      for (const { mirror } of monitors.values()) mirror.stop();
    },
    idle: async () => {
      await Promise.all([collecting.idle(), orphaning.idle()]);
    },
  };
}

/**
 * Broken servers behind the aggregator list kinds that they do not let be read or written: those
 * wait for their next change, and do not fill the log.
 */
const isServed = (error: unknown): boolean => !isApiError(error, 'MethodNotAllowed');

async function readable<V>(
  read: () => Promise<V | undefined>,
  unknown: () => void = () => undefined,
): Promise<V | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnknownKind) unknown();
    else if (isServed(error)) throw error;
    return undefined;
  }
}

/**
 * What upstream says of an owner in another namespace (garbagecollector/graph_builder.go
 * reportInvalidNamespaceOwnerRef).
 */
function misplacedOwner(node: GraphNode, ownerUid: string): string | undefined {
  const owner = node.owners.find(({ uid }) => uid === ownerUid);
  return (
    owner &&
    `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${node.namespace}, name: ` +
      `${owner.name}, uid: ${owner.uid}] does not exist in namespace ` +
      `${JSON.stringify(node.namespace)}`
  );
}

function aboutNode(node: GraphNode, ref: ResourceRef): ObjectReference {
  const apiVersion = ref.group ? `${ref.group}/${ref.version}` : ref.version;
  return {
    kind: ref.kind,
    apiVersion,
    ...(node.namespace && { namespace: node.namespace }),
    name: node.name,
    uid: node.uid,
  };
}

/** The part of an object that ownership is about. */
function ownership({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const {
    name: objectName,
    namespace,
    uid,
    resourceVersion,
    ownerReferences,
    finalizers,
    deletionTimestamp,
  } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name: objectName,
      namespace,
      uid,
      resourceVersion,
      ownerReferences,
      finalizers,
      deletionTimestamp,
    },
  };
}
